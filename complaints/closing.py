"""What becomes of a member's open cases when they leave."""

from django.urls import reverse

from accounts.closing import Consequence
from accounts.models import User
from complaints.models import Case


def consequences(member: User) -> list[Consequence]:
    """Say how many matters are still open, and that they end unanswered."""
    number = Case.objects.for_member(member).unfinished().count()
    if not number:
        return []
    return [
        Consequence(
            title=f"{number} 件投诉或咨询还没有办结",
            text="往来内容会随账号一起删除，我们不再处理，也无法再把结果告诉您。想要答复的，请等办结以后再注销。",
            url=reverse("complaints:my_cases"),
            link="查看我的投诉与咨询",
        )
    ]


def release(member: User) -> None:
    """Leave things as they are: nobody outside holds anything about a case."""
