"""The purge: what is due goes, step by step, whatever fails beside it."""

import json
from datetime import timedelta
from itertools import count

import pytest
from allauth.account.models import EmailAddress
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.cached_db import KEY_PREFIX, SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts import services, tasks
from accounts.models import Closure, Disclosure, Erasure, Message, ResidueFinding, User
from accounts.services import erasing, purge, receipts, residue
from complaints.models import Case, Entry
from consent.models import Acceptance, Evidence
from tests.factories import make_case, make_member

pytestmark = pytest.mark.django_db


def leaving(member, *, now, days=8) -> Closure:
    """Close an account so long ago that the deletion is due."""
    return services.close_account(member=member, now=now - timedelta(days=days))


def poison(member):
    """Let the database refuse to delete this one row."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'poisoned row of {member.email}'; END $$;
            CREATE TRIGGER poisoned BEFORE DELETE ON accounts_user FOR EACH ROW
            WHEN (OLD.id = {member.pk}) EXECUTE FUNCTION refuse();
            """
        )


def cure():
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER poisoned ON accounts_user; DROP FUNCTION refuse()")


def test_a_member_whose_day_has_come_is_gone_and_the_closure_names_nobody(alice, bob, now, monkeypatch):
    monkeypatch.setattr(purge, "monotonic", lambda: 0.0)  # a sweep that takes no time
    closure = leaving(alice, now=now)
    assert services.purge_due(now=now) == 1
    assert list(User.objects.all()) == [bob]
    closure.refresh_from_db()
    assert (closure.state, closure.step, closure.member, closure.ended_at) == ("done", "", None, now)
    assert closure.tally["accounts.User"] == 1


def test_each_batch_is_erased_and_proven_at_its_own_moment(alice, bob, now, monkeypatch):
    monkeypatch.setattr(purge, "monotonic", count(step=0.01).__next__)  # time goes on whenever somebody looks
    monkeypatch.setattr(purge, "BATCH", 1)
    monkeypatch.setattr(purge, "PROVEN", 1)
    closures = [leaving(alice, now=now), leaving(bob, now=now)]
    assert services.purge_due(now=now) == 2
    first, second = Closure.objects.filter(pk__in=[closure.pk for closure in closures]).order_by("erased_at")
    assert now < first.erased_at < second.erased_at < min(first.ended_at, second.ended_at)
    assert first.ended_at != second.ended_at
    assert [receipts.read(one).content["erased_at"] for one in (first, second)] == [
        one.erased_at.isoformat(timespec="seconds") for one in (first, second)
    ]


def test_nobody_goes_before_their_day(alice, now):
    leaving(alice, now=now, days=6)
    assert services.purge_due(now=now) == 0
    assert User.objects.filter(pk=alice.pk).exists()


def test_who_withdrew_stays(alice, now):
    leaving(alice, now=now)
    services.withdraw_closure(member=alice, now=now)
    assert services.purge_due(now=now) == 0
    assert not User.objects.get(pk=alice.pk).is_closing


def test_who_withdraws_a_second_before_their_day_stays_and_a_second_later_it_is_too_late(alice, bob, now):
    due = {member: services.close_account(member=member, now=now).due_at for member in (alice, bob)}
    services.withdraw_closure(member=alice, now=due[alice] - timedelta(seconds=1))
    services.purge_due(now=due[bob])
    with pytest.raises(services.ClosureNotRevocable):
        services.withdraw_closure(member=bob, now=due[bob] + timedelta(seconds=1))
    assert list(User.objects.all()) == [alice]
    assert not User.objects.get().is_closing


def test_purging_twice_does_nothing_twice(alice, now):
    leaving(alice, now=now)
    assert services.purge_due(now=now) == 1
    assert services.purge_due(now=now) == 0


def test_the_same_address_can_register_anew_afterwards(alice, now):
    leaving(alice, now=now)
    services.purge_due(now=now)
    again = make_member(email=alice.email)
    assert services.close_account(member=again, now=now).state == "cooling"


def test_what_was_agreed_to_stays_and_points_at_nobody_and_its_evidence_goes(alice, bob, documents, now):
    """The documents' fixture has had both agree to two texts."""
    said = list(Acceptance.objects.for_member(alice).order_by("pk").values())
    closure = leaving(alice, now=now)
    services.purge_due(now=now)
    assert list(Acceptance.objects.filter(subject_id=alice.subject).order_by("pk").values()) == said
    assert not User.objects.filter(subject=alice.subject).exists()
    assert {evidence.acceptance.subject for evidence in Evidence.objects.select_related("acceptance")} == {bob}
    closure.refresh_from_db()
    assert closure.tally["consent.Acceptance"] == closure.tally["consent.Evidence"] == 2


def test_a_poisoned_row_blocks_its_owner_and_nobody_else(alice, now):
    leaver = make_member()
    closures = [leaving(member, now=now) for member in (make_member(), alice, leaver)]
    poison(alice)
    assert services.purge_due(now=now) == 2
    states = [Closure.objects.get(pk=closure.pk).state for closure in closures]
    assert states == ["done", "running", "done"]
    blocked = Closure.objects.get(member=alice)
    assert (blocked.step, blocked.attempts, blocked.error) == ("rows", 1, "ProgrammingError")
    assert User.objects.get(pk=alice.pk).email == "alice@example.com"


def test_a_row_that_no_model_knows_is_named_by_its_key_and_blocks_its_owner_only(alice, bob, now):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE stray (member_id bigint REFERENCES accounts_user)")
        cursor.execute("INSERT INTO stray VALUES (%s)", [alice.pk])
    for member in (alice, bob):
        leaving(member, now=now)
    assert services.purge_due(now=now) == 1
    blocked = Closure.objects.get(member=alice)
    assert (blocked.step, blocked.error) == ("rows", "StillPointedAt: stray_member_id_fkey")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM stray")
    assert services.purge_due(now=blocked.next_attempt_at) == 1


def test_what_keeps_failing_is_shown_as_blocked_and_tried_again_all_the_same(alice, now, caplog):
    leaving(alice, now=now)
    poison(alice)
    for _ in range(purge.PATIENCE):
        assert "ERROR" not in {record.levelname for record in caplog.records}
        services.purge_due(now=now)
        now += purge.LONGEST_WAIT
    assert caplog.records[-1].levelname == "ERROR"
    assert Closure.objects.get(member=alice).state == "blocked"
    cure()
    assert services.purge_due(now=now) == 1


def test_a_failure_waits_longer_each_time(alice, now, monkeypatch):
    monkeypatch.setattr(purge, "monotonic", lambda: 0.0)  # a sweep that takes no time
    leaving(alice, now=now)
    poison(alice)
    waits = []
    for _ in range(10):
        services.purge_due(now=now)
        closure = Closure.objects.get(member=alice)
        waits.append(closure.next_attempt_at - now)
        now = closure.next_attempt_at
    assert waits == sorted(waits)
    assert waits[-1] == purge.LONGEST_WAIT


def test_a_failure_is_written_down_and_logged_without_the_persons_data(alice, now, caplog):
    leaving(alice, now=now)
    poison(alice)
    services.purge_due(now=now)
    assert "closures.failed" in caplog.text
    assert "alice@example.com" not in caplog.text + Closure.objects.get(member=alice).error


def test_a_channel_that_does_not_let_go_delays_only_its_member(alice, bob, now, monkeypatch):
    def release(member):
        if member == alice:
            raise services.NotYet

    monkeypatch.setattr("accounts.closing.bound", set)  # the outside knows everybody
    monkeypatch.setattr("accounts.closing.release", release)
    for member in (alice, bob):
        leaving(member, now=now)
    assert services.purge_due(now=now) == 1
    waiting = Closure.objects.get(member=alice)
    assert (waiting.step, waiting.error, waiting.attempts) == ("release", "NotYet", 1)
    monkeypatch.undo()
    assert services.purge_due(now=now) == 0
    assert services.purge_due(now=waiting.next_attempt_at) == 1


def test_a_trace_that_is_left_holds_up_the_receipt_and_never_the_deletion(alice, now):
    Group.objects.create(name=alice.email)
    number = leaving(alice, now=now).number
    assert services.purge_due(now=now) == 0
    assert not User.objects.filter(pk=alice.pk).exists()
    closure = Closure.objects.get()
    assert (closure.number, closure.state, closure.receipt) == (number, "held", "")
    assert closure.traces["contacts"] == [alice.email]
    assert Erasure.objects.get().number == number, "a restored backup must erase them again"
    Group.objects.filter(name=alice.email).delete()
    assert services.purge_due(now=closure.next_attempt_at) == 1
    closure.refresh_from_db()
    assert (closure.state, closure.traces) == ("done", None)


def test_a_name_in_a_row_that_we_keep_of_nobody_holds_up_the_receipt(alice, bob, now):
    for member in (alice, bob):
        member.name = "王爱丽"
        member.save()
        told = {"recipient": "保险公司", "purpose": "联系王爱丽医生", "legal_basis": "合同", "kinds": "订单号"}
        Disclosure.objects.create(member=member, state="approved", at=now, ground="service", **told)
    leaving(alice, now=now)
    assert services.purge_due(now=now) == 0
    finding = ResidueFinding.objects.get()
    assert (finding.place, finding.count) == ("accounts_disclosure.purpose", 1)


def test_an_address_that_somebody_else_only_typed_does_not_stand_in_the_way(alice, bob, now):
    EmailAddress.objects.create(user=bob, email=alice.email, verified=False)
    leaving(alice, now=now)
    assert services.purge_due(now=now) == 1


def test_an_address_that_ends_like_theirs_is_no_trace(now):
    make_member(email="elisabeth@example.com")
    leaving(make_member(email="beth@example.com"), now=now)
    assert services.purge_due(now=now) == 1


def test_a_namesake_in_an_article_is_no_trace(now, documents):
    leaving(make_member(name="隐私政策"), now=now)
    assert services.purge_due(now=now) == 1


@pytest.mark.parametrize("name", ["会员", "客服", "王伟"])
def test_who_is_called_like_a_role_a_table_or_another_member_can_leave(name, bob, now, caplog):
    Group.objects.get_or_create(name="客服")
    namesake = make_member(name="王伟", is_staff=True)
    LogEntry.objects.create(user=bob, action_flag=CHANGE, object_repr="客服王伟答复了会员", change_message="")
    leaving(make_member(name=name), now=now)
    assert services.purge_due(now=now) == 1
    assert User.objects.get(pk=namesake.pk).name == "王伟"
    receipt = json.loads(Closure.objects.get().receipt)
    assert receipt["scan"]["names"] >= 1
    assert name not in caplog.text


def test_a_longer_number_that_contains_theirs_is_no_trace(now):
    member = make_member()
    member.set_phone("+8613800138000", verified=True)
    member.save()
    LogEntry.objects.create(user=make_member(), action_flag=CHANGE, object_repr="2026138001380001", change_message="")
    leaving(member, now=now)
    assert services.purge_due(now=now) == 1


def test_what_the_admins_log_says_about_them_goes_and_about_others_stays(alice, bob, now):
    staff = make_member(is_staff=True)
    kind = ContentType.objects.get_for_model(User)
    for member in (alice, bob):
        LogEntry.objects.create(
            user=staff, content_type=kind, object_id=str(member.pk), object_repr=member.email, action_flag=CHANGE
        )
    leaving(alice, now=now)
    assert services.purge_due(now=now) == 1
    assert [entry.object_repr for entry in LogEntry.objects.all()] == [bob.email]


def test_a_message_to_their_address_goes_even_when_it_names_no_member(alice, bob, now):
    for member in (alice, bob):
        services.send_message(channel="mail", to=member.email.upper(), body="验证码", now=now)
    leaving(alice, now=now)
    services.purge_due(now=now)
    assert [message.to for message in Message.objects.all()] == [bob.email.upper()]


def test_half_finished_sign_ins_are_forgotten_and_other_visits_are_not(alice, now):
    for data in ({"account_login": {"user_pk": str(alice.pk)}}, {"form": {"email": "Alice@example.com"}}, {"cart": 1}):
        store = SessionStore()
        store.update(data)
        store.save()
    leaving(alice, now=now)
    services.purge_due(now=now)
    assert [session.get_decoded() for session in Session.objects.all()] == [{"cart": 1}]


def test_a_session_that_only_the_cache_still_knows_is_forgotten(alice, now):
    store = SessionStore()
    store["_auth_user_id"] = str(alice.pk)
    store.save()
    Session.objects.all().delete()
    assert SessionStore(store.session_key).get("_auth_user_id")
    leaving(alice, now=now)
    services.purge_due(now=now)
    assert SessionStore(store.session_key).get("_auth_user_id") is None


@pytest.mark.django_db(transaction=True)
def test_who_signs_in_while_the_channel_has_not_let_go_leaves_no_session_behind(client, alice, now, monkeypatch):
    def not_yet(member):
        raise services.NotYet

    closure = leaving(alice, now=now)
    with monkeypatch.context() as patched:
        patched.setattr("accounts.closing.bound", set)
        patched.setattr("accounts.closing.release", not_yet)
        services.purge_due(now=now)
    client.force_login(alice)
    visit = client.session
    visit["account_login"] = {"email": alice.email}
    visit.save()
    assert client.get("/me/closing/").status_code == 200
    assert SessionStore(visit.session_key).get("_auth_user_id")  # it could stay
    closure.refresh_from_db()
    assert services.purge_due(now=closure.next_attempt_at) == 1
    assert not Session.objects.exists()
    assert SessionStore(visit.session_key).load() == {}
    assert not cache.get(f"{KEY_PREFIX}{visit.session_key}")


@pytest.mark.django_db(transaction=True)
def test_a_visit_that_puts_its_session_back_into_the_cache_meanwhile_is_forgotten(alice, now, monkeypatch):
    store = SessionStore()
    store["_auth_user_id"] = str(alice.pk)

    def visit_meanwhile(*_said, **_how):
        cache.set(store.cache_key, store._session)
        return residue.Scan()

    store.create()
    monkeypatch.setattr("accounts.services.residue.search", visit_meanwhile)
    leaving(alice, now=now)
    assert services.purge_due(now=now) == 1
    assert cache.get(store.cache_key) is None


def test_a_session_written_in_the_last_moment_holds_up_the_receipt(alice, now, monkeypatch):
    def visit_meanwhile(*_said, **_how):
        store = SessionStore()
        store["user_pk"] = str(alice.pk)
        store.save()
        return residue.Scan()

    monkeypatch.setattr("accounts.services.residue.search", visit_meanwhile)
    leaving(alice, now=now)
    assert services.purge_due(now=now) == 0
    waiting = Closure.objects.get()
    assert (waiting.state, waiting.step, waiting.findings.count()) == ("verifying", "proof", 0)
    monkeypatch.undo()
    assert services.purge_due(now=waiting.next_attempt_at) == 1
    assert not Session.objects.exists()


def test_every_file_under_their_prefix_goes_and_nobody_elses(alice, bob, now):
    for member in (alice, bob):
        upload = erasing.directory_of(member) / "complaints" / "a.jpg"
        upload.parent.mkdir(parents=True)
        upload.write_bytes(b"picture")
    leaving(alice, now=now)
    services.purge_due(now=now)
    assert not erasing.directory_of(alice).exists()
    assert (erasing.directory_of(bob) / "complaints" / "a.jpg").read_bytes() == b"picture"


def queries_of_a_purge(size: int, *, now) -> int:
    for _ in range(size):
        leaving(make_member(), now=now)
    with CaptureQueriesContext(connection) as queries:
        assert services.purge_due(now=now) == size
    return len(queries)


def test_the_purge_of_twenty_takes_as_many_queries_as_of_one(now):
    assert queries_of_a_purge(20, now=now) == queries_of_a_purge(1, now=now)


def test_twenty_of_whom_the_outside_knows_take_more_only_for_each_ones_outside_duties(now, monkeypatch):
    monkeypatch.setattr("accounts.closing.bound", set)
    monkeypatch.setattr("accounts.closing.release", lambda member: None)
    one, twenty = (queries_of_a_purge(size, now=now) for size in (1, 20))
    assert twenty - one == 19  # each is written down as released, alone


@pytest.mark.parametrize(
    ("before", "after"), [("cooling", "done"), ("cooling", "verifying"), ("withdrawn", "cooling"), ("done", "running")]
)
def test_the_database_refuses_a_state_that_does_not_follow(before, after, now):
    ended_at = now if before in {"withdrawn", "done"} else None
    member = None if before == "done" else make_member()
    closure = Closure.objects.create(
        member=member, state=before, requested_at=now, due_at=now, next_attempt_at=now, ended_at=ended_at
    )
    with pytest.raises(ProgrammingError, match="Invalid transition"), transaction.atomic():
        Closure.objects.filter(pk=closure.pk).update(state=after)


def test_a_member_has_one_live_closure(alice, now):
    leaving(alice, now=now)
    with pytest.raises(IntegrityError, match="one_live_closure_per_member"), transaction.atomic():
        Closure.objects.create(member=alice, requested_at=now, due_at=now, next_attempt_at=now)


def test_a_member_of_the_staff_leaves_and_their_answers_stay_without_them(alice, bob, now):
    case = make_case(member=bob)
    Case.objects.filter(pk=case.pk).update(assigned_to=alice)
    answer = Entry.objects.create(case=case, voice="staff", author=alice, body="答复", at=now)
    leaving(alice, now=now)
    assert services.purge_due(now=now) == 1
    answer.refresh_from_db()
    case.refresh_from_db()
    assert (answer.author, answer.body, case.assigned_to, case.member) == (None, "答复", None, bob)


@pytest.mark.parametrize(("days", "stays"), [(-1, True), (1, False)])
@pytest.mark.parametrize("state", ["done", "withdrawn"])
def test_what_a_closure_proves_it_proves_for_three_years(alice, now, state, days, stays):
    day = min(now.day, 28) if now.month == 2 else now.day
    ended = now.replace(year=now.year - 3, day=day) - timedelta(days=days)
    member = None if state == "done" else alice
    closure = Closure(member=member, state=state, requested_at=ended, due_at=ended, next_attempt_at=ended)
    closure.ended_at = ended
    closure.save()
    tasks.delete_outlived_rows()
    assert Closure.objects.exists() is stays
    assert User.objects.filter(pk=alice.pk).exists()


def test_a_closure_that_is_under_way_has_no_term(alice, now):
    leaving(alice, now=now, days=4 * 366)
    tasks.delete_outlived_rows()
    assert Closure.objects.get().member == alice
