"""`make clean`: remove the demo's data, wherever the cluster lies; needs no package, for `.venv` may be broken."""

import fcntl
import shutil
from pathlib import Path

from config import embedded
from config.embedded import processes


def clean(home: Path) -> None:
    """Delete everything a newcomer's portal wrote.

    :raises SystemExit: when somebody still uses it
    """
    if not home.exists():
        return
    with (home / "in-use").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"门户还在运行（{home}），先停下它") from None
        place = processes.place_of_cluster(home)
        shutil.rmtree(home)
        if place.exists():
            shutil.rmtree(place)


if __name__ == "__main__":
    clean(embedded.directory())
