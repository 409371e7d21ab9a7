"""A closure that does not get on stands on somebody's desk."""

from datetime import timedelta

import pytest

from accounts import services
from accounts.models import Closure
from tests.factories import make_member, make_staff, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(client, settings):
    """Sign a colleague of this role in and return what waits on their front page."""
    settings.STAFF_SECOND_STEP = False

    def of(role: str) -> str:
        sign_in(client, make_staff(role=role))
        page = client.get("/admin/").content.decode()
        return page.partition('class="waiting"')[2].partition("</section>")[0]

    return of


def blocked(now) -> None:
    closure = services.close_account(member=make_member(), now=now - timedelta(days=8))
    for state, step in (("running", "sessions"), ("blocked", "sessions")):
        Closure.objects.filter(pk=closure.pk).update(state=state, step=step)


def test_who_answers_for_personal_data_sees_what_is_blocked_or_nearly_late(desk, client, now):
    blocked(now)
    for days in (1, 14, 16):
        services.close_account(member=make_member(), now=now - timedelta(days=days))
    said = desk("个人信息保护负责人")
    assert "<strong>1</strong> 件注销受阻" in said
    assert "<strong>2</strong> 件注销 2 天内到期或已超期" in said
    page = client.get("/admin/accounts/closure/?state__exact=blocked").content.decode()
    assert Closure.objects.get(state="blocked").number in page


def test_what_gets_on_or_is_over_stands_on_nobodys_desk(desk, alice, now):
    services.close_account(member=make_member(), now=now - timedelta(days=12))
    services.close_account(member=alice, now=now - timedelta(days=14))
    services.withdraw_closure(member=alice, now=now)
    assert "件注销" not in desk("个人信息保护负责人")


def test_another_role_is_not_asked_about_closures(desk, client, now):
    blocked(now)
    assert "件注销" not in desk("客服")
    assert client.get("/admin/accounts/closure/").status_code == 403
