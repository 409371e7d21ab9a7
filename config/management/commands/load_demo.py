"""`manage.py load_demo`: texts in force, courses to learn, people to sign in as, sentences for the support desk."""

import os
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from accounts.services import ensure_member
from complaints.models import CannedAnswer
from consent.models import Document
from consent.services import publish_documents
from courses.services import add_demo_courses

PEOPLE: dict[str, dict[str, Any]] = {
    "DOCTOR": {"email": "doctor@example.com", "name": "林静", "phone": "+8613900000001"},
    "SUPPORT": {"email": "support@example.com", "name": "周宁", "is_staff": True, "roles": ["客服"]},
    "SUPERUSER": {"email": "admin@example.com", "name": "陈岚", "is_staff": True, "is_superuser": True},
}
CANNED = {
    "已收到": "您好，您反映的情况已经收到，我们正在核实，会在页面上写明的日期之前答复您。",
    "请补充": "您好，为了查清这件事，还需要您补充：1. 大致的时间；2. 您当时看到的页面或提示。直接在下面回复即可。",
    "退款到账时间": "您好，退款已经提交给付款的渠道，款项会原路退回。渠道通常需要几个工作日，以渠道的通知为准。",
}


class Command(BaseCommand):
    help = "载入演示内容；已有的数据不会改动，可以重复运行"

    def handle(self, *_: Any, **options: Any) -> None:
        now, passwords = timezone.now(), {who: _password(who) for who in PEOPLE}
        with transaction.atomic():
            publish_documents(now=now)
            courses = add_demo_courses(now=now)
            self._people(passwords, now=now)
            self._canned_answers()
        if options["verbosity"] > 0:
            self.stdout.write(f"演示内容已就绪，新增课程 {len(courses)} 门")

    def _people(self, passwords: dict[str, str], *, now: datetime) -> None:
        agreed = list(Document.objects.in_force(now).filter(kind__in=["agreement", "privacy"]))
        for who, details in PEOPLE.items():
            ensure_member(password=passwords[who], documents=agreed, now=now, **details)

    def _canned_answers(self) -> None:
        if not CannedAnswer.objects.exists():
            CannedAnswer.objects.bulk_create(CannedAnswer(title=title, body=body) for title, body in CANNED.items())


def _password(who: str) -> str:
    password = os.environ.get(f"DEMO_PASSWORD_{who}")
    if not password:
        raise CommandError(f"没有设置 DEMO_PASSWORD_{who}：演示账号的密码来自环境变量")
    return password
