"""The clock: what runs when, and how its workers behave.

A message is only a hint that a row may be due: whoever loses one loses nothing, the next beat says it again.
"""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from celery import Celery, Task
from celery.signals import setup_logging
from django.conf import settings
from django_structlog.celery.steps import DjangoStructLogInitStep

# Task -> seconds between two runs.
BEAT_SCHEDULE: dict[str, float] = {
    "config.tasks.heartbeat": 5,
    "accounts.tasks.deliver_due_sms": 1,
    "accounts.tasks.deliver_due_mail": 1,
    "accounts.tasks.purge_due_accounts": 10,
    "accounts.tasks.write_ledger": 2,
    "accounts.tasks.alarm_late_closures": 3600,
    "accounts.tasks.alarm_unwritten_erasures": 300,
    "accounts.tasks.build_due_exports": 1,
    "accounts.tasks.delete_outlived_rows": 3600,
    "accounts.tasks.alarm_missed_retention": 3600,
    "consent.tasks.seal_record": 1,
    "consent.tasks.write_head_of_record": 3600,
    "consent.tasks.carry_out_recalls": 30,
    "courses.tasks.submit_due_debits": 1,
    "courses.tasks.query_silent_payments": 2,
    "courses.tasks.tend_due_accounts": 2,
    "courses.tasks.submit_due_refunds": 3,
    "courses.tasks.expire_due_orders": 10,
    "courses.tasks.apply_stranded_notices": 15,
    "complaints.tasks.remind_due_cases": 600,
    "complaints.tasks.alarm_overdue_cases": 600,
}

RUNS_ANYWAY = {
    "config.tasks.heartbeat",
    "accounts.tasks.deliver_due_sms",
    "accounts.tasks.deliver_due_mail",
    "accounts.tasks.alarm_unwritten_erasures",
}


class PortalTask(Task):
    """A task that does nothing while the site is closed, because a restored database has people in it who had gone.

    Nearly all would act on what was undone: write to them, charge them, erase who had changed their mind. Whatever is
    due stays due; the next beat finds it. What staff need to open the site again runs on: the pulse, the alarm about
    the ledger, which goes to them, and the delivery, which by itself passes over everybody who is not of the staff.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from accounts.services import is_closed

        return None if self.name not in RUNS_ANYWAY and is_closed() else super().__call__(*args, **kwargs)


app = Celery("portal", broker=settings.REDIS_URL, task_cls=PortalTask)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    timezone=settings.TIME_ZONE,
    # Somebody waits for a code with the page open: its senders share no worker with sweeps that take long.
    task_routes={"accounts.tasks.deliver_*": {"queue": "messages"}},
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_soft_shutdown_timeout=10,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    broker_connection_retry_on_startup=True,
    broker_connection_timeout=1,
    # Longer than the longest task: a message that is not acknowledged by then is delivered again.
    broker_transport_options={"visibility_timeout": 3600, "socket_timeout": 5, "socket_connect_timeout": 1},
    beat_scheduler="config.beat.LeaderScheduler",
    beat_max_loop_interval=1,
    beat_schedule={
        # A sweep that waited longer than its successor is of no use: beside one busy worker they would pile up.
        task: {"task": task, "schedule": seconds, "options": {"expires": max(5, seconds)}}
        for task, seconds in BEAT_SCHEDULE.items()
    },
)
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """Stop Celery from replacing the portal's log format with its own."""
