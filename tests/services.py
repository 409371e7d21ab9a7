"""A pytest plugin, loaded before Django's settings: gives each run servers and directories of its own."""

import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from config import embedded

OURS = ("SECRET_KEY", "FIELD_KEYS", "LOOKUP_KEY", "MEDIA_ROOT", "STATIC_ROOT", "SMS_BACKEND", "EMAIL_URL")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start before pytest-django reads the settings, which a wrapper does.

    The directory goes with this process, however it ends: the keeper of its servers deletes it.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        for name in OURS:
            os.environ.pop(name, None)
        embedded.provide(Path(tempfile.mkdtemp(prefix="portal-tests-")), scratch=True)
        Path(os.environ["STATIC_ROOT"]).mkdir()
    elif worker.startswith("gw"):  # a cache of its own: whoever clears it clears nobody else's
        server, _, _ = os.environ["CACHE_URL"].rpartition("/")
        os.environ["CACHE_URL"] = f"{server}/{2 + int(worker[2:]) % 14}"
    return (yield)
