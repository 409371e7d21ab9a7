"""A pytest plugin, loaded before Django's settings: gives each run servers and directories of its own."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from config import embedded

OURS = ("SECRET_KEY", "FIELD_KEYS", "LOOKUP_KEY", "MEDIA_ROOT", "STATIC_ROOT", "SMS_BACKEND", "EMAIL_URL", "DEV_DIR")


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        home = Path(tempfile.mkdtemp(prefix="portal-tests-"))
        early_config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
        for name in OURS:
            os.environ.pop(name, None)
        os.environ["DEV_DIR"] = str(home)
        embedded.provide(home, scratch=True)
    os.environ["CACHE_PREFIX"] = f"test-{worker or 'main'}"
