"""Signing in by WeChat: joining, coming back, linking and unlinking, and whatever can go wrong on the way."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.mfa.webauthn.internal import auth as webauthn
from allauth.socialaccount.models import SocialAccount, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.checks import run_checks
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import Message, User
from accounts.services.residue import Traces
from accounts.weixin import WeixinClient
from config import context
from consent import inventory
from consent.models import Acceptance, Document
from tests.accounts.test_alerts import link_in
from tests.factories import just_proven, last_message, make_member, make_phone_member, make_staff, sign_in
from tests.test_house import Page
from tests.wechat import APP, NICKNAME, PAGE, WeChat

PHONE, PASSWORD = "+8613800138000", "correct horse battery"
OPENID, OTHER = "oLVPpjqs9BhvzwPj5A-vTYAX3GLc", "oLVPpjqs2BhvzwPj5A_vTYAX4ABc"
HOME = "/account/weixin/"
START, BACK, JOIN = f"{HOME}login/", f"{HOME}login/callback/", f"{HOME}signup/"
LINK, UNLINK, CANCELLED = f"{HOME}link/", f"{HOME}unlink/", f"{HOME}cancelled/"

pytestmark = pytest.mark.usefixtures("documents")


def unlink(client: Client):
    """Unlink WeChat, as somebody who has just proven who they are."""
    return just_proven(client).post(UNLINK)


@pytest.fixture
def no_keys(settings):
    context.tabs.cache_clear()
    return settings


@pytest.fixture
def wechat(settings):
    """WeChat, and a portal that has its keys."""
    played = WeChat()
    settings.WEIXIN = played.settings
    context.tabs.cache_clear()
    yield played
    played.stop()
    context.tabs.cache_clear()


@pytest.fixture
def carol(documents):
    """A member of long standing, known by number."""
    member = make_phone_member(phone=PHONE)
    User.objects.filter(pk=member.pk).update(date_joined=timezone.now() - timedelta(days=90))
    member.refresh_from_db()
    return member


def linked(member: User, openid: str = OPENID) -> User:
    SocialAccount.objects.create(user=member, provider="weixin", uid=openid)
    return member


def scan(client, wechat, openid=OPENID, after="", start=START):
    """Press the button, scan, and come back."""
    there = client.post(start, {"next": after} if after else {})
    return client.get(wechat.scan(there.url, openid))


def join_form(client, **changes):
    shown = client.get(JOIN).context["form"]
    boxes = {"accept_agreement": "on", "accept_privacy": "on", "adult": "on"}
    seen = {name: shown[name].value() for name in ("seen_agreement", "seen_privacy")}
    return {name: value for name, value in {**boxes, **seen, **changes}.items() if value is not None}


def join(client, **changes):
    return client.post(JOIN, join_form(client, **changes))


def words(response):
    return response.content.decode()


def who(client):
    user = client.get("/policy/privacy/").context["user"]
    return user if user.is_authenticated else None


def test_a_wechat_whose_owner_was_shown_out_does_not_come_back(client, wechat, carol):
    now = timezone.now()
    services.terminate(member=linked(carol), by=make_staff(), now=now)
    assert services.purge_due(now=now + timedelta(days=1)) == 1
    scan(client, wechat)
    assert "不能重新注册" in words(join(client))
    assert not SocialAccount.objects.exists()


def everything_about(openid: str) -> str:
    """Read whatever the tables of members and links hold."""
    rows = [*SocialAccount.objects.values(), *SocialToken.objects.values(), *User.objects.values()]
    return repr([row for row in rows if openid in repr(row)])


# ── Without keys ──


@pytest.mark.parametrize("page", ["/account/login/", "/account/signup/"])
def test_without_keys_there_is_no_button(client, no_keys, page):
    assert "微信登录" not in words(client.get(page))


@pytest.mark.parametrize("half", [{"app_secret": ""}, {"app_id": ""}])
def test_one_key_is_no_key(client, wechat, settings, half):
    settings.WEIXIN = {**wechat.settings, **half}
    assert "微信登录" not in words(client.get("/account/login/"))
    assert client.post(START).status_code == 404
    (told,) = [one for one in run_checks(include_deployment_checks=True) if one.id == "accounts.E005"]
    assert next(iter(half)).upper() in told.msg


@pytest.mark.parametrize("path", [START, BACK, JOIN, CANCELLED, HOME, LINK, "/account/3rdparty/", "/account/social/"])
def test_without_keys_no_address_is_there(client, no_keys, alice, path):
    sign_in(client, alice)
    assert (client.get(path).status_code, client.post(path).status_code) in {(404, 404), (404, 405), (404, 403)}


def test_without_keys_a_member_sees_nothing_of_it(client, no_keys, alice):
    assert "微信" not in words(sign_in(client, alice).get("/me/"))


def test_who_linked_it_can_undo_that_when_the_keys_are_gone(client, no_keys, carol):
    sign_in(client, linked(carol))
    assert "解除绑定" in words(client.get(HOME))
    assert unlink(client).url == "/me/"
    assert not SocialAccount.objects.exists()


# ── The pages ──


@pytest.mark.parametrize("page", ["/account/login/", "/account/signup/"])
def test_the_button_posts_and_takes_along_where_one_was_going(client, wechat, page):
    html = words(client.get(page, {"next": "/courses/"}))
    assert f'action="{START}"' in html
    assert "微信登录" in html
    button = html.partition(f'action="{START}"')[2].partition("</form>")[0]
    assert 'name="next" value="/courses/"' in button
    assert Page(html).problems == []


def test_every_page_of_it_is_clean_and_chinese(client, wechat, carol):
    scan(client, wechat)
    pages = {path: client.get(path) for path in (JOIN, CANCELLED, BACK)}
    member = sign_in(Client(), linked(carol, OTHER))
    pages[HOME] = member.get(HOME)
    pages["unlinked"] = sign_in(Client(), make_member()).get(HOME)
    assert {path: Page(words(page)).problems for path, page in pages.items()} == {path: [] for path in pages}
    assert "微信登录" in words(pages[HOME])
    assert [path for path, page in pages.items() if "no-store" not in page.headers["Cache-Control"]] == []


def test_nobody_is_led_away_by_a_link(client, wechat):
    assert client.get(START).status_code == 405


def test_the_button_needs_the_forms_token(wechat):
    assert Client(enforce_csrf_checks=True).post(START).status_code == 403


# ── Joining ──


def test_a_newcomer_ticks_both_boxes_and_is_a_member(client, wechat, documents):
    assert scan(client, wechat).url == JOIN
    assert not User.objects.exists()
    answer = join(client)
    assert answer.url == "/me/"
    member = User.objects.get()
    assert who(client) == member
    assert member.adult_at is not None
    assert {row.document for row in Acceptance.objects.filter(subject=member.subject)} == {
        documents["agreement"],
        documents["privacy"],
    }
    assert (member.email, member.phone, member.has_usable_password()) == (None, None, False)
    assert client.get("/me/").status_code == 200


def test_only_the_number_is_kept(client, wechat):
    scan(client, wechat)
    waiting = json.dumps([one.get_decoded() for one in Session.objects.all()])
    assert OPENID in waiting
    join(client)
    link = SocialAccount.objects.get()
    assert (link.uid, link.provider, link.extra_data) == (OPENID, "weixin", {})
    assert not SocialToken.objects.exists()
    assert User.objects.get().name == ""
    kept = waiting + json.dumps([one.get_decoded() for one in Session.objects.all()]) + everything_about(OPENID)
    assert [
        word for word in (NICKNAME, "杭州", "qlogo", "ACCESS", "REFRESH", "unionid", f"u{OPENID}") if word in kept
    ] == []


def test_wechat_is_never_asked_who_somebody_is(client, wechat):
    scan(client, wechat)
    join(client)
    assert wechat.asked == ["/sns/oauth2/access_token"], "and no secret stands in the address"


def test_no_box_is_ticked_beforehand(client, wechat):
    scan(client, wechat)
    page = words(client.get(JOIN))
    assert "checked" not in page
    assert "password" not in page


@pytest.mark.parametrize("missing", ["accept_agreement", "accept_privacy", "adult"])
def test_a_box_that_is_not_ticked_makes_no_account_and_says_so_beside_it(client, wechat, missing):
    scan(client, wechat)
    answer = join(client, **{missing: None})
    (said,) = answer.context["form"].errors[missing]
    assert f'<ul class="field__error" id="id_{missing}_error">' in words(answer)
    assert said in words(answer)
    assert not User.objects.exists()
    assert not SocialAccount.objects.exists()
    assert join(client).url == "/me/", "the page can be sent again"


def test_an_account_never_exists_without_its_acceptances(client, wechat, monkeypatch):
    def fail(**_):
        raise RuntimeError

    scan(client, wechat)
    filled = join_form(client)
    monkeypatch.setattr("accounts.services.registration.accept", fail)
    with pytest.raises(RuntimeError):
        client.post(JOIN, filled)
    assert (User.objects.count(), SocialAccount.objects.count()) == (0, 0)


def test_a_form_that_showed_an_older_version_is_shown_the_new_one_unticked(client, wechat, documents, now):
    scan(client, wechat)
    filled = join_form(client)
    old = documents["privacy"]
    said = {"title": old.title, "summary": "新", "body": "新的正文", "announced_at": now, "effective_at": now}
    Document.objects.create(kind="privacy", version="9.0", **said)
    answer = client.post(JOIN, filled)
    assert "已更新" in words(answer)
    assert not User.objects.exists()


def test_who_goes_away_leaves_nothing_but_a_session_that_ends(client, wechat):
    scan(client, wechat)
    client.get(JOIN)
    assert (User.objects.count(), SocialAccount.objects.count(), Acceptance.objects.count()) == (0, 0, 0)
    (waiting,) = Session.objects.all()
    assert waiting.expire_date <= timezone.now() + timedelta(minutes=30)
    services.drop_ended_sessions(now=timezone.now() + timedelta(minutes=31))
    assert not Session.objects.exists()


def test_who_says_no_leaves_nothing_at_once(client, wechat):
    scan(client, wechat)
    assert CANCELLED in words(client.get(JOIN))
    assert "没有留下" in words(client.get(CANCELLED))
    assert OPENID not in json.dumps([one.get_decoded() for one in Session.objects.all()])
    assert client.get(JOIN).url == "/account/login/"


def test_who_reads_for_too_long_is_told_to_scan_again(client, wechat):
    answer = client.post(JOIN, {}, follow=True)
    assert answer.redirect_chain[0][0] == "/account/login/"
    assert "请再扫一次码" in words(answer)


def test_a_page_sent_twice_makes_one_member(client, wechat, settings):
    scan(client, wechat)
    filled = join_form(client)
    read_before = Session.objects.get()
    client.post(JOIN, filled)
    read_before.pk, twin = "t" * 32, Client()
    read_before.save(force_insert=True)
    twin.cookies[settings.SESSION_COOKIE_NAME] = read_before.pk
    assert twin.post(JOIN, filled).url == "/me/"
    assert who(twin) == User.objects.get()


def test_a_new_member_stays_signed_in_as_long_as_others(client, wechat, settings):
    scan(client, wechat)
    join(client)
    assert Session.objects.get().expire_date > timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE - 60)


def test_who_signs_in_otherwise_meanwhile_carries_no_number_along(client, wechat, carol):
    scan(client, wechat)
    client.post("/account/login/", {"login": PHONE, "password": PASSWORD})
    assert who(client) == carol
    (session,) = [one for one in Session.objects.all() if "_auth_user_id" in one.get_decoded()]
    assert OPENID not in json.dumps(session.get_decoded())
    assert not SocialAccount.objects.exists()


def test_nobodys_account_is_taken_over_by_an_address(client, wechat, alice):
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    wechat.says = 200, json.dumps({"access_token": "A", "openid": OPENID, "email": alice.email}).encode()
    scan(client, wechat)
    join(client)
    assert SocialAccount.objects.get().user != alice


# ── Coming back ──


def test_the_second_scan_leads_to_the_same_member(client, wechat):
    scan(client, wechat)
    join(client)
    again = Client()
    assert scan(again, wechat).url == "/me/"
    assert who(again) == User.objects.get()
    assert SocialAccount.objects.get().extra_data == {}


def test_where_one_was_going_is_where_one_lands(client, wechat, carol):
    linked(carol)
    assert scan(client, wechat, after="/courses/").url == "/courses/"


def test_a_newcomer_lands_there_too(client, wechat):
    scan(client, wechat, after="/courses/")
    assert join(client).url == "/courses/"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_nobody_is_led_to_another_site(client, wechat, carol, elsewhere):
    linked(carol)
    assert scan(client, wechat, after=elsewhere).url == "/me/"


def test_what_is_asked_in_the_address_changes_nothing(client, wechat):
    there = client.post(
        f"{START}?scope=snsapi_userinfo&process=connect&auth_params=redirect_uri%3Dhttps://evil.example/"
    ).url
    said = parse_qs(urlsplit(there).query)
    assert said["scope"] == ["snsapi_login"]
    assert said["redirect_uri"] == ["http://testserver/account/weixin/login/callback/"]


def test_who_is_in_already_is_not_led_away(client, wechat, carol):
    assert sign_in(client, carol).post(START).url == "/me/"


def test_a_new_device_is_told_of_and_listed(client, wechat, carol):
    linked(carol)
    scan(client, wechat)
    assert "新设备登录" in last_message(PHONE).body
    assert UserSession.objects.get().user == carol
    client.post("/account/logout/")
    scan(client, wechat)
    assert Message.objects.filter(template="alert").count() == 1


def test_who_is_switched_off_reads_so(client, wechat, carol):
    User.objects.filter(pk=linked(carol).pk).update(is_active=False)
    page = client.get(scan(client, wechat).url).content.decode()
    assert "账号已暂停使用" in page


def test_who_is_leaving_only_reaches_the_way_back(client, wechat, carol, now):
    services.close_account(member=linked(carol), now=now)
    scan(client, wechat)
    assert client.get("/me/").url == "/me/closing/"


def test_the_second_step_is_asked_for(client, wechat, carol):
    TOTP.activate(linked(carol), generate_totp_secret())
    assert scan(client, wechat).url == "/account/2fa/authenticate/"
    assert who(client) is None


def test_the_staff_need_their_second_step_here_too(client, wechat, settings):
    settings.STAFF_SECOND_STEP = True
    linked(make_staff(is_superuser=True))
    scan(client, wechat)
    assert client.get("/admin/", follow=True).redirect_chain == [("/account/2fa/", 302)]


# ── What goes wrong ──


def assert_says_so(client, answer):
    """The person reads what happened, in Chinese, with a way back, and nobody is in."""
    assert answer.status_code == 401
    assert "微信登录没有成功" in words(answer)
    assert '<a class="button" href="/account/login/' in words(answer)
    assert Page(words(answer)).problems == []
    assert who(client) is None
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize(
    "says",
    [
        (200, b'{"errcode":40029,"errmsg":"invalid code"}'),
        (200, b'{"errcode":-1,"errmsg":"system error"}'),
        (200, b'{"errcode":"odd","errmsg":{}}'),
        (200, b""),
        (200, b"<html>502</html>"),
        (200, b"7"),
        (200, b"null"),
        (200, b"[]"),
        (200, b'"access_token"'),
        (200, b'{"access_token":"A"}'),
        (200, b'{"access_token":"A","openid":null}'),
        (200, b'{"access_token":"A","openid":7}'),
        (200, b'{"access_token":"A","openid":""}'),
        (200, b'{"access_token":"A","openid":"a\\u0000b"}'),
        (200, json.dumps({"access_token": "A", "openid": "o" * 500}).encode()),
        (200, b"\xff\xfe\x00"),
        (500, b"oops"),
        (502, b'{"errcode":-1}'),
    ],
)
def test_whatever_wechat_says_a_person_reads_a_sentence(client, wechat, says):
    wechat.says = says
    assert_says_so(client, scan(client, wechat))


def test_where_one_was_going_is_kept_for_the_next_try(client, wechat):
    wechat.says = 200, b"{}"
    assert 'href="/account/login/?next=%2Fcourses%2F"' in words(scan(client, wechat, after="/courses/"))


def test_a_wechat_that_is_slow_keeps_nobody_waiting(client, wechat, settings):
    assert settings.SOCIALACCOUNT_REQUESTS_TIMEOUT == 5
    settings.SOCIALACCOUNT_REQUESTS_TIMEOUT = 0.1
    wechat.waits = 1
    assert_says_so(client, scan(client, wechat))


def test_a_wechat_that_is_not_there_is_said_so(client, wechat, settings):
    settings.WEIXIN = {**wechat.settings, "api": "http://127.0.0.1:9"}
    assert_says_so(client, scan(client, wechat))


def test_a_wrong_secret_is_logged_by_its_number(client, wechat, settings, caplog):
    settings.WEIXIN = {**wechat.settings, "app_secret": "wrong"}
    assert_says_so(client, scan(client, wechat))
    assert "errcode 40125" in caplog.text


@pytest.mark.parametrize("query", ["code=x", "code=x&state=", "code=x&state=forged", "state=forged", "", "error=x"])
def test_a_forged_state_leads_nowhere(client, wechat, query):
    client.post(START)
    assert_says_so(client, client.get(f"{BACK}?{query}"))
    assert wechat.asked == []


def test_somebody_elses_address_of_return_signs_nobody_in(client, wechat, carol):
    linked(carol)
    stranger = Client()
    back = wechat.scan(stranger.post(START).url, OPENID)
    assert client.get(back).status_code == 401
    assert who(client) is None


def test_an_address_of_return_is_good_once(client, wechat, carol):
    linked(carol)
    back = wechat.scan(client.post(START).url, OPENID)
    client.get(back)
    client.post("/account/logout/")
    assert client.get(back).status_code == 401
    assert who(client) is None


def test_who_changes_their_mind_at_wechat_reads_the_other_ways(client, wechat):
    state = parse_qs(urlsplit(client.post(START).url).query)["state"][0]
    assert client.get(BACK, {"state": state}).url == CANCELLED
    assert "用其他方式登录" in words(client.get(CANCELLED))
    assert wechat.asked == []


def test_a_refusal_in_so_many_words_is_one_too(client, wechat):
    state = parse_qs(urlsplit(client.post(START).url).query)["state"][0]
    assert client.get(BACK, {"state": state, "error": "access_denied"}).url == CANCELLED


def test_the_number_is_in_no_log(client, wechat, carol, caplog):
    caplog.set_level(logging.DEBUG)
    scan(client, wechat)
    join(client)
    linked(carol, OTHER)
    for openid in (OPENID, OTHER):
        scan(Client(), wechat, openid=openid)
    wechat.says = 200, json.dumps({"errcode": 1, "errmsg": OPENID, "openid": OPENID}).encode()
    scan(Client(), wechat)
    assert "weixin.failed" in caplog.text
    for secret in (OPENID, OTHER, APP["app_secret"], "ACCESS"):
        assert secret not in caplog.text


# ── Linking ──


def prove(client):
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    return client


def test_a_member_links_wechat_and_signs_in_with_it(client, wechat, carol):
    prove(sign_in(client, carol))
    answer = scan(client, wechat, start=LINK)
    assert answer.url == HOME
    assert "微信已绑定" in words(client.get(HOME))
    assert SocialAccount.objects.get().user == carol
    assert SocialAccount.objects.get().extra_data == {}
    assert "微信登录已绑定" in last_message(PHONE).body
    again = Client()
    scan(again, wechat)
    assert who(again) == carol


def test_linking_asks_for_the_password_first_and_goes_on_by_itself(client, wechat, carol):
    sign_in(client, carol)
    asked = client.post(LINK)
    assert asked.url == f"/account/reauthenticate/?next={LINK.replace('/', '%2F')}"
    answer = client.post("/account/reauthenticate/", {"password": PASSWORD, "next": LINK})
    assert answer.url.startswith(PAGE)
    client.get(wechat.scan(answer.url, OPENID))
    assert SocialAccount.objects.get().user == carol


def test_linking_is_for_members(client, wechat):
    assert client.post(LINK).url.startswith("/account/login/")


def test_linking_does_not_write_back_what_has_changed_meanwhile(client, wechat, carol, monkeypatch):
    ask = WeixinClient._ask

    def ask_while_the_name_is_changed_elsewhere(client, params):
        User.objects.filter(pk=carol.pk).update(name="新名字")
        return ask(client, params)

    monkeypatch.setattr(WeixinClient, "_ask", ask_while_the_name_is_changed_elsewhere)
    back = wechat.scan(prove(sign_in(client, carol)).post(LINK).url, OPENID)
    client.get(back)
    assert (User.objects.get(pk=carol.pk).name, SocialAccount.objects.get().user) == ("新名字", carol)


def test_somebody_elses_wechat_is_refused(client, wechat, carol, alice):
    linked(alice)
    prove(sign_in(client, carol))
    scan(client, wechat, start=LINK)
    assert "这个微信已经绑定了另一个账号" in words(client.get(HOME))
    assert SocialAccount.objects.get().user == alice


@pytest.mark.django_db(transaction=True)
def test_two_members_who_link_one_wechat_in_the_same_instant_are_told_apart(carol, alice, now):
    def link(member):
        try:
            return services.link_weixin(member=member, openid=OPENID, now=now) and "linked"
        except services.LinkedToAnother:
            return "another's"
        finally:
            connection.close()

    with ThreadPoolExecutor() as pool:
        assert sorted(pool.map(link, [carol, alice])) == ["another's", "linked"]


def test_ones_own_is_no_mistake(client, wechat, carol):
    prove(sign_in(client, linked(carol)))
    scan(client, wechat, start=LINK)
    assert "已经绑定在您的账号上" in words(client.get(HOME))


def test_a_second_wechat_is_refused(client, wechat, carol):
    prove(sign_in(client, linked(carol)))
    scan(client, wechat, openid=OTHER, start=LINK)
    assert "请先解除绑定" in words(client.get(HOME))
    assert SocialAccount.objects.get().uid == OPENID


def test_a_failure_while_linking_leads_back_to_ones_own_page(client, wechat, carol):
    prove(sign_in(client, carol))
    wechat.says = 200, b"{}"
    answer = scan(client, wechat, start=LINK)
    assert f'<a class="button" href="{HOME}">返回</a>' in words(answer)
    assert who(client) == carol


# ── Unlinking ──


def test_a_member_unlinks_wechat(client, wechat, carol):
    sign_in(client, linked(carol))
    assert "解除绑定" in words(client.get(HOME))
    unlink(client)
    assert "微信已解除绑定" in words(client.get(HOME))
    assert not SocialAccount.objects.exists()
    assert "微信登录已解除" in last_message(PHONE).body
    assert scan(Client(), wechat).url == JOIN


def test_twice_is_no_mistake(client, wechat, carol):
    sign_in(client, carol)
    assert unlink(client).url == HOME


def test_the_only_way_in_is_not_taken_away(client, wechat):
    scan(client, wechat)
    join(client)
    unlink(client)
    assert "微信是您唯一的登录方式" in words(client.get(HOME))
    assert SocialAccount.objects.exists()


@pytest.mark.parametrize(("proven", "left"), [(True, 0), (False, 1)])
def test_an_address_is_a_way_in_once_it_is_proven(client, wechat, proven, left):
    member = linked(make_member(email="dora@example.com"))
    EmailAddress.objects.create(user=member, email=member.email, verified=proven, primary=True)
    unlink(sign_in(client, member))
    assert SocialAccount.objects.count() == left


def key_of(member: User, *, opens_alone: bool) -> Authenticator:
    """Give a member a key as a browser would, which never made one."""
    credential = {"clientExtensionResults": {"credProps": {"rk": opens_alone}}}
    return Authenticator.objects.create(user=member, type="webauthn", data={"name": "钥匙", "credential": credential})


def come_in_by(key: Authenticator, client: Client, monkeypatch) -> Client:
    """Sign in by a key whose answer is taken for right: what it signs is fido2's to check."""
    monkeypatch.setattr(webauthn, "parse_authentication_response", lambda _said: None)
    monkeypatch.setattr(webauthn, "extract_user_from_response", lambda _said: key.user)
    monkeypatch.setattr(webauthn, "complete_authentication", lambda _user, _said: key)
    client.post("/account/2fa/webauthn/login/", {"credential": '{"id": "x"}'})
    return client


def only_wechat(client: Client, wechat: WeChat) -> User:
    """Somebody who joined by WeChat and gave nothing else."""
    scan(client, wechat)
    join(client)
    return SocialAccount.objects.get().user


def test_a_passkey_is_a_way_in_and_really_lets_its_owner_in(client, wechat, monkeypatch):
    member = only_wechat(client, wechat)
    key = key_of(member, opens_alone=True)
    unlink(client)
    assert "微信已解除绑定" in words(client.get(HOME))
    assert not SocialAccount.objects.exists()
    assert who(come_in_by(key, Client(), monkeypatch)) == member


def test_a_key_that_is_only_a_second_step_is_none(client, wechat):
    key_of(only_wechat(client, wechat), opens_alone=False)
    unlink(client)
    page = words(client.get(HOME))
    assert "微信是您唯一的登录方式" in page
    assert "可以单独登录的通行密钥" in page
    assert SocialAccount.objects.exists()


def test_the_passkey_that_is_left_stays_until_there_is_another_way(client, wechat, monkeypatch):
    member = only_wechat(client, wechat)
    key, second_step = key_of(member, opens_alone=True), key_of(member, opens_alone=False)
    unlink(client)
    client = come_in_by(key, Client(), monkeypatch)
    answer = client.post(f"/account/2fa/webauthn/{key.pk}/remove/", follow=True)
    assert "这是您唯一的登录方式" in words(answer)
    client.post("/account/2fa/webauthn/reauthenticate/", {"credential": '{"id": "x"}'})
    client.post(f"/account/2fa/webauthn/{second_step.pk}/remove/")
    assert set(Authenticator.objects.exclude(type="recovery_codes")) == {key}
    another = key_of(member, opens_alone=True)
    client.post(f"/account/2fa/webauthn/{key.pk}/remove/")
    assert set(Authenticator.objects.exclude(type="recovery_codes")) == {another}


def test_somebody_elses_is_left_alone(client, wechat, carol, alice):
    linked(alice)
    unlink(sign_in(client, carol))
    assert SocialAccount.objects.get().user == alice


def test_not_me_unlinks_what_a_stranger_may_have_linked(client, wechat, carol):
    linked(carol)
    services.alert(member=carol, what="x", now=timezone.now())
    Client().post(link_in(last_message(carol.phone or carol.email).body))
    assert scan(client, wechat).url == JOIN


# ── Leaving ──


def test_closing_deletes_the_link_and_the_number_is_looked_for(client, wechat, carol):
    traces = Traces([linked(carol)])
    assert traces.are_in(f"微信号 {OPENID}。")
    assert not traces.are_in(f"微信号 {OTHER}。")
    assert inventory.erase(member_ids=[carol.pk])["socialaccount.SocialAccount"] == 1
    assert not SocialAccount.objects.exists()


def test_who_has_only_wechat_can_close_and_come_back_anew(client, wechat, now):
    scan(client, wechat)
    join(client)
    assert client.post("/me/close/").url.startswith("/goodbye/")
    services.purge_due(now=now + timedelta(days=8))
    assert (User.objects.count(), SocialAccount.objects.count()) == (0, 0)
    assert scan(Client(), wechat).url == JOIN


def test_the_page_that_tells_what_is_kept_leads_here(client, wechat, carol):
    assert f'<a href="{HOME}">微信登录</a>' in words(sign_in(client, linked(carol)).get("/me/"))
