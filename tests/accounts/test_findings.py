"""What other people said of somebody who leaves is not touched, and holds up the receipt until it is decided about."""

import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts import services, tasks
from accounts.models import Closure, Message, Profile, ResidueFinding, User
from accounts.models.message import hash_of_destination
from accounts.services import findings
from complaints.models import Entry
from tests.factories import make_case, make_member, make_staff, sign_in

pytestmark = pytest.mark.django_db

MAIL = f"lin.{secrets.token_hex(4)}@example.com"
WHY = "民法典第一千零三十四条以外的他人陈述"
HERE = "accounts_profile.introduction"


@pytest.fixture
def now():
    """When everybody in these tests has had an account for a while."""
    return timezone.now() + timedelta(minutes=1)


@pytest.fixture
def lin(now) -> User:
    member = make_member(email=MAIL, name="林巧稚")
    services.close_account(member=member, now=now - timedelta(days=8))
    return member


@pytest.fixture
def officer(db) -> User:
    return make_staff(role="个人信息保护负责人")


@pytest.fixture
def said(bob) -> Profile:
    """What another member says about themselves, with the address of who leaves in it."""
    return Profile.objects.create(member=bob, introduction=f"师从林老师，{MAIL.upper()}")


def purge(now) -> Closure:
    services.purge_due(now=now)
    return Closure.objects.get()


def decide(finding, by, now, decision="kept", reason=WHY) -> ResidueFinding:
    return services.decide_finding(finding_id=finding.pk, decision=decision, reason=reason, by=by, now=now)


def test_another_members_words_hold_the_closure_until_it_is_decided_that_they_stay(lin, said, officer, now):
    closure = purge(now)
    assert (closure.state, closure.step, closure.error, closure.member) == ("held", "proof", "", None)
    assert not User.objects.filter(email=MAIL).exists()
    finding = ResidueFinding.objects.get()
    assert (finding.closure, finding.place, finding.count, finding.decision) == (closure, HERE, 1, "")
    assert purge(now + timedelta(hours=1)).state == "held"
    decide(finding, officer, now)
    closure = purge(now)
    assert (closure.state, closure.traces) == ("done", None)
    finding.refresh_from_db()
    assert (finding.decision, finding.reason, finding.decided_by, finding.decided_at) == ("kept", WHY, officer, now)
    said.refresh_from_db()
    assert MAIL.upper() in said.introduction


def staffs_note(bob):
    return LogEntry.objects.create(user=make_staff(), action_flag=CHANGE, object_repr="", change_message=f"问过 {MAIL}")


def a_complaint(bob):
    return make_case(member=bob, body=f"林医生（{MAIL}）没有回我")


def an_answer(bob):
    return Entry.objects.create(case=make_case(member=bob), voice="staff", body=f"已问过 {MAIL}", at=timezone.now())


def who_never_signed_in(bob):
    return make_case(body=f"请转告 {MAIL}")


def an_address(bob):
    return EmailAddress.objects.create(user=bob, email=MAIL, verified=True)


def a_file(bob):
    file = Path(settings.MEDIA_ROOT) / str(bob.media_prefix) / "notes" / f"{MAIL}.txt"
    file.parent.mkdir(parents=True)
    file.touch()
    return file


@pytest.mark.parametrize(
    ("say", "place"),
    [
        (staffs_note, "django_admin_log.change_message"),
        (a_complaint, "complaints_entry.body"),
        (an_answer, "complaints_entry.body"),
        (who_never_signed_in, "complaints_entry.body"),
        (an_address, "account_emailaddress.email"),
        (a_file, "media.name"),
    ],
)
def test_whatever_belongs_to_somebody_else_asks_for_a_decision(lin, bob, officer, now, say, place):
    say(bob)
    assert purge(now).state == "held"
    finding = ResidueFinding.objects.get()
    assert finding.place == place
    decide(finding, officer, now)
    assert purge(now).state == "done"


def test_who_has_typed_the_same_number_and_not_proved_it_stands_in_nobodys_way(lin, now):
    for member in (lin, make_member()):
        member.set_phone("+8613800138000", verified=member == lin)
        member.save()
    assert purge(now).state == "done"


def test_what_no_key_opens_any_more_tells_nothing(lin, bob, now):
    case = make_case(member=bob, subject=MAIL)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE complaints_case SET subject = substr(subject, 1, 60) WHERE id = %s", [case.pk])
    assert purge(now).state == "done"


def test_what_is_gone_the_next_day_needs_nobody_to_decide(lin, said, now):
    closure = purge(now)
    said.delete()
    assert purge(now + timedelta(hours=23)).state == "held"
    assert purge(closure.next_attempt_at).state == "done"
    finding = ResidueFinding.objects.get()
    assert (finding.decision, finding.decided_by) == ("gone", None)


def test_who_comes_back_before_the_proof_is_there_is_left_alone(lin, said, officer, now):
    lin.set_phone("+8613800138000", verified=True)
    lin.save(update_fields=["phone", "phone_hash", "phone_verified"])
    SocialAccount.objects.create(user=lin, provider="weixin", uid="o-the-same-person")
    closure = purge(now)
    again = make_member(email=MAIL, date_joined=now + timedelta(hours=1))
    again.set_phone("+8613800138000", verified=False)
    again.save()
    SocialAccount.objects.create(user=again, provider="weixin", uid="o-the-same-person")
    EmailAddress.objects.create(user=again, email=MAIL, verified=False)
    services.send_message(channel="mail", to=MAIL, body="验证码", member=again, now=now)
    said.delete()
    assert purge(closure.next_attempt_at).state == "done"
    assert EmailAddress.objects.get(user=again).email == MAIL
    assert Message.objects.filter(to_hash=hash_of_destination(MAIL), member=again).exists()


def test_what_a_newcomer_says_of_themselves_hides_nothing_that_others_say(lin, said, now):
    closure = purge(now)
    make_member(email=MAIL, date_joined=now + timedelta(hours=1))
    assert purge(closure.next_attempt_at).state == "held"
    assert ResidueFinding.objects.undecided().get().place == HERE


def test_who_has_had_it_changed_asks_for_another_look_and_is_asked_again_if_it_is_still_there(lin, said, officer, now):
    purge(now)
    decide(ResidueFinding.objects.get(), officer, now, "look_again", "")
    assert purge(now).state == "held"
    said.delete()
    decide(ResidueFinding.objects.undecided().get(), officer, now, "look_again", "")
    assert purge(now).state == "done"


def test_a_decision_covers_as_many_places_as_were_there(lin, said, officer, now):
    purge(now)
    decide(ResidueFinding.objects.get(), officer, now)
    Profile.objects.create(member=make_member(), introduction=MAIL)
    assert purge(now).state == "held"
    more = ResidueFinding.objects.undecided().get()
    assert (more.place, more.count) == (HERE, 2)
    decide(more, officer, now)
    assert purge(now).state == "done"


def test_all_questions_have_to_be_answered(lin, said, bob, officer, now):
    staffs_note(bob)
    purge(now)
    first, second = ResidueFinding.objects.order_by("pk")
    decide(first, officer, now)
    assert Closure.objects.get().state == "held"
    decide(second, officer, now)
    assert purge(now).state == "done"


def test_what_is_nobodys_can_be_decided_about_as_well(lin, officer, now):
    Group.objects.create(name=MAIL)
    assert purge(now).state == "held"
    decide(ResidueFinding.objects.get(), officer, now)
    assert purge(now).state == "done"


def test_a_blocked_closure_can_come_to_wait_for_a_decision(lin, said, officer, now):
    for state, step in (("running", "sessions"), ("blocked", "rows")):
        Closure.objects.update(state=state, step=step)
    assert purge(now).state == "held"


def test_a_proof_that_was_blocked_can_come_to_wait_and_to_its_end(lin, said, officer, now, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("accounts.services.residue.files.search", lambda *_: 1 / 0)
        assert purge(now).error == "Unsearchable: ZeroDivisionError"
    Closure.objects.update(state="blocked")
    closure = purge(now + timedelta(minutes=1))
    assert closure.state == "held"
    Closure.objects.update(state="verifying")
    Closure.objects.update(state="blocked")
    said.delete()
    assert purge(closure.next_attempt_at).state == "done"


def test_the_officers_hear_of_it_once_and_nothing_says_what_it_is(lin, said, officer, now, caplog):
    make_staff(role="客服")
    closure = purge(now)
    for day in (1, 2, 3):
        purge(now + timedelta(days=day, hours=day))
    (mail,) = Message.objects.filter(member=officer)
    assert closure.number in mail.body
    assert Message.objects.exclude(member__in=[officer, lin]).count() == 0
    for told in (mail.body, caplog.text, closure.error, ResidueFinding.objects.get().place):
        assert MAIL not in told.lower()
        assert "林巧稚" not in told


def test_others_of_the_batch_do_not_wait(lin, said, now):
    services.close_account(member=make_member(), now=now - timedelta(days=8))
    assert services.purge_due(now=now) == 1
    assert Closure.objects.get(state="held").findings.exists()


@pytest.mark.parametrize(
    ("decision", "reason"),
    [("kept", " "), ("gone", WHY), ("", WHY), ("kept", f"她是 {MAIL}"), ("look_again", MAIL), ("kept", "林巧稚的同事")],
    ids=["no_reason", "no_such_decision", "none", "repeats_in_a_sentence", "repeats", "names"],
)
def test_a_decision_needs_a_reason_that_does_not_repeat_what_it_is_about(lin, said, officer, now, decision, reason):
    purge(now)
    with pytest.raises(services.NotADecision):
        decide(ResidueFinding.objects.get(), officer, now, decision, reason)
    assert ResidueFinding.objects.undecided().exists()


def test_deciding_twice_decides_once(lin, said, officer, now):
    purge(now)
    finding = decide(ResidueFinding.objects.get(), officer, now)
    with pytest.raises(services.AlreadyDecided):
        decide(finding, officer, now, "look_again", "")


def test_the_database_refuses_what_is_kept_without_a_reason_and_two_questions_about_one_place(lin, said, now):
    closure = purge(now)
    with pytest.raises(IntegrityError, match="kept_for_a_reason"), transaction.atomic():
        ResidueFinding.objects.update(decision="kept", decided_at=now)
    with pytest.raises(IntegrityError, match="one_open_question_per_place"), transaction.atomic():
        ResidueFinding.objects.create(closure=closure, place=HERE, count=1, found_at=now)


def test_a_finding_stays_with_its_closure_for_three_years_and_loses_who_decided_when_they_leave(
    lin, said, officer, now
):
    purge(now)
    decide(ResidueFinding.objects.get(), officer, now)
    purge(now)
    services.close_account(member=officer, now=now - timedelta(days=8))
    services.purge_due(now=now)
    assert ResidueFinding.objects.get().decided_by is None
    tasks.delete_outlived_rows()
    assert ResidueFinding.objects.exists()
    Closure.objects.update(ended_at=now - timedelta(days=4 * 366))
    tasks.delete_outlived_rows()
    assert not ResidueFinding.objects.exists()


# ── The desk ──


@pytest.fixture
def desk(client, settings, officer):
    settings.STAFF_SECOND_STEP = False
    return sign_in(client, officer)


def test_the_officer_sees_the_heap_opens_the_question_and_decides(lin, said, desk, officer, now):
    purge(now)
    finding = ResidueFinding.objects.get()
    front = desk.get("/admin/").content.decode()
    assert "<strong>1</strong> 处内容还提到已经注销的会员，待决定" in front
    queue = desk.get("/admin/accounts/residuefinding/?decision__exact=").content.decode()
    assert HERE in queue
    address = f"/admin/accounts/residuefinding/{finding.pk}/change/"
    page = desk.get(address).content.decode()
    assert findings.Decision.KEPT.label in page
    assert MAIL.upper() not in page
    assert "依法保留要写明理由" in desk.post(address, {"decision": "kept"}).content.decode()
    assert desk.post(address, {"decision": "kept", "reason": WHY})["Location"] == "/admin/accounts/residuefinding/"
    assert Closure.objects.get().state == "verifying"
    page = desk.get(address).content.decode()
    assert WHY in page
    assert '<form method="post" novalidate' not in page
    assert "已经有了决定" in desk.post(address, {"decision": "look_again"}, follow=True).content.decode()
    assert "待决定" not in desk.get("/admin/").content.decode()


def test_another_role_neither_sees_nor_decides(lin, said, client, settings, now):
    settings.STAFF_SECOND_STEP = False
    purge(now)
    finding = ResidueFinding.objects.get()
    sign_in(client, make_staff(role="客服"))
    assert "待决定" not in client.get("/admin/").content.decode()
    address = f"/admin/accounts/residuefinding/{finding.pk}/change/"
    assert client.get(address).status_code == 403
    assert client.post(address, {"decision": "kept", "reason": WHY}).status_code == 403
    assert ResidueFinding.objects.undecided().exists()
