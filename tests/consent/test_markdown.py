"""Our texts become plain document markup and nothing else."""

from html.parser import HTMLParser

import pytest

from consent.markdown import Heading, contents, render


def said_in_markup(html: str) -> set[str]:
    """Collect the names of tags and attributes, and the attributes' values."""
    said: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            said.update([tag], *attrs)

    Reader().feed(html)
    return said


def test_a_heading_takes_the_anchor_written_behind_it():
    assert render("## 适用范围 {#c1}") == '<h2 id="c1">适用范围</h2>\n'


def test_a_heading_without_an_anchor_stays_as_it_is():
    assert render("## 集合 {a, b}") == "<h2>集合 {a, b}</h2>\n"


def test_an_anchor_is_found_behind_emphasis():
    assert render("## **一** 范围 {#c1}") == '<h2 id="c1"><strong>一</strong> 范围</h2>\n'


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "[a](data:text/html,x)",
        "![a](javascript:alert(1))",
        '## a {#x" onclick="alert(1)}',
    ],
)
def test_nothing_in_a_text_becomes_a_script(hostile):
    page = said_in_markup(render(hostile))
    assert not page & {"script", "onerror", "onclick"}
    assert not any(value.startswith(("javascript:", "data:")) for value in page)


def test_tables_are_tables():
    html = render("| 保存 | 多久 |\n|---|---|\n| 订单 | 3 年 |")
    assert "<th>保存</th>" in html
    assert "<td>3 年</td>" in html


def test_the_table_of_contents_lists_second_and_third_level_in_plain_words():
    html = render("# 名 {#t}\n\n## 一 & 二 {#a}\n\n### **三** {#b}\n\n#### 四 {#c}\n\n## 无锚")
    assert contents(html) == [Heading(2, "a", "一 & 二"), Heading(3, "b", "三")]
