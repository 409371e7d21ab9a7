"""From a draft to a version in force: seven days ahead, in the open, by two people when nobody is to be asked."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, ProgrammingError, close_old_connections, connection, transaction
from django.utils import timezone

from consent import services
from consent.models import Decision, Document
from consent.services import AlreadyAnnounced, NotAnnounceable, SecondPersonNeeded
from tests.factories import make_document, make_member, sign_in

pytestmark = pytest.mark.django_db
PROMISE = {"clause": "一1", "anchor": "c1", "purpose": "登录", "data": [{"kind": "手机号", "kept": "随账号"}]}
MORE = {**PROMISE, "data": [*PROMISE["data"], {"kind": "指纹", "kept": "随账号"}]}
BODY = "## 一 {#c1}\n\n登录要用手机号。\n"


@pytest.fixture
def binding(now) -> Document:
    return make_document(version="1", body=BODY, manifest=[PROMISE], effective_at=now - timedelta(days=30))


@pytest.fixture
def editor(binding):
    return make_member(is_staff=True)


@pytest.fixture
def officer(binding):
    return make_member(is_staff=True)


def draft(by, now, **fields) -> Document:
    wanted = {"kind": "agreement", "version": "2", "title": "服务协议", "summary": "改了", "body": BODY, **fields}
    wanted.setdefault("manifest", [PROMISE])
    return services.save_draft(draft=Document(**wanted), by=by, now=now)


def in_days(now, days=8):
    return now + timedelta(days=days)


# ── Announcing ──


def test_a_draft_is_seen_by_nobody_until_it_is_announced(client, binding, editor, now):
    draft(editor, now, body=BODY + "改了。")
    assert client.get("/policy/agreement/2/").status_code == 404
    assert "改了" not in client.get("/policy/agreement/").content.decode()


def test_an_announced_version_is_public_at_once_and_binds_from_its_day(client, binding, editor, now):
    new = draft(editor, now, body=BODY + "改了。")
    services.announce(document_id=new.pk, effective_at=in_days(now), by=editor, now=now)
    assert "尚未生效" in client.get("/policy/agreement/2/").content.decode()
    assert Document.objects.current("agreement", in_days(now, 7)) == binding
    assert Document.objects.current("agreement", in_days(now)).pk == new.pk


def test_less_than_seven_days_is_refused_in_code_and_in_the_database(binding, editor, now):
    new = draft(editor, now, body=BODY + "改了。")
    soon = now + timedelta(days=6, hours=23)
    with pytest.raises(NotAnnounceable, match="至少要在公布之后 7 天"):
        services.announce(document_id=new.pk, effective_at=soon, by=editor, now=now)
    with pytest.raises(IntegrityError, match="seven_days_ahead"), transaction.atomic():
        Document.objects.filter(pk=new.pk).update(announced_at=now, effective_at=soon, replaces=binding)


def test_what_has_been_announced_is_changed_and_deleted_by_nobody(binding, editor, now):
    new = draft(editor, now, body=BODY + "改了。")
    services.announce(document_id=new.pk, effective_at=in_days(now), by=editor, now=now)
    for write in (
        lambda: Document.objects.filter(pk=new.pk).update(summary="另一句"),
        lambda: Document.objects.filter(pk=new.pk).update(effective_at=now),
        lambda: Document.objects.filter(pk=new.pk).delete(),
    ):
        with pytest.raises(ProgrammingError, match="Cannot update or delete"), transaction.atomic():
            write()
    with pytest.raises(AlreadyAnnounced):
        services.save_draft(draft=Document.objects.get(pk=new.pk), by=editor, now=now)


def test_nothing_new_is_no_new_version(binding, editor, now):
    same = draft(editor, now)
    with pytest.raises(NotAnnounceable, match="没有差别"):
        services.announce(document_id=same.pk, effective_at=in_days(now), by=editor, now=now)


def test_a_version_cannot_overtake_one_that_was_announced_before(binding, editor, now):
    first, second = draft(editor, now, body=BODY + "甲"), draft(editor, now, version="3", body=BODY + "乙")
    services.announce(document_id=first.pk, effective_at=in_days(now, 20), by=editor, now=now)
    with pytest.raises(NotAnnounceable, match="新版必须更晚"):
        services.announce(document_id=second.pk, effective_at=in_days(now, 10), by=editor, now=now)


def test_the_hash_covers_text_and_manifest_each_by_itself(binding):
    other = make_document(version="9", body=BODY, manifest=[MORE])
    assert other.sha256 == binding.sha256
    assert other.manifest_sha256 != binding.manifest_sha256


@pytest.mark.django_db(transaction=True)
def test_two_drafts_announced_at_once_follow_one_another(now):
    editor = make_member(is_staff=True)
    make_document(version="1", body=BODY, manifest=[PROMISE], effective_at=now - timedelta(days=30))
    drafts = [draft(editor, now, version=v, body=BODY + v) for v in ("2", "3")]
    ready, refused = Barrier(2), []

    def announce(document: Document, days: int) -> None:
        ready.wait()
        try:
            services.announce(document_id=document.pk, effective_at=in_days(now, days), by=editor, now=now)
        except NotAnnounceable as reason:
            refused.append(str(reason))
        finally:
            close_old_connections()
            connection.close()

    threads = [Thread(target=announce, args=(document, 8)) for document in drafts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert Document.objects.announced().filter(version__in="23").count() == 1


# ── Material, or only wording ──


def test_a_manifest_that_gained_something_is_material_whatever_its_author_says(binding, editor, officer, now):
    new = draft(editor, now, manifest=[MORE])
    with pytest.raises(NotAnnounceable, match="增加信息：指纹"):
        services.propose_as_editorial(document_id=new.pk, by=editor, now=now)
    announced = services.announce(document_id=new.pk, effective_at=in_days(now), by=editor, now=now)
    assert announced.is_material
    assert [change["text"] for change in announced.changes] == ["增加信息：指纹"]


def test_new_wording_alone_is_material_until_a_second_person_says_otherwise(binding, editor, officer, now):
    new = draft(editor, now, body=BODY + "换个说法。")
    with pytest.raises(NotAnnounceable, match="还没有同事提出"):
        services.confirm_as_editorial(document_id=new.pk, effective_at=in_days(now), by=officer, now=now)
    services.propose_as_editorial(document_id=new.pk, by=editor, now=now)
    with pytest.raises(SecondPersonNeeded):
        services.confirm_as_editorial(document_id=new.pk, effective_at=in_days(now), by=editor, now=now)
    done = services.confirm_as_editorial(document_id=new.pk, effective_at=in_days(now), by=officer, now=now)
    assert not done.is_material
    assert [d.act for d in Decision.objects.of(done)] == ["drafted", "proposed", "confirmed"]


def test_a_text_that_changed_after_it_was_proposed_must_be_proposed_again(binding, editor, officer, now):
    new = draft(editor, now, body=BODY + "换个说法。")
    services.propose_as_editorial(document_id=new.pk, by=editor, now=now)
    new.body += "又改。"
    services.save_draft(draft=new, by=editor, now=now)
    with pytest.raises(NotAnnounceable, match="重新提出"):
        services.confirm_as_editorial(document_id=new.pk, effective_at=in_days(now), by=officer, now=now)


def test_whoever_leaves_the_staff_leaves_no_name_in_the_decisions(binding, editor, now):
    from consent import inventory

    new = draft(editor, now, body=BODY + "改了。")
    services.announce(document_id=new.pk, effective_at=in_days(now), by=editor, now=now)
    inventory.erase(member_ids=[editor.pk])
    assert {decision.by for decision in Decision.objects.of(new)} == {None}
    assert Document.objects.get(pk=new.pk).effective_at == in_days(now)


def test_what_was_decided_is_not_rewritten(binding, editor, now):
    new = draft(editor, now, body=BODY + "改了。")
    for change in ({"act": "confirmed"}, {"sha256": "0" * 64}, {"at": now - timedelta(days=1)}, {"document": binding}):
        with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
            Decision.objects.of(new).update(**change)


def test_a_policy_that_promises_otherwise_than_the_tables_hold_is_not_announced(desk, editor, now):
    services.publish_documents(now=now - timedelta(days=30))
    policy = Document.objects.filter(kind="privacy").newest_first()[0]
    told = [one for one in policy.manifest if "accounts.Visit" not in str(one)]
    new = draft(editor, now, kind="privacy", version="9", body=policy.body, manifest=told)
    with pytest.raises(NotAnnounceable, match="承诺清单没有写“访问记录”"):
        services.announce(document_id=new.pk, effective_at=in_days(policy.effective_at), by=editor, now=now)
    page = desk.get(f"/admin/consent/document/{new.pk}/review/").content.decode()
    assert "承诺清单没有写“访问记录”（accounts.Visit）" in page
    new.manifest = policy.manifest
    new.body += "改了。"
    services.save_draft(draft=new, by=editor, now=now)
    services.announce(document_id=new.pk, effective_at=in_days(policy.effective_at), by=editor, now=now)
    assert not Document.objects.drafts().exists()


def test_shipped_texts_are_announced_seven_days_ahead_where_people_live_already(now):
    published = {(d.kind, d.version): d for d in services.publish_documents(now=now)}
    newer = published["privacy", "1.1"]
    assert newer.replaces == published["privacy", "1.0"]
    assert newer.effective_at >= now + timedelta(days=7)
    assert newer.is_material
    assert any("同意记录" in change["text"] for change in newer.changes)


# ── At the desk ──


@pytest.fixture
def desk(client, settings, editor):
    settings.STAFF_SECOND_STEP = False
    allow(editor, "view_document", "add_document", "change_document")
    return sign_in(client, editor)


def allow(person, *codenames):
    person.user_permissions.add(*Permission.objects.filter(codename__in=codenames))


def form(**changes) -> dict[str, str]:
    fields = {"kind": "agreement", "version": "2", "title": "服务协议", "summary": "改了说法", "body": BODY + "改了。"}
    return {**fields, "manifest": "[]", **changes}


def test_a_new_draft_begins_with_the_text_that_it_replaces(desk, binding):
    page = desk.get("/admin/consent/document/add/?kind=agreement").content.decode()
    assert "登录要用手机号" in page
    assert "手机号" in page


def test_saving_a_draft_leads_to_its_preview_and_the_difference(desk, binding):
    answer = desk.post("/admin/consent/document/add/", form(), follow=True)
    page = answer.content.decode()
    assert answer.request["PATH_INFO"].endswith("/review/")
    assert "与 1 版逐条对照" in page
    assert "<ins>" in page
    assert Decision.objects.get().act == "drafted"


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"manifest": "{"}, "这不是有效的 JSON"),
        ({"manifest": '[{"clause": "一1"}]'}, "第 1 条缺少 anchor"),
        ({"version": "二"}, "写成 1.2 这样的数字"),
        ({"version": "1"}, "已经存在"),
        ({"title": ""}, "必填"),
    ],
)
def test_a_wrong_entry_is_refused_in_chinese_and_keeps_what_was_typed(desk, binding, wrong, complaint):
    page = desk.post("/admin/consent/document/add/", form(**wrong)).content.decode()
    assert complaint in page
    assert "改了说法" in page
    assert Document.objects.count() == 1


def test_only_who_may_announce_does(desk, binding, editor, now):
    new = draft(editor, now, body=BODY + "改了。")
    day = f"{timezone.localdate() + timedelta(days=9)}"
    assert desk.post(f"/admin/consent/document/{new.pk}/announce/", {"day": day}).status_code == 403
    assert Document.objects.get(pk=new.pk).is_draft
    allow(editor, "announce_document")
    page = desk.post(f"/admin/consent/document/{new.pk}/announce/", {"day": day}, follow=True).content.decode()
    assert "已公布" in page
    assert not Document.objects.get(pk=new.pk).is_draft


@pytest.mark.parametrize("day", ["", "明天", "2020-01-01"])
def test_an_impossible_day_is_refused_and_the_page_stays(desk, binding, editor, now, day):
    allow(editor, "announce_document")
    new = draft(editor, now, body=BODY + "改了。")
    page = desk.post(f"/admin/consent/document/{new.pk}/announce/", {"day": day}, follow=True).content.decode()
    assert any(words in page for words in ("请选择生效日期", "请写成", "至少要在公布之后"))
    assert Document.objects.get(pk=new.pk).is_draft


def test_the_second_look_goes_through_the_desk(desk, binding, editor, officer, now, client):
    new = draft(editor, now, body=BODY + "换个说法。")
    day = f"{timezone.localdate() + timedelta(days=9)}"
    assert "请另一位同事复核" in desk.post(f"/admin/consent/document/{new.pk}/propose/", follow=True).content.decode()
    allow(officer, "view_document", "announce_document")
    page = sign_in(client, officer).post(f"/admin/consent/document/{new.pk}/confirm/", {"day": day}, follow=True)
    assert "不再询问会员" in page.content.decode()


def test_a_draft_that_waits_for_a_second_look_is_on_the_front_page_of_whoever_may_take_it(
    desk, binding, editor, officer, now, client
):
    new = draft(editor, now, body=BODY + "改了。")
    for person in (editor, officer):
        allow(person, "announce_document")
    services.propose_as_editorial(document_id=new.pk, by=editor, now=now)
    assert "份草稿等您复核" not in desk.get("/admin/").content.decode()
    assert "份草稿等您复核" in sign_in(client, officer).get("/admin/").content.decode()


def test_what_has_been_announced_can_only_be_read_at_the_desk(desk, binding):
    page = desk.get(f"/admin/consent/document/{binding.pk}/change/").content.decode()
    assert 'name="body"' not in page
    assert desk.post(f"/admin/consent/document/{binding.pk}/change/", form(version="1")).status_code == 403
    assert desk.post(f"/admin/consent/document/{binding.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_colleague_without_the_permission_sees_no_draft(client, settings, binding, editor, now):
    settings.STAFF_SECOND_STEP = False
    new = draft(editor, now, body=BODY + "改了。")
    stranger = sign_in(client, make_member(is_staff=True))
    for path in ("review", "change"):
        assert stranger.get(f"/admin/consent/document/{new.pk}/{path}/").status_code == 403
    for verb in ("announce", "propose", "confirm"):
        assert stranger.post(f"/admin/consent/document/{new.pk}/{verb}/", {"day": "2030-01-01"}).status_code == 403
