"""What it takes to look for the traces of a thousand members at once, against one."""

import statistics
import time

ROWS = 200_000
MANY = 1_000
ROUNDS = 5

FILL = """
    INSERT INTO django_admin_log (action_time, user_id, object_id, object_repr, action_flag, change_message)
    SELECT now(), (SELECT min(id) FROM accounts_user), i::text, '答复 #' || i, 2,
        '客服第 ' || i || ' 次回电 138' || lpad((i * 7919 %% 100000000)::text, 8, '0') || '，邮箱 doctor' || i
        || '@example.com，附件 ' || gen_random_uuid() || '，谈到王医生问的产后出血与子痫前期的处理，答复已发出。'
    FROM generate_series(1, %s) AS i
"""


def ratio() -> float:
    """Return the median of a whole search for many members, against that for one; they take turns."""
    from django.db import connection

    from accounts.models import User

    with connection.cursor() as cursor:
        cursor.execute(FILL, [ROWS])
        cursor.execute("ANALYZE django_admin_log")
    many = _leavers()
    try:
        rounds = [(_seconds(many), _seconds(many[:1])) for _ in range(ROUNDS)]
    finally:
        User.objects.filter(pk__in=[member.pk for member in many]).delete()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_admin_log WHERE content_type_id IS NULL")
    return statistics.median(many for many, _ in rounds) / statistics.median(one for _, one in rounds)


def _leavers() -> list:
    """Make members with a number, an address, a name and a page of their own, of whom the table says nothing."""
    from accounts.models import Profile, User

    members = [User(email=f"leaver{n}@example.net", name=f"{'赵钱孙李周吴郑冯陈褚'[n % 10]}离{n}") for n in range(MANY)]
    for n, member in enumerate(members):
        member.set_phone(f"+86199{n:08}", verified=True)
    members = User.objects.bulk_create(members)
    Profile.objects.bulk_create([Profile(member=member) for member in members])
    return members


def _seconds(members: list) -> float:
    from accounts.services import residue

    begun = time.perf_counter()
    residue.search(residue.Traces(members))
    return time.perf_counter() - begun
