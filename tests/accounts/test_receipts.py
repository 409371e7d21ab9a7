"""The receipt of a leaving: issued only where nothing was found, signed, checkable by its number, naming nobody."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from allauth.usersessions.models import UserSession
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import ProgrammingError, transaction
from django.utils import timezone

from accounts import services
from accounts.models import Closure, Visit
from accounts.services.residue import Scan
from courses.models import Order
from tests import canaries
from tests.factories import (
    make_case,
    make_course,
    make_order,
    make_paid_order,
    make_payment_account,
    sign_in,
)

pytestmark = pytest.mark.django_db
OLD, NEW = b"o" * 32, b"n" * 32


@pytest.fixture(autouse=True)
def keys(settings):
    settings.RECEIPT_KEYS = {"old": OLD}


def leave(member, now) -> Closure:
    """Have a member leave at once."""
    closure = services.close_account(member=member, now=now)
    services.delete_now(member=member, now=now)
    assert services.purge_due(now=now) == 1
    closure.refresh_from_db()
    return closure


def kinds(client, closure) -> dict[str, dict]:
    told = client.get(f"/receipts/{closure.number}.json").json()
    return {kind["kind"]: kind for kind in told["receipt"]["kinds"]}


def test_it_tells_what_was_deleted_and_what_is_held_until_when_and_why(client, alice, now):
    order = make_order(member=alice, course=make_course())
    Visit.objects.bulk_create(
        Visit(member=alice, at=now, path="/", ip=None, browser="", language="") for _ in range(12)
    )
    told = kinds(client, leave(alice, now))
    assert (told["访问记录"]["outcome"], told["访问记录"]["rows"]) == ("deleted", "12")
    held = told[order._meta.verbose_name]
    assert (held["outcome"], held["rows"]) == ("held", "少于 10")
    end = timezone.localtime(Order.PersonalData.until.ends(now))
    assert held["until"] == f"最晚到{end:%Y年%-m月}底（自交易完成时间起 3 年）"
    assert "电子商务法" in held["because"]


def bought(member, *months: int) -> None:
    """Have a member pay in these months of 2026 for courses that are given back a month later."""
    for month in months:
        order = make_paid_order(member=member, course=make_course(slug=f"c{month}"))
        Order.objects.filter(pk=order.pk).update(completed_at=datetime(2026, month + 1, 3, 4, 5, 6, 7, tzinfo=UTC))
        order.payments.update(created_at=datetime(2026, month, 28, tzinfo=UTC))


def test_two_who_leave_in_one_batch_are_told_of_their_own_rows_and_months(client, alice, bob, now):
    bought(alice, 1, 5)
    bought(bob, 9)
    Visit.objects.bulk_create(
        Visit(member=alice, at=now, path="/", ip=None, browser="", language="") for _ in range(12)
    )
    closures = [services.close_account(member=member, now=now) for member in (alice, bob)]
    for member in (alice, bob):
        services.delete_now(member=member, now=now)
    assert services.purge_due(now=now) == 2
    own = timezone.localtime(Closure.PersonalData.until.ends(now))
    for closure, month, visits in zip(closures, ("6月", "10月"), ("12", None), strict=True):
        told = kinds(client, closure)
        assert told["订单"]["until"] == f"最晚到2029年{month}底（自交易完成时间起 3 年）"
        assert told["付款"]["until"] == f"最晚到2029年{month}底（随订单，自交易完成时间起 3 年）"
        assert told["注销编号与办理时间"]["until"].startswith(f"最晚到{own:%Y年%-m月}底（")
        assert told.get("访问记录", {}).get("rows") == visits
        assert "until" not in told["账号资料"]


def test_what_is_held_is_not_found_by_the_moment_at_which_it_ends(client, alice, now):
    bought(alice, 5)
    closure = leave(alice, now)
    assert closure.held_until["courses.Order"] == closure.held_until["courses.Payment"] == "2029-06"
    assert all(re.fullmatch(r"\d{4}-\d{2}", month) for month in closure.held_until.values())


def test_a_closure_that_was_asked_for_before_rows_were_counted_at_once_tells_of_all_of_them(
    client, alice, now, monkeypatch
):
    make_payment_account(member=alice)
    monkeypatch.setattr("accounts.closing.release", lambda member: member.payment_accounts.all().delete())
    closure = services.close_account(member=alice, now=now)
    services.delete_now(member=alice, now=now)
    Closure.objects.update(tally={})
    assert services.purge_due(now=now) == 1
    assert kinds(client, closure)["支付账号"]["rows"] == "少于 10"


def test_of_what_nobody_knows_the_end_the_rule_is_told(now):
    closure = Closure(requested_at=now, tally={"courses.Order": 1})
    services.receipts.Issuer(Scan(), now=now).issue(closure)
    (kind,) = json.loads(closure.receipt)["kinds"]
    assert kind["until"] == "自交易完成时间起 3 年"


def test_it_tells_of_what_went_before_the_rows_did(client, alice, now, monkeypatch):
    make_payment_account(member=alice)
    UserSession.objects.create(user=alice, session_key="x", ip="192.0.2.1", user_agent="Firefox")
    canaries.upload(alice, "照片")
    monkeypatch.setattr("accounts.closing.release", lambda member: member.payment_accounts.all().delete())
    told = kinds(client, leave(alice, now))
    for name in ("支付账号", "登录设备", "上传和导出的文件"):
        assert (told[name]["outcome"], told[name]["rows"]) == ("deleted", "少于 10"), name


def test_it_names_nobody_and_says_until_when_backups_have_it(client, alice, now, settings):
    settings.BACKUP_DAYS = 35
    contact, name = alice.email, alice.name
    make_case(member=alice, body="只有我知道的事")
    closure = leave(alice, now)
    page = client.get(f"/receipts/{closure.number}/").content.decode()
    told = client.get(f"/receipts/{closure.number}.json").content.decode()
    for secret in (contact, name, "只有我知道的事", str(alice.subject)):
        assert not secret or secret not in page + told
    assert json.loads(told)["receipt"]["backups_until"][:10] == f"{now + timedelta(days=35):%Y-%m-%d}"


def test_anybody_can_verify_it_without_us(client, alice, now):
    told = client.get(f"/receipts/{leave(alice, now).number}.json").json()
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(told["public_key"]))
    public.verify(base64.b64decode(told["signature"]), told["signed"].encode())
    assert json.loads(told["signed"]) == told["receipt"]


def test_what_is_printed_bears_the_signature_and_the_key(client, alice, now):
    closure = leave(alice, now)
    page = client.get(f"/receipts/{closure.number}/").content.decode().partition("<main")[2]
    opened = re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL)  # paper cannot be opened
    assert closure.signature in opened
    assert services.read_receipt(closure).public_key in opened


def test_it_holds_after_the_keys_were_changed_and_not_after_its_key_is_gone(client, alice, bob, now, settings):
    first = leave(alice, now)
    settings.RECEIPT_KEYS = {"new": NEW, "old": OLD}
    second = leave(bob, now)
    assert (first.signed_with, second.signed_with) == ("old", "new")
    for closure in (first, second):
        assert "签名有效" in client.get(f"/receipts/{closure.number}/").content.decode()
    settings.RECEIPT_KEYS = {"new": NEW}
    page = client.get(f"/receipts/{first.number}/").content.decode()
    assert "签名无效" in page
    assert "已不在本站" in page


@pytest.mark.parametrize(
    "change",
    [{"receipt": '{"number":"x"}'}, {"signature": "AAAA"}, {"signature": "不是"}, {"signed_with": "new"}],
)
def test_one_that_was_touched_does_not_hold(alice, now, settings, change):
    settings.RECEIPT_KEYS = {"old": OLD, "new": NEW}
    closure = leave(alice, now)
    for name, value in change.items():
        setattr(closure, name, value)
    assert not services.read_receipt(closure).is_valid


def test_another_closures_receipt_is_not_ones_own(alice, bob, now):
    mine, his = leave(alice, now), leave(bob, now)
    mine.receipt, mine.signature = his.receipt, his.signature
    assert not services.read_receipt(mine).is_valid


def test_once_issued_the_database_lets_nobody_change_it(alice, now):
    closure = leave(alice, now)
    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        Closure.objects.filter(pk=closure.pk).update(receipt="{}")


def test_there_is_none_before_everything_is_gone(client, alice, now):
    closure = services.close_account(member=alice, now=now)
    for address in (f"/receipts/{closure.number}/", f"/receipts/{closure.number}.json", "/receipts/ZX-2222-2222-2222/"):
        assert client.get(address).status_code == 404
    assert f"/receipts/{closure.number}/" not in client.get(closure.get_absolute_url()).content.decode()


def test_the_goodbye_leads_to_it_and_another_member_may_read_it(client, alice, bob, now):
    closure = leave(alice, now)
    assert f"/receipts/{closure.number}/" in client.get(closure.get_absolute_url()).content.decode()
    assert sign_in(client, bob).get(f"/receipts/{closure.number}/").status_code == 200
