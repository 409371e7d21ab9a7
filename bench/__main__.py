"""`python -m bench [name]`: what a page costs, as a ratio to what any page costs here.

Each entry prints `name ratio goal ok` or `name ratio goal short`. A ratio is one of medians over alternating rounds of
the same run; its unit is CPU seconds of the server's processes per request, never wall time. `unknown_account_*` add
those of the database, and divide the dearer answer by the other: 1 tells a stranger nothing. `purge_*` are seconds by
the clock a member, and megabytes; `SCALE=1` measures them with ten thousand members of a hundred thousand.
"""

import os
import sys
import tempfile

from bench.entries import ENTRIES, Entry
from bench.stage import staged


def main(only: str = "") -> int:
    """Measure every entry, or those whose name begins with that; return 1 when a goal was missed."""
    chosen = [entry for entry in ENTRIES if only in ("", entry.name) or entry.name.startswith(f"{only}_")]
    if not chosen:
        print(f"no entry {only}; there are: {', '.join(entry.name for entry in ENTRIES)}")
        return 2
    with tempfile.TemporaryDirectory() as templates:
        os.environ["BENCH_TEMPLATES"] = templates
        with staged() as (server, people):
            return max([_report(entry, entry.measure(server, people)) for entry in chosen])


def _report(entry: Entry, ratio: float) -> int:
    short = ratio > entry.goal
    print(f"{entry.name} {ratio:.2f} {entry.goal:.4g} {'short' if short else 'ok'}", flush=True)
    return int(short)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
