"""A newcomer's environment: keys made at first run, and a private PostgreSQL and Valkey from wheels.

Nothing here runs when SECRET_KEY, DATABASE_URL or REDIS_URL is set: production brings its own. Everything lies in
DEV_DIR. The servers belong to a keeper process, which lives exactly as long as somebody holds a lock on `in-use`: the
kernel lets go of the lock of whoever dies, however they die.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

OWN_ENVIRONMENT = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL")
ROOT = Path(__file__).resolve().parents[2]


def is_wanted() -> bool:
    """Tell whether nothing says that this machine brings an environment of its own."""
    return not any(os.environ.get(name) for name in OWN_ENVIRONMENT)


def directory() -> Path:
    """Name the directory that holds the demo's data: DEV_DIR, or `.dev` in the project, from wherever we are called."""
    return (ROOT / os.environ.get("DEV_DIR", ".dev")).resolve()


def provide(home: Path | None = None, *, scratch: bool = False) -> Path:
    """Fill in whatever the environment lacks, starting servers when none run; return the directory used.

    :raises SystemExit: when a server does not start, with the end of its log
    """
    from config.embedded import demo, keeper  # production never pays for these imports, nor needs their packages

    home = home or directory()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    defaults = demo.environment(home)
    lacking = {name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)}
    if lacking:
        defaults |= keeper.join(home, scratch=scratch)
    for name in sorted(lacking - defaults.keys()):
        raise SystemExit(f"{home} 里的门户用的是自己设置的 {name}，请在这里也设置它")
    if "REDIS_URL" not in lacking:
        defaults["CACHE_URL"] = _next_database(os.environ["REDIS_URL"])
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    return home


def _next_database(url: str) -> str:
    """Name the database after this one on the same server: emptying a cache must not empty the queue."""
    parts = urlsplit(url)
    return parts._replace(path=f"/{int(parts.path.strip('/') or 0) + 1}").geturl()
