"""A newcomer's servers: only what is lacking is started, and a directory serves whoever comes."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.embedded import processes
from config.embedded.cleaning import clean
from tests import production

ROOT = Path(__file__).resolve().parents[2]
SHOW = "from config import embedded; embedded.provide(); import os, json; print(json.dumps(dict(os.environ)))"
pytestmark = pytest.mark.processes


@pytest.fixture
def newcomer(tmp_path):
    """Runs a line of Python as somebody who has set nothing but these."""
    home = tmp_path / "home"

    def run(line: str = SHOW, **environment: str) -> subprocess.Popen[str]:
        said = {"PATH": os.environ["PATH"], "DEV_DIR": str(home), **environment}
        return subprocess.Popen(
            [sys.executable, "-c", line], cwd=ROOT, env=said, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    yield run
    with (home / "keeper").open("a") as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)  # until the servers have stopped
    clean(home)


def outcome(process: subprocess.Popen[str]) -> dict[str, str]:
    out, complaints = process.communicate(timeout=90)
    assert process.returncode == 0, complaints
    return json.loads(out)


def test_only_what_is_lacking_is_started(newcomer, tmp_path):
    own = "postgres://me:secret@db.example.com/mine"
    found = outcome(newcomer(DATABASE_URL=own))
    assert found["DATABASE_URL"] == own
    assert found["REDIS_URL"].startswith("redis://:")
    assert not (processes.place_of_cluster(tmp_path / "home") / "postgres").exists()


def test_a_cache_has_a_database_beside_the_queue_that_is_given(newcomer):
    found = outcome(newcomer(REDIS_URL="redis://redis.example.com:6379/3", DATABASE_URL="postgres://db.example.com/x"))
    assert found["CACHE_URL"] == "redis://redis.example.com:6379/4"


def test_two_who_come_at_once_share_servers_and_keys(newcomer):
    one, other = newcomer(), newcomer()
    found, again = outcome(one), outcome(other)
    assert found["SECRET_KEY"] == again["SECRET_KEY"]
    assert found["FIELD_KEYS"] == again["FIELD_KEYS"]


def test_who_comes_while_the_last_one_leaves_is_served_too(newcomer):
    ask = (
        "from config import embedded; embedded.provide(); import os, psycopg;"
        "print(psycopg.connect(os.environ['DATABASE_URL']).execute('SELECT 1').fetchone()[0])"
    )
    assert [outcome(newcomer(ask)) for _ in range(4)] == [1, 1, 1, 1]


def test_what_is_kept_is_for_its_owner_alone(newcomer, tmp_path):
    outcome(newcomer())
    home = tmp_path / "home"
    assert [oct(path.stat().st_mode)[-3:] for path in (home, home / "keys.json")] == ["700", "600"]


def test_production_starts_nothing(tmp_path):
    environment = {**production.environment(), "DEV_DIR": str(tmp_path / "home")}
    environment["DJANGO_SETTINGS_MODULE"] = "config.settings"
    for entrance in ("config.wsgi", "config.celery"):
        subprocess.run([sys.executable, "-c", f"import {entrance}"], cwd=ROOT, env=environment, check=True)
    assert not (tmp_path / "home").exists()
