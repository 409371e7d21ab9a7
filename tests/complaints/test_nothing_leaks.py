"""What a person wrote, and how they can be reached, is where it belongs and nowhere else."""

import logging

from django.db import connection
from structlog.stdlib import ProcessorFormatter

from complaints import services
from complaints.models import Case
from tests.factories import make_case, open_case

WORD = "金丝雀"
CONTACT = services.Contact(name=f"{WORD}医生", phone="+8613812345678", email="canary@example.com")


def as_written(records: list[logging.LogRecord]) -> str:
    """Format records as the portal's own handler writes them."""
    formatters = [handler.formatter for handler in logging.getLogger().handlers]
    portal = next(formatter for formatter in formatters if isinstance(formatter, ProcessorFormatter))
    return "\n".join(portal.format(record) for record in records)


def raw_rows(*tables: str) -> str:
    with connection.cursor() as cursor:
        parts = []
        for table in tables:
            cursor.execute(f"SELECT t::text, encode(convert_to(t::text, 'UTF8'), 'escape') FROM \"{table}\" t")
            parts += [str(row) for row in cursor.fetchall()]
    return "".join(parts)


def test_free_text_and_contact_are_ciphertext_at_rest(db):
    make_case(subject=f"{WORD}的标题", body=f"{WORD}的正文", contact=CONTACT)
    stored = raw_rows("complaints_case", "complaints_entry")
    assert Case.objects.get().subject == f"{WORD}的标题"
    for secret in (WORD, "13812345678", "canary@example.com"):
        assert secret not in stored
        assert secret.encode().hex() not in stored


def test_nothing_personal_is_in_a_name_for_staff(db):
    case = make_case(subject=f"{WORD}的标题", contact=CONTACT)
    for shown in (str(case), repr(case), str(case.entries.get()), repr(case.entries.get())):
        assert WORD not in shown


def test_the_log_tells_neither_words_nor_contact_nor_code(client, agent, now, caplog):
    said = {
        "subject": f"{WORD}的标题",
        "body": f"{WORD}的正文",
        "contact_name": CONTACT.name,
        "contact_phone": "13812345678",
        "contact_email": CONTACT.email,
        "form_token": "4a8ef1c5-4a9f-4a1e-9a55-0f4a5c0b2e11",
    }
    where = client.post("/complaints/new/complaint/", said)["Location"]
    client.get(where)
    client.get("/complaints/0000-WRNG-0000-0000/")
    services.answer(case_id=Case.objects.get().pk, body=f"{WORD}的答复", seen=1, by=agent, now=now)
    logged = as_written(caplog.records)
    code = where.strip("/").split("/")[-1]
    assert "case.opened" in logged
    for secret in (WORD, "13812345678", CONTACT.email, code, "0000-WRNG"):
        assert secret not in logged


def test_the_number_tells_the_day_and_nothing_else(db, now):
    first, second = open_case().case, open_case().case
    assert first.number[:9] == second.number[:9]
    assert first.number[10:] != second.number[10:]
    assert len(first.number) == 18
