"""A new version asks whom it touches, once, and lets nobody be locked in."""

import json
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from complaints.models import Case
from consent import services, timeline
from consent.models import Acceptance, Document, Permission
from courses.models import PaymentAccount
from tests.factories import (
    agree,
    make_course,
    make_document,
    make_member,
    make_order,
    make_payment_account,
    make_staff,
    open_case,
    sign_in,
)
from tests.test_house import addresses, fill

pytestmark = pytest.mark.django_db
ACCEPT = "/policy/accept/"
ELSEWHERE = "/me/courses/"
NOWHERE = services.Origin(ip=None, browser="")


def gain(*holders: str, text: str = "增加信息：指纹") -> dict:
    return {"what": "data", "is_gain": True, "clause": "一1", "anchor": "c1", "text": text, "holders": list(holders)}


def bring_into_force(kind: str = "privacy", version: str = "2", **fields) -> Document:
    """Have a newer version take effect an hour ago."""
    wanted = {"is_material": True, "changes": [gain()], "body": f"第 {version} 版。", **fields}
    wanted.setdefault("effective_at", timezone.now() - timedelta(hours=1))
    return make_document(kind=kind, version=version, **wanted)


@pytest.fixture
def first(now):
    """What everybody has agreed to."""
    day = now - timedelta(days=90)
    return {kind: make_document(kind=kind, version="1", effective_at=day) for kind in Document.BINDING}


@pytest.fixture
def member(first, alice):
    return agree(alice)


@pytest.fixture
def door(client, member):
    return sign_in(client, member)


def is_asked(client: Client, path: str = ELSEWHERE) -> bool:
    answer = client.get(path)
    return answer.status_code == 302 and answer.headers["Location"].startswith(ACCEPT)


def answer(client: Client, *documents: Document, ticked: bool = True, **more):
    data = {f"seen_{d.kind}": d.digest for d in documents}
    data |= {f"accept_{d.kind}": "on" for d in documents} if ticked else {}
    return client.post(ACCEPT, {"next": ELSEWHERE, **data, **more})


def refuse(client: Client, *documents: Document, leads_to: str = "/", **more):
    """Say no to what the page shows."""
    data = {f"seen_{d.kind}": d.digest for d in documents}
    return client.post("/policy/accept/refuse/", {"next": leads_to, **data, **more})


def permit(member, *, key=None, kind: str = "pictures") -> services.Device:
    device, moment = services.Device(member, key or uuid4()), timezone.now()
    sheet = Document.objects.current(kind, moment).digest
    services.open_permission(device=device, kind=kind, digest=sheet, origin=NOWHERE, now=moment)
    return device


# ── Who is asked, and about what ──


def test_a_material_version_in_force_is_asked_about_on_the_next_page_and_leads_back(door):
    assert not is_asked(door)
    new = bring_into_force()
    location = door.get("/me/courses/?page=2").headers["Location"]
    assert parse_qs(urlsplit(location).query) == {"next": ["/me/courses/?page=2"]}
    page = door.get(location).content.decode()
    assert "增加信息：指纹" in page
    assert "/policy/privacy/diff/1/2/" in page
    assert "checked" not in page
    assert answer(door, new).headers["Location"] == ELSEWHERE
    assert not is_asked(door)


def test_a_version_that_only_promises_more_asks_too_and_an_answer_to_the_one_before_is_refused(door, first):
    promise = {"clause": "一1", "anchor": "c1", "purpose": "登录", "data": [{"kind": "指纹", "kept": "3 年"}]}
    new = bring_into_force(body=first["privacy"].body, manifest=[promise])
    assert new.sha256 == first["privacy"].sha256
    assert is_asked(door)
    page = answer(door, first["privacy"]).content.decode()
    assert "请阅读新版后重新勾选" in page
    assert answer(door, new).status_code == 302
    assert Acceptance.objects.newest_first()[0].sha256 == new.digest != first["privacy"].digest


def test_an_editorial_version_asks_nobody(door):
    bring_into_force(is_material=False, changes=[])
    assert not is_asked(door)


def test_a_version_that_is_announced_asks_nobody_before_its_day(door, now):
    bring_into_force(effective_at=now + timedelta(days=8), announced_at=now)
    assert not is_asked(door)
    page = door.get(ELSEWHERE).content.decode()
    assert "将于" in page
    with time_machine.travel(now + timedelta(days=8, minutes=1)):
        sign_in(door, Acceptance.objects.first().subject)
        assert is_asked(door)


def test_an_editorial_version_after_a_material_one_excuses_nobody(door, now):
    bring_into_force(version="2", effective_at=now - timedelta(hours=2))
    bring_into_force(version="3", is_material=False, changes=[])
    assert is_asked(door)


def test_two_texts_that_change_at_once_are_asked_about_on_one_page(door):
    new = [bring_into_force(kind="agreement"), bring_into_force(kind="privacy")]
    page = door.get(ACCEPT).content.decode()
    assert "有 2 份文本有了新版" in page
    half = answer(door, *new, ticked=False, accept_agreement="on")
    assert "需要同意《隐私政策》才能继续" in half.content.decode()
    assert is_asked(door)
    assert answer(door, *new).status_code == 302
    assert not is_asked(door)


def test_a_change_that_touches_only_buyers_asks_only_buyers_and_later_whoever_becomes_one(door, member, now):
    bring_into_force(changes=[gain("courses.Order", text="增加接收方：某银行")])
    assert not is_asked(door)
    make_order(member=member, course=make_course())
    with time_machine.travel(now + timedelta(hours=2)):
        assert is_asked(door)
        assert "增加接收方：某银行" in door.get(ACCEPT).content.decode()


def test_only_what_touches_a_member_is_told_to_them(door):
    bring_into_force(changes=[gain(text="增加用途：研究"), gain("courses.Order", text="增加接收方：某银行")])
    page = door.get(ACCEPT).content.decode()
    assert "增加用途：研究" in page
    assert "某银行" not in page


def test_a_member_who_never_agreed_is_asked_for_the_whole_text(first, newcomer):
    client = sign_in(Client(), newcomer)
    assert is_asked(client)
    assert "您还没有同意过这份文本" in client.get(ACCEPT).content.decode()


def test_a_separate_consent_is_asked_anew_only_of_who_gave_it_and_no_means_taken_back(door, member, bob, now):
    old = make_document(kind="payment_account", version="1", effective_at=now - timedelta(days=60))
    account = make_payment_account(member=member)
    services.accept(member=member, documents=[old], origin=services.Origin(None, ""), now=now)
    new = bring_into_force(kind="payment_account")
    assert not is_asked(sign_in(Client(), agree(bob)))
    assert is_asked(door)
    assert answer(door, new, ticked=False).status_code == 302
    assert not is_asked(door)
    assert Acceptance.objects.for_member(member).standing(["payment_account"]).get().action == "withdrawn"
    assert PaymentAccount.objects.get(pk=account.pk).state == "forgetting"


# ── Stale, twice, elsewhere ──


def test_an_answer_to_an_older_version_is_refused_and_the_new_one_shown(door, now):
    stale = bring_into_force(version="2", effective_at=now - timedelta(hours=2))
    fresh = bring_into_force(version="3")
    page = answer(door, stale).content.decode()
    assert "已更新为 3 版" in page
    assert fresh.digest in page
    assert not Acceptance.objects.filter(document=fresh).exists()
    assert is_asked(door)


def test_answering_twice_is_harmless(door):
    new = bring_into_force()
    assert answer(door, new).headers["Location"] == answer(door, new).headers["Location"] == ELSEWHERE
    assert Acceptance.objects.filter(document=new).count() == 1


def test_an_answer_in_one_browser_counts_in_every_other(door, member):
    other = sign_in(Client(), member)
    new = bring_into_force()
    assert is_asked(other)
    answer(door, new)
    assert not is_asked(other)


def test_the_question_leads_nowhere_off_the_site_and_never_to_itself(door):
    new = bring_into_force()
    for target in ("https://evil.example/", "//evil.example", ACCEPT, ACCEPT + "?next=/"):
        page = door.get(ACCEPT, {"next": target}).content.decode()
        assert 'name="next" value="/"' in page
    assert answer(door, new, next="//evil.example").headers["Location"] == "/"


def test_nobody_answers_for_somebody_else(door, member, bob):
    new = bring_into_force()
    other = sign_in(Client(), agree(bob, now=timezone.now() - timedelta(days=1)))
    answer(door, new)
    assert is_asked(other)
    assert not Acceptance.objects.for_member(bob).filter(document=new).exists()


# ── A form that was sent meanwhile ──


def test_what_was_typed_when_the_question_came_is_carried_along_and_sent_on(door, member):
    new = bring_into_force()
    asked = door.post("/me/profile/", {"name": "王爱丽 <b>", "password": "a secret of mine"})
    assert asked.status_code == 428
    html = asked.content.decode()
    assert "您刚才填写的内容还在" in html
    assert "a secret of mine" not in html
    kept = re.search(r'name="kept" value="([^"]+)"', html)[1]
    resumed = answer(door, new, kept=kept).content.decode()
    assert '<form class="form-actions" method="post" action="/me/profile/">' in resumed
    assert 'name="name" value="王爱丽 &lt;b&gt;"' in resumed
    assert "a secret of mine" not in resumed
    assert door.post("/me/profile/", {"name": "王爱丽"}).status_code == 302


def test_putting_it_off_sends_the_form_on_as_well(door):
    bring_into_force()
    html = door.post("/me/profile/", {"name": "王"}).content.decode()
    kept = re.search(r'name="kept" value="([^"]+)"', html)[1]
    assert "继续提交" in door.post("/policy/accept/later/", {"next": "/", "kept": kept}).content.decode()


def test_what_one_member_typed_is_not_sent_on_by_another(door, bob):
    new = bring_into_force()
    html = door.post("/me/profile/", {"name": "王爱丽"}).content.decode()
    kept = re.search(r'name="kept" value="([^"]+)"', html)[1]
    other = sign_in(Client(), make_member(agrees=False))
    agreement = Document.objects.current("agreement", timezone.now())
    assert answer(other, new, agreement, kept=kept).headers["Location"] == ELSEWHERE
    assert answer(door, new, kept=kept[:-3] + "abc").headers["Location"] == ELSEWHERE


@pytest.mark.parametrize(
    "headers", [{"Accept": "application/json"}, {"Sec-Fetch-Dest": "empty"}, {"Sec-Fetch-Dest": "image"}]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_script_is_told_where_to_ask(door, headers, method):
    bring_into_force()
    told = getattr(door, method)(ELSEWHERE, headers=headers)
    assert told.status_code == 428
    assert json.loads(told.content)["accept"] == ACCEPT


# ── Later, and no ──


def test_it_can_be_put_off_for_a_day_at_a_time_until_it_is_thirty_days_in_force(door, now):
    bring_into_force(effective_at=now - timedelta(days=28, hours=23))
    assert door.post("/policy/accept/later/", {"next": ELSEWHERE}).headers["Location"] == ELSEWHERE
    assert not is_asked(door)
    with time_machine.travel(now + timedelta(hours=23)):
        assert not is_asked(door)
    with time_machine.travel(now + timedelta(hours=24, minutes=1)):
        assert is_asked(door)
        assert "明天再决定" in door.get(ACCEPT).content.decode()
        door.post("/policy/accept/later/", {"next": "/"})
        assert not is_asked(door)
    with time_machine.travel(now + timedelta(days=2, hours=1)):
        assert is_asked(door)
        assert "明天再决定" not in door.get(ACCEPT).content.decode()
        said = door.post("/policy/accept/later/", {"next": "/"}, follow=True).content.decode()
        assert "已经生效满 30 天" in said
        assert is_asked(door)


def test_a_version_newer_than_the_one_put_off_is_asked_about_at_once(door, now):
    bring_into_force(version="2", effective_at=now - timedelta(hours=2))
    door.post("/policy/accept/later/", {"next": "/"})
    bring_into_force(version="3")
    assert is_asked(door)


def test_a_no_is_recorded_and_not_asked_again_for_ninety_days(door, member, now):
    new = bring_into_force()
    refuse(door, new)
    assert Acceptance.objects.for_member(member).newest_first()[0].action == "refused"
    page = door.get(ACCEPT).content.decode()
    assert "您没有同意新版" in page
    assert "同意并继续" not in page
    assert is_asked(door)  # led to the page that says so, which does not ask
    with time_machine.travel(now + timedelta(days=89)):
        assert "同意并继续" not in sign_in(door, member).get(ACCEPT).content.decode()
    with time_machine.travel(now + timedelta(days=90, minutes=1)):
        assert "同意并继续" in sign_in(door, member).get(ACCEPT).content.decode()
    sign_in(door, member)
    assert "同意并继续" in door.get(ACCEPT + "?again=1").content.decode()
    assert answer(door, new).status_code == 302
    assert not is_asked(door)


def test_new_wording_alone_takes_no_refusal_away_and_gives_nobody_more_time(door, member, now):
    bring_into_force(effective_at=now - timedelta(days=31))
    assert "明天再决定" not in door.get(ACCEPT).content.decode()
    newest = bring_into_force(version="3", is_material=False, changes=[])
    assert "明天再决定" not in door.get(ACCEPT).content.decode()
    refuse(door, newest)
    bring_into_force(version="4", is_material=False, changes=[], effective_at=now - timedelta(seconds=1))
    assert "您没有同意新版" in door.get(ACCEPT).content.decode()
    bring_into_force(version="5", effective_at=now)
    assert "同意并继续" in door.get(ACCEPT).content.decode()


def test_a_no_to_a_separate_consent_takes_it_back_and_keeps_nobody_from_anything(door, member, now):
    account = saved_account(member, now)
    new = bring_into_force(kind="payment_account")
    assert refuse(door, new, leads_to=ELSEWHERE).headers["Location"] == ELSEWHERE
    assert not is_asked(door)
    account.refresh_from_db()
    assert account.state == "forgetting"
    assert Acceptance.objects.for_member(member).newest_first()[0].action == "withdrawn"


def saved_account(member, now) -> PaymentAccount:
    old = make_document(kind="payment_account", version="1", effective_at=now - timedelta(days=60))
    services.accept(member=member, documents=[old], origin=NOWHERE, now=now)
    return make_payment_account(member=member)


def test_a_no_to_what_binds_and_to_a_permission_closes_the_permission_too(door, member, now):
    make_document(kind="camera", version="1", effective_at=now - timedelta(days=60))
    permit(member, kind="camera")
    new = [bring_into_force(kind=kind) for kind in ("camera", "privacy")]
    assert refuse(door, *new, leads_to=ELSEWHERE).headers["Location"] == ACCEPT
    assert Permission.objects.get().state == "refused"
    member.refresh_from_db()
    assert [one.version.kind for one in services.owed(member=member, now=timezone.now())] == ["privacy"]


@pytest.mark.parametrize("how", ["button", "unticked"])
def test_a_no_to_the_newer_sheet_of_a_permission_brings_no_card_for_90_days(door, member, now, how):
    make_document(kind="pictures", version="1", effective_at=now - timedelta(days=60))
    permit(member)
    new = bring_into_force(kind="pictures")
    if how == "button":
        refuse(door, new)
    else:
        answer(door, new, ticked=False)
    decided = Permission.objects.get()
    assert not decided.is_open
    assert not decided.may_be_asked(timezone.now())


def test_a_no_is_about_what_was_shown_and_about_nothing_else(door, member, now):
    account = saved_account(member, now)
    shown = bring_into_force(version="2", effective_at=now - timedelta(hours=2))
    before = Acceptance.objects.count()
    bring_into_force(version="3")
    refuse(door, shown)
    bring_into_force(kind="payment_account")
    answered = door.post(
        "/policy/accept/refuse/", {"next": "/", "seen_privacy": shown.digest}, follow=True
    ).content.decode()
    assert "刚才的选择没有记录" in answered
    account.refresh_from_db()
    assert account.state == "live"
    assert Acceptance.objects.count() == before


def test_a_no_said_twice_is_written_down_once(door, member):
    new = bring_into_force()
    for _ in range(2):
        refuse(door, new)
    assert Acceptance.objects.for_member(member).filter(action="refused").count() == 1


def test_what_was_refused_is_left_in_peace_when_something_else_is_asked(door, member, now):
    saved_account(member, now)
    refuse(door, bring_into_force())
    new = bring_into_force(kind="payment_account")
    page = door.get(ACCEPT).content.decode()
    assert 'name="accept_privacy"' not in page
    assert "这次不再询问" in page
    answer(door, new)
    assert Acceptance.objects.for_member(member).filter(document=new, action="given").exists()
    assert "您没有同意新版" in door.get(ACCEPT).content.decode()


def test_who_wants_to_look_again_is_shown_what_they_refused_beside_what_is_new(door, member, now):
    saved_account(member, now)
    refused, new = bring_into_force(), bring_into_force(kind="payment_account")
    refuse(door, refused, new)
    services.accept(member=member, documents=[new], origin=NOWHERE, now=now)
    newer = bring_into_force(kind="payment_account", version="3", effective_at=now)
    page = door.get(f"{ACCEPT}?again=1").content.decode()
    assert 'name="accept_privacy"' in page
    data = {f"seen_{d.kind}": d.digest for d in (refused, newer)} | {"accept_privacy": "on"}
    assert door.post(f"{ACCEPT}?again=1", {"next": ELSEWHERE, **data}).headers["Location"] == ELSEWHERE
    assert not is_asked(door)


def test_a_version_that_takes_effect_between_reading_and_writing_is_shown_anew(door, member, monkeypatch):
    new = bring_into_force()

    def stale(**_how):
        raise services.StaleDocument(new)

    monkeypatch.setattr(services, "accept", stale)
    page = answer(door, new).content.decode()
    assert "刚刚有了新版，请看过再决定" in page
    assert is_asked(door)


def test_the_last_day_to_put_off_is_kept_to_the_hour(door, member, now):
    bring_into_force(effective_at=now - timedelta(days=29, hours=23))
    door.post("/policy/accept/later/", {"next": "/"})
    assert not is_asked(door)
    with time_machine.travel(now + timedelta(hours=2)):
        assert is_asked(door)


def test_a_permission_open_on_another_device_is_told_of_its_coming_sheet(door, member, now):
    make_document(kind="pictures", version="1", effective_at=now - timedelta(days=60))
    permit(member)
    closed = permit(member)
    services.close_permission(device=closed, kind="pictures", origin=NOWHERE, now=timezone.now())
    bring_into_force(kind="pictures", effective_at=now + timedelta(days=8), announced_at=now)
    assert "/policy/pictures/2/" in door.get(ELSEWHERE).content.decode()


def test_a_coming_sheet_asks_the_database_once_in_a_session(door, member, now):
    bring_into_force(kind="pictures", effective_at=now + timedelta(days=8), announced_at=now)
    for _ in range(2):
        door.get("/courses/")
    with CaptureQueriesContext(connection) as asked:
        door.get("/courses/")
    assert not [query for query in asked if "consent_acceptance" in query["sql"]]


def test_a_consent_can_be_taken_back_after_a_no_to_its_newer_version(member, now):
    old = make_document(kind="payment_account", version="1", effective_at=now - timedelta(days=60))
    origin = services.Origin(None, "")
    services.accept(member=member, documents=[old], origin=origin, now=now)
    services.refuse(member=member, kinds=["payment_account"], origin=origin, now=now + timedelta(seconds=1))
    said = services.withdraw(member=member, kind="payment_account", now=now + timedelta(seconds=2))
    assert said.action == "withdrawn"


def test_what_was_put_off_stays_put_off_whatever_else_is_allowed(door, member, now):
    make_document(kind="camera", version="1", effective_at=now - timedelta(days=60))
    bring_into_force()
    door.post("/policy/accept/later/", {"next": "/"})
    door.post("/me/permissions/camera/allow/", {"digest": Document.objects.current("camera", now).digest})
    assert Permission.objects.get().is_open
    assert not is_asked(door)


def test_a_coming_sheet_is_announced_to_who_agreed_to_it_and_to_nobody_else(door, member, bob, now):
    old = make_document(kind="payment_account", version="1", effective_at=now - timedelta(days=60))
    services.accept(member=member, documents=[old], origin=services.Origin(None, ""), now=now)
    bring_into_force(kind="payment_account", effective_at=now + timedelta(days=8), announced_at=now)
    coming = "/policy/payment_account/2/"
    assert coming in door.get(ELSEWHERE).content.decode()
    assert coming not in sign_in(Client(), agree(bob)).get(ELSEWHERE).content.decode()
    door.post("/policy/announced/seen/", {"next": "/"})
    assert coming not in door.get(ELSEWHERE).content.decode()


# ── The way out ──

EXITS = {
    "consent:accept", "consent:document", "consent:document_version", "consent:document_diff", "consent:inventory",
    "consent:consents", "consent:permissions", "consent:gate", "complaints:index", "complaints:new",
    "complaints:my_cases", "complaints:my_case", "accounts:close", "accounts:export", "account_logout",
    "courses:payment_accounts",
}  # fmt: skip


@pytest.fixture
def whole(member, first, now):
    bring_into_force()
    for kind in ("gate", "payment_account", *Permission.Kind.values):
        make_document(kind=kind, effective_at=now - timedelta(days=90))
    case = open_case(member=member).case
    return {
        "consent:document": {"kind": "privacy"},
        "consent:document_version": {"kind": "privacy", "version": "1"},
        "consent:document_diff": {"kind": "privacy", "older": "1", "newer": "2"},
        "complaints:new": {"kind": "complaint"},
        "complaints:my_case": {"number": case.number},
    }


def test_every_address_either_stays_open_or_leads_to_the_question_and_none_in_a_circle(whole, door):
    opened = set()
    for name, route in addresses():
        path = fill(route, {"url": "accounts/user", **whole.get(name, {})})
        said = door.get(path)
        if said.status_code == 428 or (said.status_code == 302 and said.headers["Location"].startswith(ACCEPT)):
            continue
        assert said.status_code < 500, name
        opened.add(name)
        hops = door.get(path, follow=True).redirect_chain
        assert len(hops) <= 3, f"{name} goes in a circle"
    assert opened >= EXITS
    assert not {"accounts:me", "accounts:profile", "courses:buy", "courses:my_courses"} & opened


def test_staff_are_asked_on_the_site_and_not_in_the_middle_of_an_answer(first, client):
    door = sign_in(client, agree(make_staff()))
    bring_into_force()
    assert is_asked(door)
    assert door.get("/admin/").status_code == 200


def test_whoever_has_said_no_can_complain_close_and_sign_out(whole, door, member):
    refuse(door, Document.objects.current("privacy", timezone.now()))
    said = door.post(
        "/complaints/new/complaint/",
        {"subject": "不同意新版", "body": "请解释。", "form_token": "6356df4d-8742-4806-a274-1abf63033078"},
    )
    assert said.status_code == 302
    assert Case.objects.for_member(member).count() == 2
    closed = door.post("/me/close/", {"password": "correct horse battery"})
    assert closed.headers["Location"].startswith("/goodbye/")
    member.refresh_from_db()
    assert member.is_closing


# ── What it costs ──


def test_a_member_who_owes_nothing_costs_no_query_more(door, queries, django_assert_num_queries):
    door.get("/policy/inventory/")
    door.get("/courses/")
    with django_assert_num_queries(1):  # the member; the session is in the cache
        door.get("/courses/")
    bring_into_force(is_material=False, changes=[])
    timeline.read()
    door.get("/courses/")  # looks once
    with django_assert_num_queries(1):
        door.get("/courses/")


def test_saving_an_older_copy_of_a_member_undoes_no_answer(member, door):
    older = type(member).objects.get(pk=member.pk)
    new = bring_into_force()
    answer(door, new)
    assert not is_asked(door)
    settled = type(member).objects.get(pk=member.pk).texts_settled
    older.name = "王"
    older.save()
    fresh = type(member).objects.get(pk=member.pk)
    assert (fresh.name, fresh.texts_settled) == ("王", settled)
