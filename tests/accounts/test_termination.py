"""Ending somebody's agreement for cause: they are told, they go, and only a digest under a key refuses them."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts import services
from accounts.models import Closure, Exclusion, Message, User
from accounts.models.message import hash_of_destination
from tests.factories import make_member, make_staff, say_why, sign_in
from tests.terms import expire

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def proven(alice):
    """Her address is one that she proved; others type an address without owning it."""
    return EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)


@pytest.fixture
def officer(settings):
    settings.STAFF_SECOND_STEP = False
    return make_staff(role="个人信息保护负责人")


def gone(member, officer, now) -> Closure:
    closure = services.terminate(member=member, by=officer, now=now)
    assert services.purge_due(now=now + timedelta(hours=23)) == 0
    assert services.purge_due(now=now + timedelta(hours=24)) == 1
    closure.refresh_from_db()
    return closure


def test_they_are_told_and_shut_out_and_cannot_take_it_back(alice, officer, now):
    closure = services.terminate(member=alice, by=officer, now=now)
    alice.refresh_from_db()
    assert alice.is_closing
    assert "终止" in Message.objects.get(member=alice).body
    with pytest.raises(services.ClosureNotRevocable):
        services.withdraw_closure(member=alice, now=now)
    page = sign_in(Client(), alice).get("/me/closing/", follow=True).content.decode()
    assert "撤回注销" not in page
    assert "账号已被终止" in page
    assert "可以在「投诉与咨询」里提出申诉" in page
    for told in (page, Client().get(closure.get_absolute_url()).content.decode()):
        assert "开始删除，不能撤回" in told
        assert "几分钟" not in told
        assert "已经开始删除" not in told


def test_all_that_is_left_is_a_digest_that_names_nobody(alice, officer, now):
    contact = alice.email
    assert gone(alice, officer, now).state == "done"
    left = Exclusion.objects.get()
    assert left.member is None
    assert contact not in left.digest
    assert left.decided_by == officer


def test_doing_it_twice_or_while_they_leave_anyway_is_one(alice, officer, now):
    services.close_account(member=alice, now=now)
    first = services.terminate(member=alice, by=officer, now=now)
    assert services.terminate(member=alice, by=officer, now=now) == first
    assert Exclusion.objects.count() == Closure.objects.count() == 1
    assert Closure.objects.get().is_final


def test_who_was_leaving_anyway_is_told_and_goes_tomorrow_and_not_in_a_week(alice, officer, now):
    goodbye = services.close_account(member=alice, now=now)
    closure = services.terminate(member=alice, by=officer, now=now)
    assert closure == goodbye
    assert (closure.due_at, closure.next_attempt_at) == (now + timedelta(days=1), now + timedelta(days=1))
    (told,) = Message.objects.filter(member=alice)
    assert "违反服务协议被终止" in told.body
    assert "/complaints/" in told.body
    assert closure.number in told.body
    services.terminate(member=alice, by=officer, now=now + timedelta(hours=12))
    assert Message.objects.filter(member=alice).count() == 1
    assert services.purge_due(now=now + timedelta(days=1)) == 1


def test_nobody_with_powers_is_shown_out(officer, now):
    with pytest.raises(services.NotTerminable):
        services.terminate(member=make_staff(), by=officer, now=now)
    assert not Exclusion.objects.exists()


@pytest.mark.usefixtures("documents")
def test_its_contact_cannot_join_for_three_years_and_only_its_owner_is_told_why(alice, officer, now):
    contact = alice.email
    gone(alice, officer, now)
    Message.objects.all().delete()
    answers = [join(Client(), to) for to in (contact, "somebody@example.org")]
    assert answers[0] == answers[1]
    assert not User.objects.filter(email=contact).exists()
    told = Message.objects.get(to_hash=hash_of_destination(contact))
    assert "不能重新注册" in told.body
    assert "前不能注册，可以申诉" in told.subject
    assert len(services.refusal_of(contact).subject) <= Message.LONGEST_PARAM
    with_term_over = now + timedelta(days=365 * 3 + 1)
    assert services.excluded_until(contact=contact, now=with_term_over) is None
    expire(now=now + timedelta(days=365 * 3 + 2))  # three calendar years have a leap day
    assert not Exclusion.objects.exists()


def join(client: Client, email: str) -> tuple[int, str]:
    page = client.get("/account/signup/?by=email")
    form = page.context["form"]
    said = {name: form.initial.get(name, form.fields[name].initial) or "" for name in form.fields}
    ticked = {name: "on" for name in form.fields if name.startswith("accept_") or name == "adult"}
    answer = client.post("/account/signup/", {**said, **ticked, "email": email, "password1": "correct horse battery"})
    return answer.status_code, answer.headers.get("Location", "")


# ── At the desk ──


def test_it_is_said_twice_at_the_desk_and_written_into_the_log(alice, officer):
    client = sign_in(Client(), officer)
    address = f"/admin/accounts/user/{alice.pk}/terminate/"
    assert address in say_why(client, alice).content.decode()
    page = client.post(address, {}).content.decode()
    assert "先告知会员" in page
    assert not Closure.objects.exists()
    assert client.post(address, {"is_told": "on"}).status_code == 302
    closure = Closure.objects.get(member=alice)
    entry = LogEntry.objects.get()
    assert entry.object_id == str(closure.pk)
    assert alice.email not in str(entry) + entry.change_message


@pytest.mark.parametrize("role", ["客服", ""])
def test_only_who_may_does(alice, settings, role):
    settings.STAFF_SECOND_STEP = False
    client = sign_in(Client(), make_staff(role=role))
    answer = client.post(f"/admin/accounts/user/{alice.pk}/terminate/", {"is_told": "on"})
    assert answer.status_code == 403
    assert not Closure.objects.exists()


def test_a_member_who_does_not_exist_or_is_of_the_staff_is_not_offered(officer):
    client = sign_in(Client(), officer)
    colleague = make_staff()
    assert client.get("/admin/accounts/user/999999/terminate/").status_code == 404
    assert client.post(f"/admin/accounts/user/{colleague.pk}/terminate/", {"is_told": "on"}).status_code == 403
    page = say_why(client, make_member()).content.decode()
    assert "因违规终止协议" in page
