"""Members by the ten thousand, filled in by the database itself: those who leave, and those who stay."""

from itertools import count
from typing import Any

MEMBERS = """
    INSERT INTO accounts_user (password, is_superuser, email, phone, phone_hash, phone_verified, name, media_prefix,
        closing_at, is_staff, is_active, date_joined, open_permissions, subject, texts_settled)
    SELECT '!', false, %(who)s || i || '@example.org', phone, phone_hash, true, name, gen_random_uuid(),
        %(closing)s::timestamptz, false, true, now() - interval '1 year', '[]', gen_random_uuid(), ''
    FROM unnest(%(phones)s::bytea[], %(hashes)s::bytea[], %(names)s::bytea[])
        WITH ORDINALITY AS one (phone, phone_hash, name, i)
"""
# %(of)s names the members of one fill by the beginning of their address.
OURS = "(SELECT id, subject, email, row_number() OVER (ORDER BY id) AS i FROM accounts_user WHERE email LIKE %(of)s)"
ROWS = [
    f"""
    INSERT INTO accounts_profile (slug, hospital, department, title, city, introduction, audience, changed, member_id)
    SELECT 'p' || substr(md5(subject::text), 1, 12), '第一人民医院', '妇产科', '主治医师', '杭州',
        '从事产科临床工作十余年，关注产后出血的预防。', '{{"hospital": "members"}}', '{{}}', id FROM {OURS} AS ours
    """,
    f"""
    INSERT INTO account_emailaddress (email, verified, "primary", user_id)
    SELECT email, true, true, id FROM {OURS} AS ours
    """,
    f"""
    INSERT INTO accounts_visit (at, path, ip, browser, language, member_id)
    SELECT now() - (n + i %% 100) * interval '1 hour', '/courses/' || (i + n) %% 24 || '/', '192.0.2.1',
        'Chrome 12' || n %% 10 || ' · Windows', 'zh-CN', id FROM {OURS} AS ours, generate_series(1, %(visits)s) AS n
    """,
    f"""
    WITH said AS (
        INSERT INTO consent_acceptance (action, at, document_id, kind, sha256, subject_id)
        SELECT 'given', now() - n * interval '1 day', document.id, document.kind, document.sha256, subject
        FROM {OURS} AS ours, generate_series(1, %(acceptances)s) AS n,
            (SELECT id, kind, sha256 FROM consent_document WHERE sha256 <> '' ORDER BY id LIMIT 1) AS document
        RETURNING id
    ), beside AS (
        INSERT INTO consent_evidence (ip, browser, acceptance_id)
        SELECT '192.0.2.1', 'Chrome 120 · Windows', id FROM said
    )
    INSERT INTO consent_link (sequence, acceptance_id, previous, digest)
    SELECT last.sequence + row_number() OVER (ORDER BY id), id, encode(sha256(('before' || id)::bytea), 'hex'),
        encode(sha256(id::text::bytea), 'hex')
    FROM said, (SELECT coalesce(max(sequence), 0) AS sequence FROM consent_link) AS last
    """,
    f"""
    WITH bought AS (
        INSERT INTO courses_order (number, title, total_fen, status, placed_at, expires_at, paid_at, completed_at,
            course_id, member_id)
        SELECT 'B' || lpad((ours.id * 100 + course.n)::text, 19, '0'), course.title, 19900, 'paid',
            now() - interval '40 days', now() - interval '39 days', now() - interval '40 days',
            now() - interval '40 days', course.id, ours.id
        FROM {OURS} AS ours
        CROSS JOIN (SELECT id, title, row_number() OVER (ORDER BY id) AS n FROM courses_course) AS course
        WHERE course.n <= %(orders)s
        RETURNING id, course_id, member_id, paid_at
    )
    INSERT INTO courses_enrollment (started_at, course_id, member_id, order_id)
    SELECT paid_at, course_id, member_id, id FROM bought
    """,
]
ROWS_OF_LEAVERS = [
    f"""
    INSERT INTO socialaccount_socialaccount (provider, uid, last_login, date_joined, extra_data, user_id)
    SELECT 'weixin', 'o' || substr(md5('weixin' || subject), 1, 27), now(), now(), '{{}}', id FROM {OURS} AS ours
    """,
    f"""
    INSERT INTO mfa_authenticator (type, data, user_id, created_at)
    SELECT 'totp', jsonb_build_object('secret', md5(subject::text)), id, now() FROM {OURS} AS ours
    """,
    """
    INSERT INTO account_emailconfirmation (created, sent, key, email_address_id)
    SELECT now(), now(), md5('key' || id), id FROM account_emailaddress WHERE email LIKE %(of)s
    """,
    f"""
    WITH asked AS (
        INSERT INTO complaints_case (number, kind, status, submission_hash, subject, contact_name, contact_phone,
            contact_email, opened_at, due_at, first_answered_at, closed_at, member_id)
        SELECT 'T' || id || '-' || n, 'complaint', 'closed', sha256((id || '-' || n)::bytea), %(title)s, %(nothing)s,
            %(nothing)s, %(nothing)s, now() - interval '30 days', now() - interval '15 days',
            now() - interval '29 days', now() - interval '28 days', id
        FROM {OURS} AS ours, generate_series(1, 2) AS n
        RETURNING id
    )
    INSERT INTO complaints_entry (voice, body, at, case_id) SELECT 'person', %(words)s, now(), id FROM asked
    """,
    f"""
    INSERT INTO accounts_closure (number, state, step, requested_at, due_at, next_attempt_at, attempts, error, tally,
        held_until, member_id, receipt, signature, signed_with, is_final)
    SELECT 'ZX-' || substr(md5(subject::text), 1, 14), 'cooling', '', now() - interval '8 days',
        now() - interval '1 day', now() - interval '1 day', 0, '', '{{"accounts.User": 1}}', '{{}}',
        id, '', '', '', false
    FROM {OURS} AS ours
    """,
]
TABLES = (
    "accounts_user accounts_profile account_emailaddress account_emailconfirmation accounts_visit consent_acceptance"
    " consent_evidence consent_link courses_order courses_enrollment socialaccount_socialaccount mfa_authenticator"
    " complaints_case complaints_entry accounts_closure accounts_erasure"
)
SWEEP_UP = [
    """
    CREATE TEMPORARY TABLE pointless ON COMMIT DROP AS SELECT id FROM consent_acceptance
    WHERE NOT EXISTS (SELECT FROM accounts_user WHERE accounts_user.subject = subject_id)
    """,
    "DELETE FROM consent_link USING pointless WHERE acceptance_id = pointless.id",
    "DELETE FROM consent_evidence USING pointless WHERE acceptance_id = pointless.id",
    "DELETE FROM consent_acceptance USING pointless WHERE consent_acceptance.id = pointless.id",
    "DELETE FROM courses_order WHERE member_id IS NULL AND starts_with(number, 'B')",
    "DELETE FROM accounts_closure WHERE state = 'done'",
    "DELETE FROM accounts_erasure",
]
_fills = count(1)


def join(number: int) -> None:
    """Fill in members who stay, with a few rows each."""
    _fill("stays", number, ROWS, leaving=False, visits=5, acceptances=2, orders=1)


def leave(number: int) -> list[int]:
    """Fill in members whose closures are due, with as many rows as somebody has after years; return their ids."""
    return _fill("leaves", number, [*ROWS, *ROWS_OF_LEAVERS], leaving=True, visits=50, acceptances=10, orders=5)


def sweep_up() -> None:
    """Delete what stays of those who left, so that whoever comes next finds as much as the last one did."""
    import pgtrigger
    from django.db import connection, transaction

    kept = ["consent.Link:links_are_only_added", "consent.Acceptance:acceptances_are_only_added"]
    with transaction.atomic(), pgtrigger.ignore(*kept), connection.cursor() as cursor:
        for statement in SWEEP_UP:
            cursor.execute(statement)


def _fill(kind: str, number: int, statements: list[str], *, leaving: bool, **amounts: int) -> list[int]:
    from django.db import connection, transaction

    fill = next(_fills)
    who = f"{kind}{fill}-"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(MEMBERS, {"who": who, "closing": "2020-01-01" if leaving else None, **_contacts(fill, number)})
        for statement in statements:
            cursor.execute(statement, {"of": f"{who}%", **amounts, **_words()})
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {', '.join(TABLES.split())}")
        cursor.execute("SELECT id FROM accounts_user WHERE email LIKE %s ORDER BY id", [f"{who}%"])
        return [pk for (pk,) in cursor]


def _contacts(fill: int, number: int) -> dict[str, list[bytes]]:
    """Seal a number of their own for each, and one of a few hundred names."""
    from accounts.models import User
    from accounts.models.user import hash_of_phone

    phone, name = (User._meta.get_field(field) for field in ("phone", "name"))
    numbers = [f"+861{3_000_000_000 + fill * 1_000_000 + i}" for i in range(number)]
    names = [_sealed(name, f"{'赵钱孙李周吴郑冯陈褚'[n % 10]}{chr(0x4E00 + n)}{chr(0x5E00 + n)}") for n in range(300)]
    return {
        "phones": [_sealed(phone, one) for one in numbers],
        "hashes": [hash_of_phone(one) for one in numbers],
        "names": [names[i % len(names)] for i in range(number)],
    }


def _words() -> dict[str, bytes]:
    from complaints.models import Case, Entry

    return {
        "title": _sealed(Case._meta.get_field("subject"), "课程打不开"),
        "nothing": _sealed(Case._meta.get_field("contact_name"), ""),
        "words": _sealed(Entry._meta.get_field("body"), "买了产后出血那门课，第三节一直打不开，请帮忙看一下。"),
    }


def _sealed(field: Any, text: str) -> bytes:
    return bytes(field._dump(text))
