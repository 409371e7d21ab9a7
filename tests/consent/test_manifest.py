"""What the texts promise and what the tables hold are the same, both ways; and what a newer manifest gains."""

import pytest

from consent.manifest import differences, gains
from consent.promises import holdings, mismatches, problems
from consent.services.documents import DOCUMENTS, read_shipped

SHIPPED = {(text["kind"], text["version"]): text for text in map(read_shipped, DOCUMENTS.glob("*/*.md"))}


def newest(kind: str) -> dict:
    return max((text for text in SHIPPED.values() if text["kind"] == kind), key=lambda text: text["effective"])


POLICY = newest("privacy")
PROMISED = holdings(POLICY["manifest"])


# ── The policy and the tables ──


def test_the_policy_promises_every_row_and_every_field_and_nothing_else():
    assert mismatches(POLICY["manifest"]) == []


def test_what_is_open_and_named_in_no_table_is_told():
    told = {"clause": "一1", "anchor": "c1", "purpose": "新用途", "data": [{"kind": "指纹", "kept": "3 年"}]}
    assert mismatches([*POLICY["manifest"], told]) == ["“指纹”没有写明存在哪张表"]
    assert mismatches([*POLICY["manifest"], {**told, "not_yet": True}]) == []


def edited(label: str, **changes) -> list[dict]:
    """Return the policy's manifest with one kind of row said otherwise; None: not said at all."""
    return [
        {**promise, "clause": changes.get("clause", promise["clause"]), "data": [{**one, **changes}]}
        if any(one.get("model") == label for one in promise.get("data", []))
        else promise
        for promise in POLICY["manifest"]
        for one in [next((one for one in promise.get("data", []) if one.get("model") == label), {})]
    ]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"model": "courses.Unheard"}, "没有写“访问记录”（accounts.Visit）"),
        ({"model": "courses.Unheard"}, "没有“courses.Unheard”这种数据"),
        ({"clause": "五9"}, "写在五9，实际依据是一2"),
        ({"kept": "181 天"}, "写着保存“181 天”，实际是“180 天”"),
        ({"fields": ["member"]}, "没有写 "),
        ({"fields": [*PROMISED["accounts.Visit"][2], "fingerprint"]}, "没有 fingerprint"),
    ],
)
def test_what_is_promised_otherwise_than_it_is_held_is_told_both_ways(changes, complaint):
    assert any(complaint in told for told in mismatches(edited("accounts.Visit", **changes)))


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
        for label, (_clause, _kept, fields) in holdings(text["manifest"]).items():
            if text["kind"] != "privacy":
                assert fields <= PROMISED[label][2], f"{text['kind']}: {label}"


# ── What a newer one gains ──


def order(*fields: str) -> list[dict]:
    return [{"kind": "订单", "kept": "3 年", "model": "courses.Order", "fields": list(fields)}]


def promise(**changes) -> dict:
    return {"clause": "二1(2)C", "anchor": "c2", "purpose": "交付课程", "data": order("number"), **changes}


@pytest.mark.parametrize(
    ("newer", "gained"),
    [
        ([promise(purpose="交付课程"), promise(purpose="推荐", data=[])], ["增加用途：推荐"]),
        ([promise(recipients=["某公司"])], ["增加接收方：某公司（交付课程）"]),
        ([promise(data=[{"kind": "订单", "kept": "5 年"}])], ["“订单”的保存期由“3 年”延长为“5 年”"]),
        ([promise(data=[{"kind": "订单", "kept": "长期"}])], ["“订单”的保存期由“3 年”延长为“长期”"]),
        ([promise(data=[{"kind": "订单", "kept": "随账号"}])], ["“订单”的保存期由“3 年”延长为“随账号”"]),
        ([promise(data=[*promise()["data"], {"kind": "指纹", "kept": "30 天"}])], ["增加信息：指纹"]),
        ([promise(), promise(purpose="推荐")], ["增加用途：推荐", "“订单”增加用途：推荐"]),
        ([promise(data=order("number", "total_fen"))], ["“订单”增加：金额（分）"]),
        ([promise(data=order("number", "of_old"))], ["“订单”增加：of_old"]),
        ([promise(data=order("number", "of_old", "total_fen"))], ["“订单”增加：of_old、金额（分）"]),
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


def test_what_was_promised_for_later_and_is_opened_is_material():
    assert [one.text for one in gains([promise(not_yet=True)], [promise()])] == ["开始提供：交付课程"]
    assert gains([promise()], [promise(not_yet=True)]) == []


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
        ([promise(data=[{"kind": "订单", "kept": "3 年", "model": "courses.Order"}])], "同时写 model 和 fields"),
        ([promise(data=[{**order("a")[0], "model": "courses.Unheard"}])], "courses.Unheard 不在个人信息清单里"),
        ([promise(data=[{**order("a")[0], "model": []}])], "不在个人信息清单里"),
        ([promise(touches="holder")], "touches 只能写 holders"),
        ([promise(), promise(data=[])], "用途“交付课程”写了不止一次"),
        ([promise(data=[*order("a"), {"kind": "订单", "kept": "长期"}])], "信息“订单”写了不止一次"),
    ],
)
def test_a_manifest_that_somebody_mistyped_is_refused_in_words(typed, complaint):
    assert any(complaint in problem for problem in problems(typed, body="## 二 {#c2}"))
