"""Makers of what tests need; each takes what matters to the test and makes up the rest."""

import re
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from io import BytesIO
from itertools import count
from typing import Any
from uuid import uuid4

from allauth.mfa import app_settings as second_step
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth.models import Group
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone
from PIL import Image

from accounts.models import Message, User
from accounts.models.message import hash_of_destination
from complaints import services as complaints
from complaints.models import Case, Picture
from consent import services as consent
from consent.models import Document
from consent.pictures import tidy
from courses import services
from courses.gateways import Trade, TradeState
from courses.models import Course, Enrollment, Lesson, Media, Order, Payment, PaymentAccount

_numbers = count(1)


def make_member(*, password: str = "correct horse battery", agrees: bool = True, **fields: Any) -> User:
    """Make a member who has agreed to whatever binds; `agrees=False`: one who has said nothing yet."""
    fields.setdefault("email", f"member{next(_numbers)}@example.com")
    fields.setdefault("adult_at", timezone.now())
    member = User.objects.create_user(password=password, **fields)
    return agree(member) if agrees else member


def agree(member: User, *, now: datetime | None = None) -> User:
    """Have a member agree to whatever binds, as everybody did who signed up."""
    moment = now or timezone.now()
    in_force = Document.objects.in_force(moment).filter(kind__in=Document.BINDING)
    consent.accept(member=member, documents=in_force, origin=consent.Origin(ip=None, browser="test"), now=moment)
    consent.owes_nothing(member=member, now=moment)
    return member


def make_document(**fields: Any) -> Document:
    """Make a version that was announced in time and takes effect yesterday."""
    defaults = {"kind": "agreement", "version": "1.0", "body": "正文。", "summary": "第一版。"}
    wanted = {**defaults, **fields}
    wanted.setdefault("title", Document.Kind(wanted["kind"]).label)
    wanted.setdefault("effective_at", timezone.now() - timedelta(days=1))
    wanted.setdefault("announced_at", wanted["effective_at"] - timedelta(days=7))
    return Document.objects.create(**wanted)


def make_course(*, lessons: int = 0, **fields: Any) -> Course:
    number = next(_numbers)
    course = Course.objects.create(
        **{
            "slug": f"course-{number}",
            "title": f"课程 {number}",
            "subtitle": "副标题",
            "summary": "一两句简介",
            "body": "- 学到一些",
            "audience": "妇产科医生",
            "price_fen": 19900,
            "published_at": timezone.now() - timedelta(days=30),
            **fields,
        }
    )
    for place in range(1, lessons + 1):
        make_lesson(course=course, number=place)
    return course


def make_lesson(*, course: Course | None = None, **fields: Any) -> Lesson:
    defaults = {"number": 1, "title": f"课时 {next(_numbers)}", "body": "正文", "minutes": 10}
    return Lesson.objects.create(course=course or make_course(), **{**defaults, **fields})


def make_picture(*, lesson: Lesson, **fields: Any) -> Media:
    defaults = {"kind": "picture", "name": f"picture-{next(_numbers)}", "alt": "一张图", "file": picture_file()}
    return Media.objects.create(lesson=lesson, **{**defaults, **fields})


def make_video(
    *, lesson: Lesson, content: bytes = b"\0\0\0\x20ftypisom" + bytes(range(256)) * 40, **fields: Any
) -> Media:
    defaults = {"kind": "video", "name": f"video-{next(_numbers)}", "alt": "一段视频"}
    file = ContentFile(content, name="video.mp4")
    return Media.objects.create(lesson=lesson, file=file, **{**defaults, **fields})


def picture_file(*, size: tuple[int, int] = (640, 360), kind: str = "PNG", **options: Any) -> ContentFile:
    out = BytesIO()
    Image.radial_gradient("L").resize(size).convert("RGB").save(out, kind, **options)
    return ContentFile(out.getvalue(), name=f"picture.{kind.lower()}")


def make_case(*, member: User | None = None, now: datetime | None = None, **fields: Any) -> Case:
    return open_case(member=member, now=now, **fields).case


def open_case(*, member: User | None = None, now: datetime | None = None, **fields: Any) -> complaints.Opened:
    """Like `make_case`, with the claim code of who has no account."""
    said = {
        "kind": "complaint",
        "subject": "课程放不出来",
        "body": "第二讲打开以后一直是黑的。",
        "contact": complaints.Contact(),
        "form_token": uuid4(),
    }
    return complaints.open_case(member=member, now=now or timezone.now(), **{**said, **fields})


def attach_pictures(
    case: Case, *, sources: Iterable[str] = ("pictures",), now: datetime | None = None
) -> list[Picture]:
    """Have the member of a case open the permissions and reply with a picture from each source; the last one first."""
    moment, wanted = now or timezone.now(), list(sources)
    device, member = consent.Device(case.member, uuid4()), case.member
    for kind in set(wanted):
        sheet = Document.objects.current(kind, moment)
        seen_from = consent.Origin(ip=None, browser="test")
        consent.open_permission(device=device, kind=kind, digest=sheet.digest, origin=seen_from, now=moment)
    added = complaints.Attached(device, [(kind, tidy(picture_file())) for kind in wanted])
    seen = case.entries.count()
    complaints.reply(case_id=case.pk, body=f"见图 {next(_numbers)}", seen=seen, attached=added, now=moment)
    member.refresh_from_db()
    return list(Picture.objects.of_case(case).order_by("-pk")[: len(wanted)])


def make_enrollment(*, member: User, course: Course, ended: bool = False) -> Enrollment:
    now = timezone.now()
    order = Order.objects.create(
        number=f"2026{next(_numbers):016}",
        member=member,
        course=course,
        title=course.title,
        total_fen=course.price_fen,
        status="refunded" if ended else "paid",
        placed_at=now,
        expires_at=now + timedelta(minutes=30),
        paid_at=now,
        completed_at=now,
    )
    return Enrollment.objects.create(
        member=member, course=course, order=order, started_at=now, ended_at=now if ended else None
    )


def make_phone_member(*, phone: str | None = None, password: str = "correct horse battery", **fields: Any) -> User:
    """Make a member known by a proven number only."""
    member = User(adult_at=timezone.now(), **fields)
    member.set_phone(phone or f"+86138{next(_numbers):08}", verified=True)
    member.set_password(password)
    member.save()
    return agree(member)


def make_staff(*, role: str = "", **fields: Any) -> User:
    """Make a colleague, in a role such as 客服."""
    member = make_member(is_staff=True, **fields)
    if role:
        member.groups.add(Group.objects.get(name=role))
    return member


def sign_in(client: Client, member: User) -> Client:
    """Sign a member in without asking for anything."""
    client.force_login(member, backend="accounts.backends.PortalBackend")
    return client


def just_proven(client: Client) -> Client:
    """Let a session's member have proven a moment ago, by a code, that it is them."""
    session = client.session
    session["account_authentication_methods_user"] = session["_auth_user_id"]
    session["account_authentication_methods"] = [{"method": "code", "at": time.time(), "reauthenticated": True}]
    session.save()
    return client


def say_why(client: Client, member: User, *, page: str = "change", **said: str) -> Any:
    """Open a member's page at the desk, and answer the question that stands before it."""
    asking = client.get(f"/admin/accounts/user/{member.pk}/{page}/").headers["Location"]
    return client.post(asking, {"reason": "sign_in", **said}, follow=True)


def last_message(to: str) -> Message:
    """Read what was last written to a number or an address."""
    return Message.objects.filter(to_hash=hash_of_destination(to)).latest("pk")


def last_code(to: str) -> str:
    """Read the six digits that were last sent to a number or an address."""
    return re.search(r"\d{6}", last_message(to).body)[0]


def make_order(*, member: User, course: Course | None = None, now: datetime | None = None) -> Order:
    return services.place_order(member=member, course=course or make_course(), now=now or timezone.now())


def make_payment(order: Order, *, now: datetime | None = None, **fields: Any) -> Payment:
    """Make an attempt to pay at the cashier of which nothing has been heard."""
    moment = now or timezone.now()
    defaults = {
        "out_trade_no": f"{order.number}P{next(_numbers)}",
        "channel": "alipay",
        "way": "cashier",
        "amount_fen": order.total_fen,
        "state": "pending",
        "created_at": moment,
        "expires_at": order.expires_at,
        "next_attempt_at": moment,
    }
    return Payment.objects.create(order=order, **{**defaults, **fields})


def make_paid_order(*, member: User, course: Course | None = None, now: datetime | None = None) -> Order:
    """Order a course and pay it, as a notice of the channel would."""
    order = make_order(member=member, course=course, now=now)
    payment = make_payment(order, now=now)
    paid = Trade(payment.out_trade_no, f"T{payment.pk:031}", payment.amount_fen, TradeState.PAID, is_ours=True)
    services.settle(channel="alipay", trade=paid, now=now or timezone.now())
    order.refresh_from_db()
    return order


def make_payment_account(*, member: User, token: str = "20265215715271617440", **fields: Any) -> PaymentAccount:
    now = timezone.now()
    defaults = {
        "channel": "alipay",
        "state": "live",
        "label": "支付宝 138****0000",
        "requested_at": now,
        "signed_at": now,
    }
    account = PaymentAccount(member=member, **{**defaults, **fields})
    account.set_token(token)
    account.save()
    return account


def totp_code(secret: str, *, steps_ago: int = 0) -> str:
    """Return what an authenticator app shows now, or showed so many times thirty seconds ago."""
    counter = int(time.time()) // second_step.TOTP_PERIOD
    return str(format_hotp_value(hotp_value(secret, counter - steps_ago)))
