"""The pages of an export that people read: everything in Chinese, whatever codes the tables hold."""

from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import Any

from django.conf import settings
from django.db import models

from consent.inventory import Entry
from consent.wording import plainly

STYLE = """body{font:16px/1.6 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#10272b}
table{border-collapse:collapse;width:100%;font-size:.875rem}th,td{border:1px solid #dbe4e3;padding:.4rem .6rem;
text-align:left;vertical-align:top;overflow-wrap:anywhere}th{background:#edf2f1}a{color:#0a6065}.muted{color:#4a6064}"""
FOOT = "</table></body></html>\n"
KEY = "序号"


def heading(entry: Entry, column: models.Field[Any, Any]) -> str:
    """Name a column."""
    return KEY if column.primary_key else str(entry.headings.get(column.name, column.verbose_name))


def said(entry: Entry, row: Any, name: str, value: Any) -> str:
    """Say what a row holds in one column, a code by its label; `value` is the same as JSON tells it."""
    held = getattr(row, name)
    if held is None or held == "":
        return ""
    if name in entry.in_words:
        return entry.in_words[name](held)
    if row._meta.get_field(name).choices:
        return str(getattr(row, f"get_{name}_display")())
    return plainly(held if isinstance(held, datetime) else value)


def page(title: str) -> str:
    """Begin a page."""
    head = f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    return f"{head}<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>\n"


def head(entry: Entry, columns: Iterable[models.Field[Any, Any]]) -> str:
    """Begin the page of one kind of row."""
    names = "".join(f"<th>{escape(heading(entry, column))}</th>" for column in columns)
    why = f'<p class="muted">用途：{escape(entry.purpose)}（隐私政策 {escape(entry.clause)}）</p>'
    return f'{page(entry.name)}{why}<p><a href="../index.html">返回目录</a></p><table><tr>{names}</tr>\n'


def line(entry: Entry, row: Any, values: dict[str, Any]) -> str:
    """Write one row; `values` are its columns as JSON tells them."""
    cells = (_cell(entry, row, name, value) for name, value in values.items())
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"


def _cell(entry: Entry, row: Any, name: str, value: Any) -> str:
    if value and isinstance(row._meta.get_field(name), models.FileField):
        return f'<a href="../{escape(value)}">打开</a>'
    return escape(said(entry, row, name, value))


def front_page(written: Iterable[tuple[Entry, int]], *, now: datetime) -> str:
    """List the kinds of rows, with how many there are of each."""
    rows = "".join(
        f'<tr><td><a href="data/{entry.label}.html">{escape(entry.name)}</a></td><td>{number}</td>'
        f"<td>{escape(entry.purpose)}</td><td>{escape(entry.kept_for or '随账号')}</td></tr>\n"
        for entry, number in written
    )
    checks = "manifest.json 列出每个文件的大小与摘要（SHA-256），以及每一类的条数"
    made = f"<p>制作于 {plainly(now)}。每一类另有同名的 JSON 文件；{checks}。</p>"
    unsaid = "<p>密码、两步验证密钥和登录凭据的值不在其中：它们泄露了会危及您的账号。</p>"
    table = f"<table><tr><th>信息</th><th>条数</th><th>用途</th><th>保存多久</th></tr>\n{rows}{FOOT}"
    return f"{page(f'{settings.SITE_NAME}：我的个人信息')}{made}{unsaid}{table}"
