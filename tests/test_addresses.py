"""Whatever stands in an address, the answer is a page."""

import re

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tests.factories import sign_in

pytestmark = pytest.mark.django_db
PART = re.compile(r"<(?:(\w+):)?\w+>")
GOOD = {"int": "1", "slug": "agreement", "version": "1", "str": "1"}


def routes(resolver: URLResolver, before: str = "") -> list[str]:
    """List every address of ours that holds something other than a number."""
    found = []
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found += routes(pattern, route) if pattern.app_name in OURS else []
        elif isinstance(pattern, URLPattern) and any(part[1] != "int" for part in PART.finditer(route)):
            found.append(route)
    return found


OURS = {"accounts", "complaints", "consent", "courses"}
ROUTES = routes(get_resolver())


def test_there_are_such_addresses():
    assert {"policy/<slug:kind>/<version:version>/", "me/complaints/<slug:number>/"} <= set(ROUTES)


@pytest.mark.parametrize("junk", ["%00", "a%00b", "%F0%9F%98%80", "%ED%A0%80", "x" * 500, "%0A", "%FF"])
@pytest.mark.parametrize("route", ROUTES)
def test_junk_in_an_address_is_a_page_that_is_not_there(client, alice, documents, route, junk):
    sign_in(client, alice)
    for spoilt in range(len(PART.findall(route))):
        parts = iter(range(len(PART.findall(route))))
        address = PART.sub(lambda part: junk if next(parts) == spoilt else GOOD[part[1] or "str"], route)  # noqa: B023
        assert client.get("/" + address).status_code in {302, 404, 405, 410}, address
