"""The portal's tasks with a purge that takes a few closures at a time, so that several processes get some of them."""

from unittest import mock

from celery.signals import worker_init

from config.celery import app

__all__ = ["app"]


@worker_init.connect
def _take_a_few(**_: object) -> None:
    from accounts.services import purge

    for size in ("BATCH", "PROVEN"):
        mock.patch.object(purge, size, 20).start()
