"""What every page may say about the site itself: computed once, the same for everybody."""

from functools import cache, lru_cache, partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.safestring import SafeString, mark_safe

from accounts import inbox, weixin
from consent import announcements, permissions

ADDRESSES = {
    "home": "home",
    "courses": "courses:catalogue",
    "complaints": "complaints:index",
    "me": "accounts:me",
    "my_courses": "courses:my_courses",
    "orders": "courses:orders",
    "payment_accounts": "courses:payment_accounts",
    "my_cases": "complaints:my_cases",
    "consents": "consent:consents",
    "permissions": "consent:permissions",
    "inventory": "consent:inventory",
    "announcements_seen": "consent:announcements_seen",
    "profile": "accounts:profile",
    "visits": "accounts:visits",
    "looks": "accounts:looks",
    "disclosures": "accounts:disclosures",
    "export": "accounts:export",
    "close": "accounts:close",
    "suspended": "account_inactive",
    "login": "account_login",
    "signup": "account_signup",
    "logout": "account_logout",
    "email": "account_email",
    "phone": "account_change_phone",
    "password": "account_change_password",
    "second_step": "mfa_index",
    "devices": "usersessions_list",
    "weixin": "socialaccount_connections",
    "admin": "admin:index",
    "inbox": "accounts:demo_inbox",
}
POLICIES = {"agreement": "服务协议", "privacy": "隐私政策"}


class Addresses(dict[str, SafeString]):
    """Addresses by short name, looked up when first printed: a page prints a dozen of them."""

    def __missing__(self, name: str) -> SafeString:
        self[name] = mark_safe(reverse(ADDRESSES[name]))  # noqa: S308 - our own routes
        return self[name]


class Portal:
    """The parts of a page that never change while the process runs."""

    def __init__(self) -> None:
        self.name: str = settings.SITE_NAME
        self.site_url: str = settings.SITE_URL
        self.operator: dict[str, Any] = settings.OPERATOR
        self.urls = Addresses()
        self.has_inbox = inbox.is_on()

    @property
    def has_weixin(self) -> bool:
        return weixin.is_on()

    @cached_property
    def assets(self) -> SafeString:
        """Style sheets, scripts and icons; each name costs a look-up in the manifest."""
        return render_to_string("partials/assets.html")

    @cached_property
    def footer(self) -> SafeString:
        policies = [(reverse("consent:document", args=[kind]), title) for kind, title in POLICIES.items()]
        return render_to_string("partials/footer.html", {"portal": self, "policies": policies})


@cache
def the_portal() -> Portal:
    return Portal()


@lru_cache(maxsize=64)
def tabs(path: str) -> SafeString:
    """Print the way through a member's own pages, as it looks on one of them: nobody's name is in it."""
    return render_to_string("partials/tabs.html", {"portal": the_portal(), "path": path})


def site(request: HttpRequest) -> dict[str, object]:
    """Give every template the portal, and where in it the page is: the first part of its address, a member's tabs."""
    path = request.path
    return {
        "portal": the_portal(),
        "section": path.split("/", 2)[1],
        "tabs": partial(tabs, path),
        "announced": partial(announcements.unseen, request),
        "guarded": partial(permissions.guarded, request),
    }
