"""Reading an answer without an account: the code is the only key."""

import re

import pytest

from complaints import codes, services
from complaints.models import Case
from tests.factories import make_case, open_case


def page_of(code: str) -> str:
    return f"/complaints/{code}/"


def test_the_code_has_eighty_bits_and_no_two_are_alike(db):
    drawn = {open_case().claim_code for _ in range(50)}
    assert len(drawn) == 50
    assert all(re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", code) for code in drawn)


def test_the_code_itself_is_not_in_the_database(db):
    opened = open_case()
    row = Case.objects.filter(pk=opened.case.pk).values().get()
    assert codes.normalise(opened.claim_code) not in codes.normalise(str(row))
    assert bytes(row["claim_hash"]) == codes.hash_of(opened.claim_code)


def test_who_has_the_code_reads_the_dialogue_and_writes_back(client, agent, now):
    opened = open_case(body="我的问题")
    services.answer(case_id=opened.case.pk, body="我们的答复", seen=1, by=agent, now=now)
    page = client.get(page_of(opened.claim_code)).content.decode()
    assert "我的问题" in page
    assert "我们的答复" in page
    after = client.post(page_of(opened.claim_code), {"body": "还有一点", "seen": 2}, follow=True)
    assert "还有一点" in after.content.decode()


def test_staff_are_not_named_to_the_person(client, agent, now):
    opened = open_case()
    services.answer(case_id=opened.case.pk, body="答复", seen=1, by=agent, now=now)
    page = client.get(page_of(opened.claim_code)).content.decode()
    assert agent.name not in page
    assert agent.email not in page


@pytest.mark.parametrize("typed", [str.lower, lambda c: c.replace("-", ""), lambda c: f" {c.replace('-', ' ')} "])
def test_a_code_may_be_typed_as_people_type(client, db, typed):
    opened = open_case(subject="我的标题")
    page = client.post("/complaints/look-up/", {"code": typed(opened.claim_code)}, follow=True)
    assert "我的标题" in page.content.decode()


def test_look_alikes_and_full_width_letters_are_understood():
    assert codes.normalise("oOiIlL-ＡＢ１２") == "001111AB12"


@pytest.mark.parametrize(("typed", "sentence"), [("", "请输入查询码"), ("ABC", "查询码是 16 位"), ("A" * 61, "")])
def test_what_cannot_be_a_code_is_said_at_once(client, db, typed, sentence):
    page = client.post("/complaints/look-up/", {"code": typed}).content.decode()
    assert sentence in page
    assert "error" in page


def test_a_wrong_code_shows_nothing(client, db):
    open_case(subject="别人的标题")
    page = client.get(page_of("0000-0000-0000-0000"))
    assert page.status_code == 404
    assert "没有这个查询码" in page.content.decode()
    assert "别人的标题" not in page.content.decode()


def test_a_number_is_no_code(client, db):
    case = make_case(subject="别人的标题")
    assert client.get(page_of(case.number)).status_code == 404


def test_a_members_case_has_no_code_at_all(client, alice):
    assert open_case(member=alice).claim_code is None


def test_who_guesses_is_stopped_even_when_the_next_guess_is_right(client, db):
    opened = open_case(subject="别人的标题")
    for guess in range(20):
        assert client.get(page_of(f"{guess:016}")).status_code == 404
    stopped = client.get(page_of(opened.claim_code))
    assert stopped.status_code == 429
    assert "别人的标题" not in stopped.content.decode()


def test_reading_ones_own_case_often_is_no_guessing(client, db):
    opened = open_case()
    assert {client.get(page_of(opened.claim_code)).status_code for _ in range(25)} == {200}


def test_the_page_is_kept_by_no_cache_and_found_by_no_search_engine(client, db):
    response = client.get(page_of(open_case().claim_code))
    assert "no-store" in response["Cache-Control"]
    assert "private" in response["Cache-Control"]
    assert "noindex" in response["X-Robots-Tag"]


def test_a_code_opens_one_case_only(db):
    first, _second = open_case(), open_case()
    assert list(Case.objects.with_claim_code(first.claim_code)) == [first.case]
