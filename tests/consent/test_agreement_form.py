"""The boxes: unticked, one a text, and never for a text the person has not seen."""

from datetime import timedelta

import pytest
from django.db import ProgrammingError, transaction
from django.http import QueryDict

from consent import services
from consent.forms import AgreementFormMixin
from consent.models import Acceptance
from consent.services import Origin, StaleDocument
from tests.factories import make_document

pytestmark = pytest.mark.django_db
ORIGIN = Origin(ip="192.0.2.7", browser="Firefox")


class JoinForm(AgreementFormMixin):
    agreement_kinds = ("agreement", "privacy")


@pytest.fixture
def in_force(now):
    day = now - timedelta(days=30)
    return {kind: make_document(kind=kind, version="1", effective_at=day) for kind in JoinForm.agreement_kinds}


def posted(*documents, ticked=("agreement", "privacy")) -> QueryDict:
    data = {f"seen_{d.kind}": d.digest for d in documents} | {f"accept_{kind}": "on" for kind in ticked}
    query = QueryDict(mutable=True)
    query.update(data)
    query._mutable = False
    return query


def test_the_boxes_begin_unticked_and_link_to_their_texts(in_force):
    html = JoinForm().as_div()
    assert html.count('type="checkbox"') == 2
    assert "checked" not in html
    assert 'href="/policy/agreement/"' in html
    assert 'href="/policy/privacy/"' in html


def test_ticking_both_versions_in_force_accepts_both(in_force):
    form = JoinForm(posted(*in_force.values()))
    assert form.is_valid()
    assert form.accepted_documents == list(in_force.values())


def test_a_box_left_empty_is_refused_by_name(in_force):
    form = JoinForm(posted(*in_force.values(), ticked=["agreement"]))
    assert not form.is_valid()
    assert "需要同意《隐私政策》才能继续" in form.errors["accept_privacy"]
    assert "accept_agreement" not in form.errors


def test_a_form_that_showed_an_older_version_comes_back_unticked_with_the_new_one(in_force, now):
    new = make_document(kind="agreement", version="2", body="改过的正文", effective_at=now - timedelta(minutes=1))
    form = JoinForm(posted(*in_force.values()))
    assert not form.is_valid()
    assert new not in form.accepted_documents
    assert "已更新为 2 版" in form.errors["accept_agreement"][0]
    html = str(form["accept_agreement"]) + str(form["seen_agreement"])
    assert "checked" not in html
    assert new.digest in html


def test_ticking_again_after_a_change_accepts_the_new_version(in_force, now):
    new = make_document(kind="agreement", version="2", body="改过的正文", effective_at=now - timedelta(minutes=1))
    form = JoinForm(posted(new, in_force["privacy"]))
    assert form.is_valid()
    assert new in form.accepted_documents


@pytest.mark.parametrize("forged", ["", "0" * 64, "x"])
def test_a_form_that_names_no_version_is_refused(in_force, forged):
    data = posted(*in_force.values()).copy()
    data["seen_privacy"] = forged
    assert not JoinForm(data).is_valid()


def test_a_form_without_the_hidden_versions_is_refused(in_force):
    assert not JoinForm(posted()).is_valid()


def test_a_prefixed_form_works_the_same(in_force, now):
    data = {f"join-{name}": value for name, value in posted(*in_force.values()).items()}
    assert JoinForm(data, prefix="join").is_valid()
    make_document(kind="agreement", version="2", body="改过的正文", effective_at=now - timedelta(minutes=1))
    query = QueryDict(mutable=True)
    query.update(data)
    stale = JoinForm(query, prefix="join")
    assert not stale.is_valid()
    assert "checked" not in str(stale["accept_agreement"])


# ── Writing it down ──


def test_an_acceptance_stores_the_text_the_moment_and_beside_it_the_evidence(in_force, newcomer, now):
    services.accept(member=newcomer, documents=in_force.values(), origin=ORIGIN, now=now)
    records = Acceptance.objects.for_member(newcomer).select_related("evidence", "document")
    assert {(r.document, r.action, r.at, r.evidence.ip, r.evidence.browser) for r in records} == {
        (document, "given", now, "192.0.2.7", "Firefox") for document in in_force.values()
    }


def test_nothing_is_written_when_one_text_is_no_longer_in_force(in_force, newcomer, now):
    make_document(kind="privacy", version="2", body="改过", effective_at=now - timedelta(minutes=1))
    with pytest.raises(StaleDocument) as refused:
        services.accept(member=newcomer, documents=in_force.values(), origin=ORIGIN, now=now)
    assert refused.value.document.version == "2"
    assert not Acceptance.objects.for_member(newcomer).exists()


def test_withdrawing_adds_a_word_and_leaves_the_first_one(in_force, newcomer, now):
    services.accept(member=newcomer, documents=in_force.values(), origin=ORIGIN, now=now)
    services.withdraw(member=newcomer, kind="privacy", now=now + timedelta(seconds=1))
    assert services.withdraw(member=newcomer, kind="privacy", now=now + timedelta(seconds=2)) is None
    said = Acceptance.objects.for_member(newcomer).filter(document__kind="privacy").order_by("at")
    assert [record.action for record in said] == ["given", "withdrawn"]
    standing = {r.document.kind: r.action for r in Acceptance.objects.for_member(newcomer).standing(in_force)}
    assert standing == {"agreement": "given", "privacy": "withdrawn"}


def test_a_browser_with_an_endless_name_is_cut(in_force, newcomer, now):
    endless = Origin(ip=None, browser="x" * 999)
    services.accept(member=newcomer, documents=[in_force["privacy"]], origin=endless, now=now)
    assert len(Acceptance.objects.get(subject=newcomer).evidence.browser) == 300


def test_what_was_said_is_never_edited(in_force, newcomer, now):
    services.accept(member=newcomer, documents=in_force.values(), origin=ORIGIN, now=now)
    with pytest.raises(ProgrammingError), transaction.atomic():
        Acceptance.objects.update(action="withdrawn")
