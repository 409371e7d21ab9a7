import pytest

from accounts.models import User
from tests.factories import make_staff


@pytest.fixture
def agent(db) -> User:
    """Works at the desk."""
    return make_staff(role="客服", email="agent@example.com", name="客服小陈")


@pytest.fixture
def colleague(db) -> User:
    """Works at the same desk."""
    return make_staff(role="客服", email="colleague@example.com", name="客服小林")
