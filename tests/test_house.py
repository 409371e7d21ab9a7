"""The house rules that no linter knows: every address, template, task, relation, page and file is looked at."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.checks import run_checks
from django.core.management import call_command
from django.db.models import CASCADE
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from config.celery import BEAT_SCHEDULE
from consent import inventory
from consent.models import Document
from tests.factories import (
    make_course,
    make_enrollment,
    make_lesson,
    make_member,
    make_order,
    make_payment_account,
    make_picture,
    make_video,
    open_case,
    picture_file,
    sign_in,
)

ROOT = Path(__file__).resolve().parent.parent
OURS = ("config", "consent", "accounts", "courses", "complaints")
TEMPLATES = ROOT / "templates"
# allauth shows it when somebody asks too often; it brings none of its own.
ASKED_FOR_BY_PACKAGES = {"429.html"}

# Everything that answers somebody who has not signed in, with why. What is missing here asks for sign-in.
PUBLIC = {
    "home": "the front door",
    "healthz": "asked by a load balancer",
    "readyz": "asked by a load balancer",
    "account_login": "how one signs in",
    "account_logout": "harmless to whoever is not signed in",
    "account_signup": "how one becomes a member",
    "account_inactive": "says what is left to who was suspended",
    "accounts:inactive": "says what is left to who was suspended",
    "accounts:complete_reset": "a code was entered before",
    "account_email_verification_sent": "a step of signing up",
    "account_verify_phone": "a step of signing up",
    "account_request_login_code": "a step of signing in",
    "account_confirm_login_code": "a step of signing in",
    "account_reset_password": "for whoever cannot sign in",
    "account_confirm_password_reset_code": "for whoever cannot sign in",
    "account_complete_password_reset": "for whoever cannot sign in",
    "account_password_reset_completed": "for whoever cannot sign in",
    "mfa_authenticate": "a step of signing in",
    "mfa_login_webauthn": "how one signs in with a key alone",
    "weixin_login": "how one signs in; not there without WeChat's keys",
    "weixin_callback": "a step of signing in; not there without WeChat's keys",
    "socialaccount_signup": "a step of signing up; not there without WeChat's keys",
    "socialaccount_login_cancelled": "for whoever does not sign in by WeChat after all",
    "accounts:sign_in": "how one signs in",
    "accounts:reset_password": "for whoever cannot sign in",
    "accounts:not_me": "the link in an alert, sealed: whoever reads it may not be able to sign in any more",
    "accounts:doctor": "what a member has made public; else it does not exist",
    "accounts:avatar": "a picture that its member shows to everybody; else it does not exist",
    "accounts:closed": "the goodbye after closing, by a number that names nobody",
    "accounts:receipt": "the proof of a leaving, by a number that names nobody",
    "accounts:receipt_json": "the same, as it was signed",
    "accounts:demo_inbox": "the demo's letter box; not there when no directory is set",
    "consent:gate": "the warning before professional content",
    "consent:choose_diff": "texts everybody may read before agreeing",
    "consent:document_diff": "texts everybody may read before agreeing",
    "consent:inventory": "what is kept is told to everybody",
    "consent:document": "texts everybody may read before agreeing",
    "consent:document_version": "texts everybody may read before agreeing",
    "courses:catalogue": "browsing needs no account",
    "courses:course": "browsing needs no account",
    "courses:cover": "browsing needs no account",
    "courses:lesson": "one lesson of a course may be free; the view asks who is enrolled",
    "courses:media": "files of a free lesson; the view asks who is enrolled",
    "courses:media_poster": "files of a free lesson; the view asks who is enrolled",
    "courses:media_captions": "files of a free lesson; the view asks who is enrolled",
    "courses:media_blurred": "files of a free lesson; the view asks who is enrolled",
    "courses:notify": "payment channels call here; the signature is checked",
    "complaints:index": "complaining needs no account",
    "complaints:new": "complaining needs no account",
    "complaints:look_up": "opens a case by its claim code",
    "complaints:claimed_case": "opens a case by its claim code",
    "admin:login": "sends staff to the one door",
    "admin:logout": "harmless to whoever is not signed in",
    "admin:jsi18n": "words of Django's own scripts",
}


def addresses(resolver: URLResolver | None = None, space: str = "", route: str = "") -> Iterator[tuple[str, str]]:
    """List every address as (name, route)."""
    for pattern in (resolver or get_resolver()).url_patterns:
        here = route + re.sub(r"^\^|\\Z$|\$$", "", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from addresses(pattern, inner, here)
        elif isinstance(pattern, URLPattern):
            yield space + (pattern.name or pattern.callback.__name__), here


UNKNOWN = {"int": 7, "uuid": "00000000-0000-4000-8000-000000000007"}


def fill(route: str, known: dict[str, object]) -> str:
    """Turn a route into a path: with what is known, else with what fits and names nothing."""

    def value(found: re.Match[str]) -> str:
        return str(known.get(found["name"], UNKNOWN.get(found["kind"], "x1")))

    plain = re.sub(r"\(\?P<(\w+)>.*?\)(?=/|$|-)", r"<\1>", route)
    return "/" + re.sub(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>", value, plain)


# ── Addresses ──


@pytest.mark.django_db
@pytest.mark.usefixtures("documents")
@pytest.mark.parametrize(("name", "route"), sorted(set(addresses())))
def test_an_address_is_public_by_list_or_asks_for_sign_in(client, name, route):
    if name in PUBLIC:
        return
    path = fill(route, {"url": "accounts/user"})
    for answer in (client.get(path), client.post(path)):
        assert answer.status_code in (302, 405), f"{name} answered {answer.status_code}"
        if answer.status_code == 302:
            assert answer.headers["Location"].startswith(("/account/login/", "/admin/login/"))


def test_every_public_address_exists():
    assert set(PUBLIC) - {name for name, _ in addresses()} == set()


# ── The database ──


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_the_system_check_has_nothing_to_say():
    assert run_checks() == []


def test_whatever_points_at_a_member_says_what_becomes_of_it():
    silent = []
    for model in apps.get_models(include_auto_created=True):
        if model._meta.auto_created:
            continue
        told = inventory.declaration(model)
        named = {getattr(told, "owner", "").split("__")[0], *getattr(told, "actors", ())}
        silent += [f"{model._meta.label}.{key}" for key in inventory.points_at_member(model) if key not in named]
    assert silent == []


def test_every_term_is_carried_out():
    """A row with a term is deleted by the hourly sweep: by itself, or with the row that it is a part of."""
    assert "accounts.tasks.delete_outlived_rows" in BEAT_SCHEDULE
    with_a_term = {entry.model: entry for entry in inventory.entries() if entry.until}
    stranded = []
    for model, entry in with_a_term.items():
        key = model._meta.get_field(entry.owned_through)
        goes_along = key.remote_field.on_delete is CASCADE and key.related_model in with_a_term
        stranded += [] if key.null or entry.until.named_too or goes_along else [entry.label]
    assert stranded == []


def test_many_to_many_with_members_is_only_what_django_brings():
    member = get_user_model()
    through = {
        f"{model._meta.label}.{f.name}"
        for model in apps.get_models()
        for f in model._meta.many_to_many
        if member in (model, f.related_model)
    }
    assert through == {"accounts.User.groups", "accounts.User.user_permissions"}


# ── Jobs ──


@pytest.mark.parametrize("task", BEAT_SCHEDULE)
def test_a_scheduled_task_exists_and_takes_arguments_that_come_later(task):
    module, _, name = task.rpartition(".")
    found = getattr(import_module(module), name)
    assert found.name == task
    assert found.run.__code__.co_flags & 0x08, "a task takes **later arguments, or a newer clock breaks an older worker"


# ── Files ──


def sources() -> list[Path]:
    return [path for app in OURS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]


MAIL = ("_subject.txt", "_message.txt")


def test_every_template_is_used():
    python = "\n".join(path.read_text() for path in sources())
    markup = "\n".join(path.read_text() for path in TEMPLATES.rglob("*.html"))
    unused = []
    for path in sorted(p for p in TEMPLATES.rglob("*") if p.is_file()):
        name = path.relative_to(TEMPLATES).as_posix()
        if not (name in python or name in markup or _belongs_to_a_package(name) or _is_a_mails(name, python)):
            unused.append(name)
    assert unused == []


def _is_a_mails(name: str, python: str) -> bool:
    """Tell whether it is the subject or the text of a mail that is sent by the name of both."""
    return any(name.endswith(end) and f'"{name.removesuffix(end)}"' in python for end in MAIL)


def _belongs_to_a_package(name: str) -> bool:
    """Tell whether a package asks for the template by this name, so that ours replaces its own."""
    folders = [Path(app.path) / "templates" for app in apps.get_app_configs()]
    return name in ASKED_FOR_BY_PACKAGES or any((folder / name).exists() for folder in folders)


def test_no_module_is_longer_than_300_lines():
    assert [str(p) for p in sources() if len(p.read_text().splitlines()) > 300] == []


def test_no_function_is_longer_than_40_lines():
    long = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno >= 40:
                long.append(f"{path.relative_to(ROOT)}:{node.name}")
    assert long == []


def test_no_module_is_a_drawer_for_everything():
    drawers = {"core", "common", "utils", "helpers", "signals", "selectors", "managers", "enums", "exceptions"}
    assert [str(p) for p in sources() if {p.stem, p.parent.name} & drawers] == []


# ── Pages ──


class Page(HTMLParser):
    """What has to hold of every page, whoever asks."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.problems: list[str] = []
        self.count: dict[str, int] = {}
        self.ids: list[str] = []
        self.lang = ""
        self.inside = ""
        self.feed(html)
        self.problems += ["template code"] if re.search(r"\{\{|\{%|%\}", html) else []
        self.problems += ["an id twice"] if len(self.ids) > len(set(self.ids)) else []
        self.problems += [] if self.count.get("h1") == 1 else [f"{self.count.get('h1', 0)} h1"]
        self.problems += [] if self.count.get("main") == 1 else [f"{self.count.get('main', 0)} main"]
        self.problems += [] if self.count.get("title") == 1 else ["no title"]
        self.problems += [] if self.lang in ("zh-CN", "zh-hans") else [f"lang {self.lang}"]

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        self.count[tag] = self.count.get(tag, 0) + 1
        self.lang = said.get("lang", "") if tag == "html" else self.lang
        self.ids += [said["id"]] if "id" in said else []
        if tag == "style" or "style" in said or (tag == "script" and "src" not in said and not _is_data(said)):
            self.problems.append(f"inline {tag}")
        self.problems += [f"{name} on {tag}" for name in said if name.startswith("on")]
        self.problems += ["an image without alt"] if tag == "img" and "alt" not in said else []


def _is_data(said: dict[str, str | None]) -> bool:
    return said.get("type") in ("application/json", "text/template")


@pytest.fixture
def world(documents, alice, settings, tmp_path):
    """One of everything that a page can show."""
    settings.DEMO_INBOX_DIR = tmp_path
    course = make_course(slug="whole", cover=picture_file())
    lesson = make_lesson(course=course, number=1, is_free=True, is_professional=True, body="![图](chart)")
    make_picture(lesson=lesson, name="chart")
    make_video(lesson=lesson, name="film", poster=picture_file())
    make_enrollment(member=alice, course=course)
    order = make_order(member=alice, course=make_course(slug="pending", lessons=1))
    account = make_payment_account(member=alice)
    mine = open_case(member=alice).case
    unnamed = open_case()
    return {
        "courses:order": {"number": order.number},
        "courses:pay": {"number": order.number},
        "courses:buy": {"slug": "pending"},
        "courses:payment_accounts": {},
        "courses:forget_account": {"pk": account.pk},
        "courses:lesson": {"slug": "whole", "number": 1},
        "courses:course": {"slug": "whole"},
        "complaints:new": {"kind": "complaint"},
        "complaints:my_case": {"number": mine.number},
        "complaints:claimed_case": {"code": unnamed.claim_code},
        "consent:document": {"kind": "privacy"},
        "consent:document_version": {"kind": "privacy", "version": documents["privacy"].version},
        "consent:document_diff": {"kind": "privacy", "older": "1.0", "newer": "1.1"},
        "admin:accounts_user_reason": {"member_id": alice.pk},
        "admin:consent_document_review": {"pk": Document.objects.get(kind="privacy", version="1.1").pk},
    }


def visit(client: Client, world: dict[str, dict[str, object]]) -> dict[str, str]:
    """Ask for every address; return the pages, by the name of their address."""
    seen = {}
    for name, route in addresses():
        answer = client.get(fill(route, world.get(name, {})))
        assert answer.status_code < 500 or name == "readyz", name
        if answer.headers.get("Content-Type", "").startswith("text/html") and answer.status_code not in (302, 405):
            seen[name] = answer.content.decode()
    return seen


MUST_BE_SEEN = {
    "visitor": {"home", "account_login", "account_signup", "courses:catalogue", "courses:course", "complaints:new"},
    "member": {"accounts:me", "accounts:close", "courses:orders", "courses:order", "complaints:my_case", "mfa_index"},
    "staff": {"admin:index", "admin:courses_course_changelist", "admin:complaints_case_changelist"},
}


@pytest.mark.django_db
@pytest.mark.parametrize("who", MUST_BE_SEEN)
def test_every_page_is_clean(client, world, alice, who):
    if who == "member":
        sign_in(client, alice)
    if who == "staff":
        sign_in(client, make_member(is_staff=True, is_superuser=True))
    client.get("/courses/")
    pages = visit(client, world)
    assert MUST_BE_SEEN[who] <= set(pages)
    found = {name: problems for name, html in pages.items() if (problems := Page(html).problems)}
    assert found == {}
