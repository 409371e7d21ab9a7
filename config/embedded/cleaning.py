"""`make clean`: remove the demo's data, wherever the cluster lies."""

import fcntl
import os
import shutil
from pathlib import Path

from config.embedded import servers


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
        place = servers.place_of_cluster(home)
        shutil.rmtree(home)
        if place.exists():
            shutil.rmtree(place)


if __name__ == "__main__":
    clean(Path(os.environ.get("DEV_DIR", ".dev")).resolve())
