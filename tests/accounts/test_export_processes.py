"""An export among real processes: killed while it reads, killed while it stores, and begun twice."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import Export
from accounts.services.exporting import DIED, PATIENCE
from bench.memory import forget_peak, peak
from tests.accounts.test_me import visit_often
from tests.accounts.test_purge_processes import locked, waiting_for_a_lock
from tests.factories import agree, attach_pictures, make_case, sign_in
from tests.workers import Workers, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

BUILD = "accounts.tasks.build_due_exports"


@pytest.fixture
def workers():
    started = Workers()
    yield started
    started.stop()


@pytest.fixture
def picture(documents, alice):
    """The path of a file of alice's, which goes along."""
    agree(alice)
    (attached,) = attach_pictures(make_case(member=alice))
    return Path(attached.file.path)


@contextmanager
def stuck_at(path: Path):
    """Have whoever reads this file wait in the middle of it; yields what waits until somebody does."""
    content = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    ends: list[int] = []

    def somebody_reads() -> bool:
        with suppress(OSError):  # ENXIO: nobody has opened it yet
            ends.append(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        return bool(ends)

    try:
        yield lambda: wait_until(somebody_reads)
    finally:
        path.unlink()
        path.write_bytes(content)
        for end in ends:
            os.close(end)


@contextmanager
def holding(member):
    """Hold a member's row, so that whoever stores a file for them waits."""
    known = connection.get_connection_params()
    with psycopg.connect(**{name: known[name] for name in ("dbname", "user", "password", "host", "port")}) as holder:
        holder.execute("SELECT FROM accounts_user WHERE id = %s FOR NO KEY UPDATE", [member.pk])
        yield
        holder.rollback()


def archives() -> list[Path]:
    return list(Path(settings.MEDIA_ROOT).rglob("*.zip*"))


def is_ready(export: Export) -> bool:
    return Export.objects.get(pk=export.pk).state == "ready"


def the_next_worker_builds(export: Export, workers: Workers) -> None:
    """Let the next worker build what the dead one began, and look at what the member gets."""
    left = Export.objects.get(pk=export.pk)
    assert (left.state, left.attempts, left.file.name) == ("building", 1, "")
    shortly_before = left.next_attempt_at - timedelta(seconds=1)
    assert services.build_due_exports(now=shortly_before) == 0, "its worker may live: the lease is not over"
    Export.objects.update(next_attempt_at=timezone.now())  # the lease of the dead runs out
    workers.start()
    workers.ask(BUILD)
    wait_until(lambda: is_ready(export))
    the_member_has_one(Export.objects.get())


def the_member_has_one(export: Export) -> None:
    (archive,) = archives()
    assert Path(export.file.path) == archive
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == export.sha256
    door = sign_in(Client(), export.member)
    assert door.get("/me/export/").content.decode().count("/download/") == 1
    handed = b"".join(door.get(f"/me/export/{export.token}/download/").streaming_content)
    assert hashlib.sha256(handed).hexdigest() == export.sha256


def test_a_worker_killed_while_it_reads_the_next_worker_builds(workers, picture, alice):
    export = services.request_export(member=alice, now=timezone.now())
    victim = workers.start()
    with stuck_at(picture) as somebody_reads:
        workers.ask(BUILD)
        somebody_reads()
        workers.kill(victim)
    assert archives() == []
    the_next_worker_builds(export, workers)
    assert Export.objects.get().attempts == 2


def test_an_export_that_kills_each_of_its_workers_ends_with_a_reason_and_may_be_tried_again(workers, picture, alice):
    export = services.request_export(member=alice, now=timezone.now())
    for attempt in range(1, PATIENCE + 1):
        victim = workers.start()
        with stuck_at(picture) as somebody_reads:
            workers.ask(BUILD)
            somebody_reads()
            workers.kill(victim)
        left = Export.objects.get()
        assert (left.state, left.attempts) == ("building", attempt)
        Export.objects.update(next_attempt_at=timezone.now())  # the lease of the dead runs out
    workers.start()
    workers.ask(BUILD)
    wait_until(lambda: Export.objects.get().state == "failed")
    failed = Export.objects.get()
    assert (failed.attempts, failed.error, archives()) == (PATIENCE, DIED, [])
    door = sign_in(Client(), alice)
    assert DIED in door.get("/me/export/").content.decode()

    door.post(f"/me/export/{export.token}/retry/")
    workers.ask(BUILD)
    wait_until(lambda: is_ready(export))
    the_member_has_one(Export.objects.get())


def test_a_worker_killed_after_it_stored_a_file_leaves_none_that_nobody_knows(workers, picture, alice):
    export = services.request_export(member=alice, now=timezone.now())
    victim = workers.start()
    with ExitStack() as unsaid:
        with holding(alice):
            workers.ask(BUILD)
            wait_until(waiting_for_a_lock)
            unsaid.enter_context(locked("accounts_export", "SHARE"))
        wait_until(archives)
        wait_until(waiting_for_a_lock)
        workers.kill(victim)
    (half,) = archives()
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    the_next_worker_builds(export, workers)


def test_two_workers_at_once_build_one_export_once(picture, alice):
    export = services.request_export(member=alice, now=timezone.now())

    def build() -> int:
        try:
            return services.build_due_exports(now=timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        with stuck_at(picture) as somebody_reads:
            first = other.submit(build)
            somebody_reads()
            assert services.build_due_exports(now=timezone.now()) == 0
        assert first.result() == 1
    export.refresh_from_db()
    assert export.attempts == 1
    the_member_has_one(export)


def test_two_hundred_thousand_visits_take_a_worker_little_more_memory_than_a_first_small_export(workers, alice):
    """At most 80 MB above what the worker holds once it has built one."""
    services.request_export(member=alice, now=timezone.now())
    worker = workers.start()
    workers.ask(BUILD)
    wait_until(lambda: Export.objects.get().state == "ready")
    visit_often(alice, 200_000)
    large = services.request_export(member=alice, now=timezone.now())
    processes = [worker.pid, *children_of(worker.pid)]
    idle = {process: forget_peak(process) for process in processes}
    workers.ask(BUILD)
    wait_until(lambda: is_ready(large), seconds=120)
    assert Export.objects.get(pk=large.pk).total > 200_000
    assert max(peak(process) - idle[process] for process in processes) <= 80


def children_of(process: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
