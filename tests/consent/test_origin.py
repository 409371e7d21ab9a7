"""Where a request came from: the client's address by allauth's rule, whatever proxies stand before the portal."""

import pytest
from allauth.account.adapter import get_adapter
from django.test import RequestFactory

from consent import origin

SAID = [
    (0, "198.51.100.7", "203.0.113.1", "198.51.100.7"),
    (1, "10.0.0.1", "203.0.113.1", "203.0.113.1"),
    (1, "10.0.0.1", "6.6.6.6, 203.0.113.1", "203.0.113.1"),
    (2, "10.0.0.1", "6.6.6.6, 203.0.113.1, 10.0.0.2", "203.0.113.1"),
    (1, "10.0.0.1", "2001:db8::1", "2001:db8::1"),
    (1, "10.0.0.1", "203.0.113.1:4711", "203.0.113.1"),
    (1, "10.0.0.1", "", "10.0.0.1"),
]


def asked(remote: str, forwarded: str):
    more = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    return RequestFactory().get("/", REMOTE_ADDR=remote, **more)


@pytest.mark.parametrize(("hops", "remote", "forwarded", "address"), SAID)
def test_the_address_is_the_one_that_the_last_trusted_proxy_saw(settings, hops, remote, forwarded, address):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = hops
    request = asked(remote, forwarded)
    assert origin.address_of(request) == address == get_adapter().get_client_ip(request)


@pytest.mark.parametrize("remote", ["", "unix", "fe80::1%eth0"])
def test_what_is_no_address_leaves_none(settings, remote):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 0
    assert origin.address_of(asked(remote, "")) is None
