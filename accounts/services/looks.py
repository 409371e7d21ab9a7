"""Writing down who of the staff looked at a member's data."""

from datetime import datetime

from accounts.models import Look, User

NO_GROUP = "工作人员"
SUPERUSER = "系统管理员"


def role_of(colleague: User) -> str:
    """Name what somebody of the staff is here, never who they are."""
    groups = list(colleague.groups.order_by("name").values_list("name", flat=True))
    return "、".join(groups)[:100] or (SUPERUSER if colleague.is_superuser else NO_GROUP)


def note_look(*, member_id: int, by: User, what: str, page: str, reason: str, now: datetime) -> Look | None:
    """Write a look down, unless the same person has gone on looking at the same thing."""
    look = Look(member_id=member_id, at=now, by=by, what=what[:80], page=page, reason=reason)
    if Look.objects.same_as(look, since=now - Look.ONE_LOOK).exists():
        return None
    look.role = role_of(by)
    look.save()
    return look
