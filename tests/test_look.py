"""How pages look and read: what a person, a screen reader and a printer meet everywhere."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django import forms
from django.contrib.auth.models import Permission
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import timezone

from accounts.templatetags.shown import device, phone
from config import errors
from config.context import ADDRESSES, the_portal
from tests.factories import make_member, open_case, sign_in

ROOT = Path(__file__).resolve().parent.parent
TOKENS = (ROOT / "static" / "css" / "tokens.css").read_text()


# ── Colours ──


def scheme(name: str) -> dict[str, str]:
    """Read the colours of one scheme; the dark one replaces those it names."""
    light, dark = TOKENS.split("@media (prefers-color-scheme: dark)")
    colours = dict(re.findall(r"--([\w-]+): (#\w{3,6});", light))
    return colours if name == "light" else colours | dict(re.findall(r"--([\w-]+): (#\w{3,6});", dark))


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


GROUNDS = ("ground", "paper", "sunken")
READ = [(text, ground) for ground in GROUNDS for text in ("ink", "ink-soft", "primary", "accent", "danger")]
READ += [(text, f"{text}-tint") for text in ("primary", "accent", "ok", "warn", "danger")]
READ += [("on-primary", "primary"), ("on-primary", "primary-strong"), ("on-danger", "danger"), ("ink", "mark")]
READ += [
    ("primary-strong", "primary-tint"),
    ("ink", "primary-tint"),
    ("ink", "danger-tint"),
    ("ink-soft", "primary-tint"),
]


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), READ)
def test_text_can_be_read_in_both_schemes(name, text, ground):
    colours = scheme(name)
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("edge", ["focus", "line-strong"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_controls_and_the_focus_ring_stand_out(name, edge, ground):
    assert contrast(scheme(name)[edge], scheme(name)[ground]) >= 3


def test_every_class_in_the_style_sheets_dresses_something():
    sheets = "".join(p.read_text() for p in (ROOT / "static" / "css").glob("*.css") if p.stem not in ("admin", "desk"))
    sheets = re.sub(r"/\*.*?\*/|url\([^)]*\)", "", sheets, flags=re.DOTALL)
    places = [*ROOT.glob("templates/**/*.html"), *ROOT.glob("static/js/*.js")]
    places += [p for app in ("accounts", "complaints", "consent", "courses") for p in ROOT.glob(f"{app}/**/*.py")]
    markup = "".join(place.read_text() for place in places)
    # Django's own list of errors, and a class that a template puts together from a level.
    made_elsewhere = {"errorlist", "nonfield", "document__level-3"}
    named = set(re.findall(r"\.([a-zA-Z][\w-]*)", sheets)) - made_elsewhere
    assert {name for name in named if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", markup)} == set()


# ── Forms ──


class Sample(forms.Form):
    email = forms.EmailField(label="邮箱", help_text="只用来登录")
    note = forms.CharField(label="备注", required=False)
    agreed = forms.BooleanField(label="我同意")
    way = forms.ChoiceField(label="方式", choices=[("a", "甲"), ("b", "乙")], widget=forms.RadioSelect)


def test_a_field_ties_its_help_and_error_to_its_control():
    html = str(Sample({"email": "x"})["email"].as_field_group())
    assert '<label for="id_email">邮箱</label>' in html
    assert 'aria-describedby="id_email_helptext id_email_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_email_helptext">只用来登录' in html
    assert '<ul class="field__error" id="id_email_error">' in html


def test_what_may_stay_empty_says_so_and_nothing_else_does():
    form = Sample()
    assert "选填" in form["note"].as_field_group()
    assert "选填" not in form["email"].as_field_group()


def test_a_box_stands_before_its_words_and_choices_have_a_legend():
    form = Sample()
    box = form["agreed"].as_field_group()
    assert box.index("<input") < box.index("<label")
    assert "<legend>方式</legend>" in form["way"].as_field_group()


def test_a_long_form_lists_its_errors_with_links_to_the_fields():
    html = str(Sample({"email": "x"}))
    assert 'class="callout callout--danger error-summary" role="alert"' in html
    for field in ("id_email", "id_agreed"):
        assert f'<a href="#{field}">' in html
    assert 'href="#id_note"' not in html


# ── The frame ──


@pytest.mark.usefixtures("documents")
def test_every_page_names_the_operator_and_links_both_texts(client, settings):
    html = client.get("/").content.decode()
    assert settings.OPERATOR["name"] in html
    assert 'href="/policy/agreement/"' in html
    assert 'href="/policy/privacy/"' in html


def test_every_address_in_the_frame_exists():
    assert all(the_portal().urls[name].startswith("/") for name in ADDRESSES)


@pytest.mark.django_db
def test_a_visitor_is_offered_to_sign_in_and_a_member_to_sign_out_by_post(client, alice):
    assert "退出登录" not in client.get("/").content.decode()
    html = sign_in(client, alice).get("/").content.decode()
    assert '<form method="post" action="/account/logout/">' in html
    assert "工作台" not in html


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "where"), [("/courses/", "课程"), ("/complaints/", "投诉与咨询"), ("/me/", "我的")])
def test_the_navigation_tells_where_one_is(client, alice, path, where):
    html = sign_in(client, alice).get(path).content.decode()
    navigation = html.split('class="site-nav__list"')[1].split("</ul>")[0]
    assert re.findall(r'aria-current="true"><span class="icon[^>]*></span>(\w+)', navigation) == [where]


# ── When something went wrong ──


def test_the_page_for_a_crash_asks_nothing_of_what_may_have_crashed(monkeypatch):
    """Neither the database, which a test without its mark may not touch, nor what every other page is given."""

    def crash(*_):
        raise RuntimeError

    monkeypatch.setattr("config.context.the_portal", crash)
    monkeypatch.setattr("django.contrib.staticfiles.storage.StaticFilesStorage.url", crash)
    answer = errors.server_error(RequestFactory().get("/"))
    assert answer.status_code == 500
    assert "是我们这里出了问题" in answer.content.decode()


def test_style_sheets_of_the_page_for_a_crash_exist():
    names = re.findall(r'"/static/([^"]+)"', render_to_string("500.html"))
    assert names
    assert all((ROOT / "static" / name).exists() for name in names)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("view", "status", "words"),
    [
        (errors.bad_request, 400, "这个请求看不懂"),
        (errors.permission_denied, 403, "这里不对您开放"),
        (errors.page_not_found, 404, "没有找到这一页"),
    ],
)
def test_a_refusal_says_in_chinese_what_to_do(rf, view, status, words):
    answer = view(rf.get("/x/"), Exception())
    html = answer.content.decode()
    assert answer.status_code == status
    assert words in html
    assert "回到首页" in html


def test_an_old_form_is_refused_in_chinese(rf):
    answer = errors.csrf_failure(rf.post("/x/"))
    assert answer.status_code == 403
    assert "这张表单放得太久了" in answer.content.decode()


# ── Words ──


@pytest.mark.parametrize(
    ("user_agent", "said"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge，Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1 MicroMessenger/8.0", "微信，iPhone"),
        ("curl/8", "未知的浏览器"),
        ("", "未知的浏览器"),
    ],
)
def test_a_browser_is_called_by_the_name_people_know(user_agent, said):
    assert device(user_agent) == said


@pytest.mark.parametrize(
    ("e164", "shown"), [("+8613800138000", "138 0013 8000"), ("+85251234567", "+852 5123 4567"), (None, "")]
)
def test_a_number_is_written_in_groups(e164, shown):
    assert phone(e164) == shown


# ── The admin's front page ──


def staff(*permissions: str):
    person = make_member(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return person


@pytest.mark.django_db
def test_the_desk_first_shows_what_waits(client, settings):
    settings.STAFF_SECOND_STEP = False
    open_case(now=timezone.now() - timedelta(days=20))
    open_case()
    html = sign_in(client, staff("view_case", "answer_case")).get("/admin/").content.decode()
    assert f"{settings.SITE_NAME} · 工作台" in html
    waiting = html.split('class="waiting"')[1].split("</section>")[0]
    assert re.findall(r"<strong>(\d+)</strong> ([^<]+)</a>", waiting) == [
        ("1", "件投诉或咨询已超期"),
        ("2", "件待答复，无人经办"),
    ]


@pytest.mark.django_db
def test_who_may_not_see_cases_is_not_told_how_many_wait(client, settings):
    settings.STAFF_SECOND_STEP = False
    open_case()
    html = sign_in(client, staff("view_course")).get("/admin/").content.decode()
    assert "现在没有等您处理的事" in html
    assert "件待答复" not in html
