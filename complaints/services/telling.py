"""Letting people know: the person that there is an answer, the desk that time runs out.

Messages name the case by its number and say nothing of what it is about: an SMS is read by whoever holds the phone.
"""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Message, User
from complaints.models import Case


def tell_of_answer(case: Case, *, now: datetime) -> None:
    _tell(case, news="有了新的答复", now=now)


def tell_of_decision(case: Case, *, now: datetime) -> None:
    _tell(case, news="已办结", now=now)


def _tell(case: Case, *, news: str, now: datetime) -> None:
    subject = f"您的{case.get_kind_display()}{news}"
    if case.member is None:
        where = f"凭查询码查看：{settings.SITE_URL}{reverse('complaints:index')}"
        _write_to_contact(case, subject=subject, text=f"{subject}（编号 {case.number}）。{where}", now=now)
    elif not case.member.is_closing:  # nothing is sent any more to who is leaving
        where = f"登录后查看：{settings.SITE_URL}{reverse('complaints:my_case', args=[case.number])}"
        accounts.notify(member=case.member, subject=subject, text=f"{subject}（编号 {case.number}）。{where}", now=now)


def _write_to_contact(case: Case, *, subject: str, text: str, now: datetime) -> None:
    """Use what the person left with the case; who left nothing comes back with their code."""
    if case.contact_email:
        headed, mail = f"【{settings.SITE_NAME}】{subject}", Message.Channel.MAIL
        accounts.send_message(channel=mail, to=case.contact_email, subject=headed, body=text, now=now)
    elif case.contact_phone:
        sms = Message.Channel.SMS
        accounts.send_message(channel=sms, to=case.contact_phone, subject=subject, body=text, now=now)


def tell_desk(people: Iterable[User], cases: list[Case], *, subject: str, now: datetime) -> None:
    """Write one message to each of these people that lists all of these cases."""
    lines = [f"{case.number}，最晚 {timezone.localtime(case.due_at):%-m 月 %-d 日}" for case in cases]
    where = f"{settings.SITE_URL}{reverse('admin:complaints_case_changelist')}"
    text = "\n".join([f"{subject}：", *lines, where])
    for person in people:
        accounts.notify(member=person, subject=subject, text=text, now=now)
