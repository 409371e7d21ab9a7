"""A cashier for each test, and the buyer who goes there."""

from functools import cache
from threading import Thread

import httpx
import pytest
from django.utils import timezone

from config.embedded import demo
from courses import services
from courses.sandbox import Identity, Sandbox
from courses.sandbox.notices import trade_notice
from tests.factories import make_course, make_order

SWEEPS = (
    services.submit_due_debits,
    services.query_silent_payments,
    services.tend_due_accounts,
    services.submit_due_refunds,
    services.expire_due_orders,
    services.apply_stranded_notices,
)
APP_ID, SELLER_ID = "2021000000000001", "2088000000000001"


@cache
def _keys() -> tuple[str, str, str, str]:
    merchant, sandbox = demo.rsa_key(), demo.rsa_key()
    return demo.private_pem(merchant), demo.public_pem(merchant), demo.private_pem(sandbox), demo.public_pem(sandbox)


@pytest.fixture
def cashier(settings, tmp_path):
    """Run the sandbox in a thread, with the portal's settings pointing at it."""
    merchant_private, merchant_public, sandbox_private, sandbox_public = _keys()
    identity = Identity(APP_ID, SELLER_ID, sandbox_private, merchant_public)
    sandbox = Sandbox(port=0, folder=tmp_path / "alipay", identity=identity)
    settings.ALIPAY = {
        "app_id": APP_ID,
        "seller_id": SELLER_ID,
        "private_key": merchant_private,
        "public_key": sandbox_public,
        "gateway": f"{sandbox.url}/gateway.do",
    }
    thread = Thread(target=sandbox.run)
    thread.start()
    yield sandbox
    sandbox.stop()
    thread.join()


@pytest.fixture
def portal(live_server, settings, cashier):
    """Serve the portal where the cashier's notices find it."""
    settings.SITE_URL = live_server.url
    return live_server


class Buyer:
    """A person at the cashier's pages; a browser as far as redirects go, and they stay at the cashier."""

    def __init__(self) -> None:
        self.http = httpx.Client(trust_env=False, timeout=10)

    def arrive(self, address: str) -> str:
        """Follow a signed address to its page."""
        entered = self.http.get(address)
        assert entered.status_code == 302, entered.text
        page = str(entered.request.url.join(entered.headers["Location"]))
        assert self.http.get(page).status_code == 200
        return page

    def press(self, page: str, button: str) -> httpx.Response:
        return self.http.post(f"{page}{button}/")

    def pay(self, address: str) -> str:
        """Pay, and return where the cashier leads back to."""
        return self.press(self.arrive(address), "pay").headers["Location"]

    def sign(self, address: str) -> str:
        return self.press(self.arrive(address), "sign").headers["Location"]


@pytest.fixture
def buyer():
    person = Buyer()
    yield person
    person.http.close()


@pytest.fixture
def course(db):
    return make_course(slug="ctg", title="胎心监护", price_fen=19900)


@pytest.fixture
def order(alice, course):
    return make_order(member=alice, course=course)


@pytest.fixture
def notice(cashier):
    """Write a notice as Alipay would about a payment, signed, with whatever a test changes before or after signing."""

    def write(payment, **changes: str) -> dict[str, str]:
        now = timezone.now().timestamp()
        trade = {
            "out_trade_no": payment.out_trade_no,
            "trade_no": f"2026{payment.pk:024}",
            "amount": f"{payment.amount_fen // 100}.{payment.amount_fen % 100:02}",
            "subject": payment.order.title,
            "status": "TRADE_SUCCESS",
            "created": now,
            "paid": now,
        }
        fields = {**trade_notice(cashier.who, trade), **changes}
        return cashier.who.signed({name: value for name, value in fields.items() if value})

    return write


@pytest.fixture
def tell(client):
    """Send a notice to the portal."""
    return lambda fields: client.post("/payments/notify/alipay/", fields)


@pytest.fixture
def clock():
    """Let every sweep of the clock run once, at this moment or a later one."""

    def tick(now=None) -> None:
        for sweep in SWEEPS:
            sweep(now=now or timezone.now())

    return tick
