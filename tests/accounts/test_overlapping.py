"""Work beside the database: in order, at the same time, and never out of sight."""

from threading import Barrier

import pytest

from accounts.models import User
from accounts.services.overlapping import AskedTheDatabase, beside, overlapped


def test_results_come_in_the_order_of_the_items():
    assert list(overlapped(str, iter(range(50)))) == list(map(str, range(50)))
    assert list(overlapped(str, [])) == []


def test_an_item_is_worked_on_while_the_next_one_is_fetched():
    meeting = Barrier(2, timeout=10)

    def items():
        yield 1
        meeting.wait()
        yield 2

    def work(item):
        if item == 1:
            meeting.wait()
        return item

    assert list(overlapped(work, items())) == [1, 2]


def test_no_more_than_two_items_are_held_however_many_there_are():
    fetched = []

    def items():
        for item in range(50):
            fetched.append(item)
            yield item

    results = overlapped(lambda item: item, items())
    assert next(results) == 0
    assert len(fetched) == 2
    results.close()
    assert len(fetched) == 2


def test_what_goes_wrong_in_the_thread_goes_wrong_for_the_caller():
    results = overlapped(lambda item: 1 // item, [1, 0, 1])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
    with beside(lambda: 1 // 0) as working:
        pass
    with pytest.raises(ZeroDivisionError):
        working.result()


@pytest.mark.django_db
def test_the_thread_may_not_ask_the_database():
    with beside(User.objects.count) as working:
        pass
    with pytest.raises(AskedTheDatabase):
        working.result()
    with pytest.raises(AskedTheDatabase):
        list(overlapped(lambda _item: User.objects.count(), [1]))
    assert User.objects.count() == 0, "the caller may"


def test_the_thread_has_ended_when_the_caller_goes_on():
    meeting = Barrier(2, timeout=10)

    def work():
        meeting.wait()
        return "done"

    with beside(work) as working:
        assert not working.done()
        meeting.wait()
    assert working.done()
    assert working.result() == "done"
