"""Production needs environment variables and nothing else; a wrong one stops the start with its name."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import production

ROOT = Path(__file__).resolve().parents[2]
READ = re.compile(r"(?:env(?:\.\w+)?|environ\.get|key_ring|pem)\(\s*\"([A-Z_]+)\"")


def start(**changes: str | None) -> subprocess.CompletedProcess[str]:
    environment = {**production.environment(), **changes}
    chosen = {name: value for name, value in environment.items() if value is not None}
    command = [sys.executable, "-c", "import django; django.setup()"]
    chosen["DJANGO_SETTINGS_MODULE"] = "config.settings"
    return subprocess.run(command, cwd=ROOT, env=chosen, capture_output=True, text=True)


def test_every_variable_that_settings_read_has_its_sentence_and_no_other():
    sources = [ROOT / f"config/{name}.py" for name in ("settings", "weixin", "gunicorn")]
    read = {name for source in sources for name in READ.findall(source.read_text())}
    lines = (ROOT / ".env.example").read_text().splitlines()
    told = {line.partition("=")[0] for line in lines if re.match(r"[A-Z_]+=", line)}
    assert read == told
    for before, line in itertools.pairwise(lines):
        if re.match(r"[A-Z_]+=", line):
            assert before.startswith("# "), line


def test_a_production_environment_starts():
    assert start().returncode == 0


@pytest.mark.parametrize(
    "name",
    ["SECRET_KEY", "FIELD_KEYS", "LOOKUP_KEY", "RECEIPT_KEYS", "DATABASE_URL", "REDIS_URL", "CACHE_URL",
     "ALLOWED_HOSTS", "SITE_URL", "MEDIA_ROOT", "STATIC_ROOT", "LEDGER_DIR", "EMAIL_URL", "DEFAULT_FROM_EMAIL",
     "SMS_BACKEND"],
)  # fmt: skip
def test_a_missing_variable_stops_the_start_with_its_name(name):
    stopped = start(**{name: None})
    assert stopped.returncode != 0
    assert name in stopped.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "wrong", ["", "k1", "k1:c2hvcnQ=", "k1:no base64", ":MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]
)
def test_a_key_that_is_no_key_stops_the_start_with_its_name(wrong):
    stopped = start(FIELD_KEYS=wrong)
    assert stopped.returncode != 0
    assert "FIELD_KEYS" in stopped.stderr.splitlines()[-1]
    assert not wrong or wrong not in stopped.stderr.splitlines()[-1]


def test_a_missing_key_file_stops_the_start_with_the_name_of_its_variable():
    stopped = start(ALIPAY_PRIVATE_KEY="/nowhere/key.pem")
    assert stopped.returncode != 0
    assert "ALIPAY_PRIVATE_KEY" in stopped.stderr.splitlines()[-1]


def test_the_command_line_does_not_fall_back_to_the_demo_when_production_forgot_something():
    environment = production.environment()
    del environment["DATABASE_URL"]
    command = [sys.executable, "manage.py", "check"]
    stopped = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert stopped.returncode != 0
    assert "DATABASE_URL" in stopped.stderr
