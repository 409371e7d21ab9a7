"""What people read of an export is Chinese, whatever codes the tables hold; what programs read are the codes."""

import re
from html.parser import HTMLParser

import pytest
from django.apps import apps
from django.db import models

from accounts.models import Profile
from accounts.services import bundle, readable
from consent import inventory
from courses.gateways import Trade, TradeState
from courses.models.events import NAMES, STATES
from tests.accounts.test_exporting import ask, build, opened, rows_of
from tests.canaries import Planter
from tests.factories import agree, attach_pictures, make_case, make_member, make_paid_order

ENTRIES = {entry.label: entry for entry in inventory.entries()}
CHINESE = re.compile("[\u4e00-\u9fff]")


def coded(entry: inventory.Entry) -> list[models.Field]:
    return [column for column in bundle.columns_of(entry) if column.choices]


CODES = {
    str(code)
    for entry in ENTRIES.values()
    for column in coded(entry)
    for code, _label in column.flatchoices
    if str(code).isascii() and not str(code).isdigit()
}


class Cells(HTMLParser):
    """The texts of a page's headings and cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag in ("th", "td"):
            self.texts.append("")

    def handle_data(self, data):
        if self.texts:
            self.texts[-1] += data.strip()


def said(label: str, **values) -> str:
    """Say what a row of this kind holds in its one given column."""
    row = apps.get_model(label)(**values)
    ((name, value),) = values.items()
    return readable.said(ENTRIES[label], row, name, value)


# ── Every kind of row ──


@pytest.mark.parametrize("label", ENTRIES)
def test_every_heading_is_chinese(label):
    entry = ENTRIES[label]
    headings = {column.name: readable.heading(entry, column) for column in bundle.columns_of(entry)}
    assert [name for name, heading in headings.items() if not CHINESE.search(heading)] == []
    assert set(entry.headings) | set(entry.in_words) <= set(headings)


@pytest.mark.parametrize("label", ENTRIES)
def test_no_choice_is_shown_by_its_code(label):
    for column in coded(ENTRIES[label]):
        for code, _label in column.flatchoices:
            shown = said(label, **{column.name: code})
            assert CHINESE.search(shown), f"{column.name}: {shown}"
            assert not set(re.findall(r"\w+", shown, re.ASCII)) & CODES, f"{column.name}: {shown}"


@pytest.mark.parametrize("label", ENTRIES)
def test_whatever_is_kept_as_json_has_words(label):
    entry = ENTRIES[label]
    json = {column.name for column in bundle.columns_of(entry) if isinstance(column, models.JSONField)}
    assert json <= set(entry.in_words)


@pytest.mark.django_db
def test_no_page_of_an_export_shows_a_code(documents, now):
    member = agree(make_member(email="canary@example.com"))
    attach_pictures(make_case(member=member), sources=["pictures", "camera"])
    Planter(member, "CanaryWord").plant_everything()
    make_paid_order(member=member, now=now)
    audience = {"name": "members", "city": "everybody", "hospital": "oneself"}
    Profile.objects.update(audience=audience, changed={"city": now.isoformat()})
    archive = opened(build(ask(member)))
    for name in archive.namelist():
        if name.endswith(".html"):
            words = {word for text in Cells(archive.read(name).decode()).texts for word in re.findall(r"[a-z_]+", text)}
            assert not words & {*CODES, *Profile.FIELDS}, name
    profile = archive.read("data/accounts.Profile.html").decode()
    assert "城市：公开；姓名：会员；医院：仅自己" in profile
    assert f"城市：{now.year}年" in profile
    (kept,) = rows_of(archive, "accounts.Profile")
    assert kept["audience"] == audience, "programs read what is held"


# ── What has no choices and is a code all the same ──


@pytest.mark.parametrize(
    ("label", "values", "shown"),
    [
        ("accounts.User", {"open_permissions": {"ab12": ["camera", "pictures"]}}, "设备 ab12：相机、相册"),
        ("accounts.Profile", {"audience": {"given_up": "members"}}, "given_up：会员"),
        ("accounts.Closure", {"tally": {"courses.Order": 2, "courses.GivenUp": 1}}, "订单：2；courses.GivenUp：1"),
        ("accounts.Message", {"params": {"code": "123456"}}, "验证码：123456"),
        ("accounts.Message", {"error": "Expired"}, "过了时间，没有发送"),
        ("accounts.Message", {"error": "SMTPDataError"}, "没有发出去（错误种类 SMTPDataError）"),
        ("accounts.PartnerRecord", {"said": {"医院": "协和", "在职": True}}, "医院：协和；在职：是"),
        ("accounts.Visit", {"language": "zh-CN"}, "简体中文"),
        ("accounts.Visit", {"language": "tlh"}, "tlh"),
        ("courses.Payment", {"error": "account_forgotten"}, "支付账号已解除"),
        ("courses.Refund", {"error": "ACQ.SYSTEM_ERROR"}, "渠道没有接受（错误码 ACQ.SYSTEM_ERROR）"),
        ("mfa.Authenticator", {"type": "recovery_codes"}, "恢复码"),
        ("socialaccount.SocialAccount", {"provider": "weixin"}, "微信"),
        ("admin.LogEntry", {"change_message": '[{"added": {}}]'}, "已添加。"),
        ("admin.LogEntry", {"change_message": "暂停删除"}, "暂停删除"),
    ],
)
def test_codes_and_json_are_said_in_words(label, values, shown):
    assert said(label, **values) == shown


def test_what_a_channel_told_is_said_in_words():
    facts = Trade("20260001P1", "T1", 19900, TradeState.PAID, is_ours=True)
    told = said("courses.PaymentEvent", facts={name: getattr(facts, name) for name in Trade.__slots__})
    assert told == "商户单号：20260001P1；渠道单号：T1；金额（分）：19900；状态：已付款；付给本站：是"
    assert set(STATES) == set(TradeState)
    assert set(NAMES) == {*Trade.__slots__, "is_live"}
