"""What the texts promise and what the tables hold are the same, both ways; and what a newer manifest gains."""

import pytest

from consent import inventory, manifest
from consent.manifest import ACCOUNT, FOR_GOOD, differences, gains, holdings, problems
from consent.services.documents import DOCUMENTS, read_shipped

SHIPPED = {(text["kind"], text["version"]): text for text in map(read_shipped, DOCUMENTS.glob("*/*.md"))}


def newest(kind: str) -> dict:
    return max((text for text in SHIPPED.values() if text["kind"] == kind), key=lambda text: text["effective"])


POLICY = newest("privacy")
PROMISED = holdings([POLICY["manifest"]])
HELD = {entry.label: entry for entry in inventory.entries()}


def fields_of(entry: inventory.Entry) -> set[str]:
    return {f.name for f in entry.model._meta.concrete_fields if not f.primary_key}


def kept(entry: inventory.Entry) -> str:
    if entry.unlinks:
        return FOR_GOOD
    return str(entry.until) if entry.until else ACCOUNT


# ── The policy and the tables ──


def test_every_kind_of_row_is_promised_and_every_promise_has_its_rows():
    assert set(PROMISED) == set(HELD)


@pytest.mark.parametrize("label", sorted(HELD))
def test_every_field_is_promised_and_every_promised_field_exists(label):
    _clause, _kept, promised = PROMISED[label]
    assert promised == fields_of(HELD[label])


@pytest.mark.parametrize("label", sorted(HELD))
def test_the_policy_names_the_clause_and_the_term_that_the_code_carries_out(label):
    clause, term, _fields = PROMISED[label]
    assert (clause, term) == (HELD[label].clause, kept(HELD[label]))


def test_what_is_not_open_yet_promises_no_table():
    waiting = [one for promise in POLICY["manifest"] if promise.get("not_yet") for one in promise.get("data", [])]
    assert waiting
    assert not [one for one in waiting if "model" in one or "fields" in one]


def test_whatever_is_open_names_a_table():
    opened = [one for promise in POLICY["manifest"] if not promise.get("not_yet") for one in promise.get("data", [])]
    assert not [one["kind"] for one in opened if "model" not in one]


@pytest.mark.parametrize(("kind", "version"), sorted(SHIPPED))
def test_every_shipped_manifest_is_well_formed_and_points_into_its_text(kind, version):
    text = SHIPPED[kind, version]
    assert problems(text["manifest"], body=text["body"]) == []


def test_a_sheet_promises_nothing_that_the_policy_does_not():
    for text in SHIPPED.values():
        for label, (_clause, _kept, fields) in holdings([text["manifest"]]).items():
            if text["kind"] != "privacy":
                assert fields <= PROMISED[label][2], f"{text['kind']}: {label}"


# ── What a newer one gains ──


def promise(**changes) -> dict:
    data = [{"kind": "订单", "kept": "3 年", "model": "courses.Order", "fields": ["number"]}]
    return {"clause": "二1(2)C", "anchor": "c2", "purpose": "交付课程", "data": data, **changes}


@pytest.mark.parametrize(
    ("newer", "gained"),
    [
        ([promise(purpose="交付课程"), promise(purpose="推荐", data=[])], ["增加用途：推荐"]),
        ([promise(recipients=["某公司"])], ["增加接收方：某公司（交付课程）"]),
        ([promise(data=[{"kind": "订单", "kept": "5 年"}])], ["“订单”的保存期由“3 年”延长为“5 年”"]),
        ([promise(data=[{"kind": "订单", "kept": "长期"}])], ["“订单”的保存期由“3 年”延长为“长期”"]),
        ([promise(data=[{"kind": "订单", "kept": "随账号"}])], ["“订单”的保存期由“3 年”延长为“随账号”"]),
        ([promise(data=[*promise()["data"], {"kind": "指纹", "kept": "30 天"}])], ["增加信息：指纹"]),
        ([promise(data=[{"kind": "订单", "kept": "30 天"}])], []),
        ([promise(data=[])], []),
        ([], []),
    ],
)
def test_more_data_purposes_recipients_or_time_is_material_and_less_is_not(newer, gained):
    assert [one.text for one in gains([promise()], newer)] == gained


def test_what_is_dropped_is_told_too_after_what_is_gained():
    found = differences([promise()], [promise(purpose="推荐", data=[])])
    assert [(one.is_gain, one.text) for one in found] == [
        (True, "增加用途：推荐"),
        (False, "不再有用途：交付课程"),
        (False, "不再有信息：订单"),
    ]


def test_a_change_that_touches_holders_names_their_tables():
    (gained,) = gains([promise()], [promise(touches="holders", recipients=["某公司"])])
    assert gained.as_change()["holders"] == ["courses.Order"]


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"a": 1}, "承诺清单应当是一个列表"),
        (["x"], "承诺清单应当是一个列表"),
        ([{}], "第 1 条缺少 clause"),
        ([promise(anchor="nowhere")], "第 1 条的锚点 nowhere 不在正文里"),
        ([promise(recipients="某公司")], "recipients 应当是文字的列表"),
        ([promise(data="订单")], "data 应当是一个列表"),
        ([promise(data=[{"kind": "订单", "kept": "很久"}])], "kept 写"),
    ],
)
def test_a_manifest_that_somebody_mistyped_is_refused_in_words(typed, complaint):
    assert any(complaint in problem for problem in manifest.problems(typed, body="## 二 {#c2}"))
