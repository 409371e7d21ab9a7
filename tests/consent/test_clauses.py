"""What became of each clause between two versions of a text, and how it is marked."""

import re
from html.parser import HTMLParser
from pathlib import Path
from time import process_time

import pytest

from consent.clauses import compare, split
from consent.markdown import render

PRIVACY = Path(__file__).resolve().parents[2] / "consent" / "documents" / "privacy"
VOID = {"br", "hr", "img"}
INLINE = {"a", "br", "code", "em", "img", "strong"}
TEXT = """开头的话。

## 一、范围 {#c1}

### 1. 注册 {#c1-1}

注册需要手机号。

### 2. 访问 {#c1-2}

访问记录保存 180 天。

### 3. 来源 {#c1-3}

从合作方取得的信息。

## 二、使用 {#c2}

我们不出售您的信息。
"""


def states(old: str, new: str) -> dict[str, str]:
    """Tell the state of each clause that is not as it was."""
    return {clause.anchor: clause.state for clause in compare(old, new) if not clause.is_same}


def only(old: str, new: str):
    """Compare two texts of which one clause differs, and return that clause."""
    (clause,) = [clause for clause in compare(old, new) if not clause.is_same]
    return clause


def marked(old: str, new: str) -> str:
    """Compare two texts of one clause, and return what is marked in it."""
    return only(f"## 一 {{#c1}}\n\n{old}", f"## 一 {{#c1}}\n\n{new}").new_html


def without(tag: str, html: str) -> str:
    """Take away what one mark holds, and the signs of the other mark."""
    html = re.sub(rf'<(\w+) class="is-{"gone" if tag == "del" else "new"}">.*?</\1>', "", html, flags=re.DOTALL)
    html = re.sub(rf"<{tag}>.*?</{tag}>", "", html, flags=re.DOTALL)
    html = re.sub(r' class="is-(?:gone|new)"|</?(?:ins|del)>', "", html)
    return re.sub(r"<(a|strong)\b[^>]*></\1>", "", html)


class Markup(HTMLParser):
    """Collects what a browser would have to repair."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.said: set[str] = set()
        self.cells: list[int] = []
        self.feed(html)
        self.close()
        self.wrong += self.open
        self.wrong += ["rows of different length"] if len(set(self.cells)) > 1 else []

    def handle_starttag(self, tag, attrs):
        self.said.update([tag], *attrs)
        barred = {"ins", "del"} if tag in ("ins", "del") else set() if tag in INLINE else {"ins", "del", "a", "p"}
        if barred & set(self.open):
            self.wrong.append(f"{tag} in {self.open}")
        if tag == "tr":
            self.cells.append(0)
        if tag in ("td", "th"):
            self.cells[-1] += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")


# ── Clauses ──


def test_a_text_is_cut_at_the_headings_with_an_anchor():
    clauses = split(TEXT)
    assert [(one.anchor, one.level, one.heading) for one in clauses] == [
        ("", 0, ""),
        ("c1", 2, "一、范围"),
        ("c1-1", 3, "1. 注册"),
        ("c1-2", 3, "2. 访问"),
        ("c1-3", 3, "3. 来源"),
        ("c2", 2, "二、使用"),
    ]
    assert clauses[0].html == "<p>开头的话。</p>"
    assert clauses[3].chapters == ("一、范围",)


def test_a_heading_without_an_anchor_or_within_a_quotation_belongs_to_the_clause_before():
    clauses = split("## 一 {#a}\n\n### 小标题\n\n> ## 引文 {#b}\n\n## 二 {#c}")
    assert [one.anchor for one in clauses] == ["a", "c"]
    assert "<h3>小标题</h3><blockquote><h2>引文</h2></blockquote>" in clauses[0].html


def test_nothing_becomes_of_identical_versions():
    assert {clause.state for clause in compare(TEXT, TEXT)} == {"same"}
    assert states(TEXT, TEXT.replace("\n\n", "\n\n\n")) == {}


def test_an_added_clause_is_added_and_moves_nobody():
    new = TEXT.replace("### 2. 访问", "### 2. 设备 {#c1-9}\n\n已登录的设备。\n\n### 3. 访问").replace(
        "3. 来源", "4. 来源"
    )
    assert states(TEXT, new) == {"c1-9": "added"}
    added = only(TEXT, new)
    assert (added.old_html, added.new_html) == ("", "<p>已登录的设备。</p>")


def test_a_removed_clause_is_listed_where_it_stood():
    new = TEXT.replace("### 2. 访问 {#c1-2}\n\n访问记录保存 180 天。\n\n", "")
    assert [clause.anchor for clause in compare(TEXT, new)] == ["", "c1", "c1-1", "c1-2", "c1-3", "c2"]
    removed = only(TEXT, new)
    assert (removed.state, removed.heading, removed.chapters) == ("removed", "2. 访问", ("一、范围",))
    assert (removed.old_html, removed.new_html) == ("<p>访问记录保存 180 天。</p>", "")


def test_what_was_removed_at_the_very_beginning_comes_first():
    new = TEXT.removeprefix("开头的话。\n\n")
    assert [(clause.anchor, clause.state) for clause in compare(TEXT, new)][:2] == [("", "removed"), ("c1", "same")]


def test_a_clause_in_another_place_has_moved_and_its_neighbours_have_not():
    moved = "### 1. 注册 {#c1-1}\n\n注册需要手机号。\n\n"
    new = TEXT.replace(moved, "") + "\n" + moved
    clause = only(TEXT, new)
    assert (clause.state, clause.anchor) == ("moved", "c1-1")
    assert (clause.old_place, clause.place) == ("一、范围 › 1. 注册", "二、使用 › 1. 注册")
    assert clause.old_html == clause.new_html == "<p>注册需要手机号。</p>"


def test_a_clause_under_another_anchor_and_number_has_moved():
    new = TEXT.replace("### 3. 来源 {#c1-3}", "### （2）来源 {#c1-x}")
    assert states(TEXT, new) == {"c1-x": "moved"}


def test_clauses_whose_anchors_were_given_to_others_are_still_known_by_their_words():
    new = TEXT.replace("3. 来源 {#c1-3}", "4. 来源 {#c1-4}").replace("2. 访问 {#c1-2}", "3. 访问 {#c1-3}")
    new = new.replace("### 3. 访问", "### 2. 设备 {#c1-2}\n\n已登录的设备。\n\n### 3. 访问")
    assert states(TEXT, new) == {"c1-2": "added", "c1-3": "moved", "c1-4": "moved"}


def test_a_reworded_clause_shows_the_old_words_left_and_both_right():
    clause = only(TEXT, TEXT.replace("180 天", "一年"))
    assert (clause.state, clause.has_moved) == ("reworded", False)
    assert clause.old_html == "<p>访问记录保存 <del>180 天</del>。</p>"
    assert clause.new_html == "<p>访问记录保存 <del>180 天</del><ins>一年</ins>。</p>"


def test_a_clause_may_be_moved_and_reworded():
    new = TEXT.replace("### 1. 注册 {#c1-1}\n\n注册需要手机号。\n\n", "")
    clause = only(TEXT, new + "\n### 1. 注册 {#c1-1}\n\n注册需要手机号和密码。\n")
    assert (clause.state, clause.has_moved) == ("reworded", True)
    assert clause.new_html == "<p>注册需要手机号<ins>和密码</ins>。</p>"
    assert clause.old_place == "一、范围 › 1. 注册"


def test_a_reworded_heading_is_marked_and_a_new_number_is_not_a_rewording():
    clause = only(TEXT, TEXT.replace("### 2. 访问", "### 2. 访问与设备"))
    assert clause.marked_heading == "2. 访问<ins>与设备</ins>"
    assert states(TEXT, TEXT.replace("### 2. 访问", "### 7. 访问")) == {}


# ── Words ──


def test_a_new_sentence_is_one_mark_however_much_it_resembles_its_neighbour():
    html = marked("一类信息保存三年。", "一类信息保存三年。另一类信息保存三十年。")
    assert html == "<p>一类信息保存三年。<ins>另一类信息保存三十年。</ins></p>"


def test_changes_close_together_are_one_mark():
    assert marked("顺序与所有人相同。", "顺序与其他人一样。") == (
        "<p>顺序与<del>所有人相同</del><ins>其他人一样</ins>。</p>"
    )


def test_a_comma_keeps_two_changes_apart():
    html = marked("只保存到城市，30 天后删除。", "只保存到省份，90 天后删除。")
    assert html == "<p>只保存到<del>城市</del><ins>省份</ins>，<del>30</del><ins>90</ins> 天后删除。</p>"


def test_numbers_and_latin_words_are_never_cut():
    assert "<del>180</del><ins>120</ins>" in marked("访问记录保存 180 天。", "访问记录保存 120 天。")
    assert "<del>Argon2</del><ins>Argon3</ins>" in marked("密码用 Argon2 加密保存。", "密码用 Argon3 加密保存。")


def test_a_text_of_which_little_is_left_is_replaced_as_a_whole():
    html = marked("密码单向加密，我们也看不到。", "密钥分开存放，可以轮换。")
    assert html == (
        '<p class="is-gone"><del>密码单向加密，我们也看不到。</del></p>'
        '<p class="is-new"><ins>密钥分开存放，可以轮换。</ins></p>'
    )


def test_a_mark_stays_inside_a_link_or_goes_around_it():
    inside = marked("请看[我的全部信息](/me/)页面。", "请看[我的个人信息](/me/)页面。")
    assert '<a href="/me/" rel="noopener">我的<del>全部</del><ins>个人</ins>信息</a>' in inside
    around = marked("请看页面。", "请看页面，或者[收据](/r/)上的编号。")
    assert '<ins>，或者<a href="/r/" rel="noopener">收据</a>上的编号</ins>' in around


def test_a_link_that_leads_elsewhere_is_a_change_although_its_words_are_the_same():
    html = marked("请看[注销页面](/a/)上的说明。", "请看[注销页面](/b/)上的说明。")
    assert '<del>注销页面</del></a><a href="/b/" rel="noopener"><ins>注销页面</ins></a>' in html


def test_words_that_became_bold_are_a_change():
    assert "<ins>从不收集</ins></strong>" in marked("卡号我们从不收集，请放心。", "卡号我们**从不收集**，请放心。")


TABLE = "| 信息 | 期限 |\n|---|---|\n| 访问记录 | 180 天 |\n| 城市位置 | 30 天 |\n"


def test_a_changed_cell_leaves_the_table_a_table():
    html = marked(TABLE, TABLE.replace("180 天", "一年"))
    assert "<tr><td>访问记录</td><td><del>180 天</del><ins>一年</ins></td></tr>" in html
    assert Markup(html).wrong == []


def test_a_row_that_came_and_a_row_that_went_are_marked_cell_by_cell():
    html = marked(TABLE, TABLE.replace("| 城市位置 | 30 天 |", "| 语音留言 | 180 天 |"))
    assert '<tr class="is-gone"><td><del>城市位置</del></td><td><del>30 天</del></td></tr>' in html
    assert '<tr class="is-new"><td><ins>语音留言</ins></td><td><ins>180 天</ins></td></tr>' in html
    assert Markup(html).wrong == []


def test_a_table_with_another_column_is_another_table():
    html = marked(TABLE, "| 信息 | 期限 | 依据 |\n|---|---|---|\n| 访问记录 | 180 天 | 法 |")
    assert html.count("<table") == 2
    assert all(Markup(table).wrong == [] for table in re.findall(r"<table.*?</table>", html, re.DOTALL))


def test_an_item_that_went_stays_an_item_of_its_list():
    html = marked("1. 提交之前\n2. 提交之后\n3. 然后删除", "1. 提交之前\n2. 然后删除")
    assert html == '<ol><li>提交之前</li><li class="is-gone"><del>提交之后</del></li><li>然后删除</li></ol>'


def test_marks_can_be_taken_away_again_on_either_side():
    old = f"您可以**导出**，也可以[注销](/me/close/)。\n\n- 甲乙丙\n- 丁戊己\n\n{TABLE}"
    table = TABLE.replace("30", "60")
    new = f"您可以[导出](/x/)，还可以[注销](/me/close/)或投诉。\n\n- 甲乙丙丁\n\n{table}\n\n新的一段。"
    clause = only(f"## 一 {{#a}}\n\n{old}", f"## 一 {{#a}}\n\n{new}")

    def plain(html: str) -> str:
        return html.replace("\n", "")

    assert plain(without("del", clause.new_html)) == plain(render(new))
    assert plain(without("ins", clause.new_html)) == plain(without("ins", clause.old_html)) == plain(render(old))


# ── Anything that somebody may type ──


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<ins>冒充</ins>",
        "<img src=x onerror=alert(1)>",
        "[点](javascript:alert(1))",
        '[点](/x "a\\" onmouseover=alert(1) b=\\"")',
        '![图](/x.png "<script>")',
        "`<script>`",
        "&lt;script&gt;&amp;lt;",
    ],
)
def test_nothing_in_a_text_becomes_a_script_or_a_mark(hostile):
    for old, new in ((hostile, f"{hostile}，改。"), ("原来的一句话。", f"原来的一句话{hostile}。"), (hostile, "")):
        for clause in compare(f"## 一 {{#a}}\n\n{old}", f"## 一 {{#a}}\n\n{new}"):
            for html in (clause.old_html, clause.new_html):
                page = Markup(html)
                assert not page.said & {"script", "onerror", "onmouseover"}
                assert not any(value.startswith("javascript:") for value in page.said)
                assert "<ins>冒充" not in html
                assert page.wrong == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("", TEXT),
        (TEXT, ""),
        ("\n \n", "正文"),
        ("没有锚点。", "没有锚点，也没有标题。"),
        ("## {#a}", "## {#a}\n\n有字了"),
        ("# 一 {#a}\n\n甲\n\n# 一 {#a}\n\n乙", "# 一 {#a}\n\n乙"),
        ("## 一 {#a}\n## 一 {#a}\n## 一 {#a}", "## 一 {#a}"),
        ("###### 一 {#a}", "一\n== {#a}"),
        ("*a **b `c " * 300, "**a *b " * 300),
        ("> " * 500 + "甲", "- " * 500 + "乙"),
        ("\x00\u2028\ufffd", "\x00\r\n\u200b"),
        ("| a |\n|---|\n| |", "| a |\n|---|\n| b | c |"),
        ("```\n甲\n  乙\n```", "```\n甲\n  丙\n```\n---"),
        ("![图](/a.png)", "![图](/b.png)  \n换行"),
    ],
)
def test_odd_texts_are_compared_too(old, new):
    clauses = compare(old, new)
    assert [one.anchor for one in clauses if one.state != "removed"] == [one.anchor for one in split(new)]
    assert all(Markup(clause.new_html).wrong == [] for clause in clauses)


def test_of_several_clauses_with_one_anchor_only_the_first_takes_it_on_the_page():
    clauses = compare("## 一 {#a}", "## 一 {#a}\n\n甲\n\n## 二 {#a}\n\n乙")
    assert [clause.fragment for clause in clauses] == ["a", ""]


def seconds_for(times: int) -> float:
    """Compare a text of so many sentences with another one; processor time, whatever else the machine does."""
    line = "您的信息保存在境内，注销时随账号一起删除；"
    begun = process_time()
    assert compare.__wrapped__(line * times, line * (times - 1))
    assert compare.__wrapped__(line * times, line[::-1] * times)
    return process_time() - begun


def test_a_very_long_text_takes_no_more_than_its_length_would_make_one_expect():
    short, long = seconds_for(2_500), seconds_for(10_000)
    assert long < 40 * short, "four times the text: sixteen times the work of a square, sixty-four of a cube"


# ── The real thing ──


@pytest.fixture
def policies() -> tuple[str, str]:
    paths = PRIVACY / "1.0.md", PRIVACY / "1.1.md"
    if not all(path.exists() for path in paths):
        pytest.skip("only one version of the policy is shipped")
    old, new = (path.read_text().split("---\n", 2)[2] for path in paths)
    return old, new


def test_the_shipped_policies_keep_their_anchors_and_their_order(policies):
    found = [(clause.state, clause.anchor) for clause in compare(*policies)]
    assert {state for state, _ in found} <= {"same", "reworded", "added"}
    assert ("reworded", "c0-3") in found


def test_every_clause_of_the_shipped_policies_is_valid_and_says_what_each_version_says(policies):
    old, new = ({one.anchor: one.html for one in split(body)} for body in policies)
    for clause in compare(*policies):
        assert Markup(clause.new_html).wrong == []
        assert without("del", clause.new_html) == new[clause.anchor]
        assert without("ins", clause.old_html) == old.get(clause.anchor, "")
