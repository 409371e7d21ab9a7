"""The most memory that a process has held (Linux, proc(5))."""

import re
from pathlib import Path


def peak(process: int | str = "self") -> float:
    """Return it in megabytes, since the process began or its peak was forgotten."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def forget_peak(process: int | str = "self") -> float:
    """Count anew from what is held now; return that, in megabytes."""
    Path(f"/proc/{process}/clear_refs").write_text("5")
    return peak(process)
