"""What a partner lawfully gives us about members (PIPL 13, 23): named, grounded, told, and theirs to delete."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import TextIOBase

import structlog
from allauth.account.models import EmailAddress
from django.db import transaction

from accounts.models import PartnerRecord, User, hash_of_phone
from accounts.phone import NotAMobileNumber, normalised
from accounts.services.messages import notify

# What a row is matched by; neither is stored again.
CONTACTS = ("手机号", "邮箱")
MOST_FIELDS = 20
LONGEST_VALUE = 500
log = structlog.get_logger(__name__)


class NotImportable(Exception):
    """The import lacks what makes it lawful, or is no table; says what in words."""


@dataclass(frozen=True)
class Imported:
    """How many members were told, and how many rows belonged to nobody here and were thrown away."""

    members: int
    unknown: int


def read_table(file: TextIOBase) -> list[dict[str, str]]:
    """Read a CSV whose first line names the columns.

    :raises NotImportable: when it is none
    """
    try:
        reader = csv.DictReader(file, strict=True)
        if not set(CONTACTS) & set(reader.fieldnames or ()):
            raise NotImportable(f"第一行应当是列名，其中要有“{'”或“'.join(CONTACTS)}”")
        return [{str(name): str(value or "") for name, value in row.items()} for row in reader]
    except (csv.Error, UnicodeDecodeError) as broken:
        raise NotImportable("这不是 UTF-8 编码的 CSV 文件") from broken


@transaction.atomic
def import_records(
    *, partner: str, legal_basis: str, fields: Sequence[str], rows: Iterable[Mapping[str, str]], now: datetime
) -> Imported:
    """Store these fields of the rows about our members, and tell each of them; everything else is thrown away.

    :raises NotImportable: without partner, legal basis or fields, or when a named field is not in the table
    """
    rows = list(rows)
    _refuse(partner, legal_basis, fields, rows)
    found = _matched(rows)
    kept = {"partner": partner, "legal_basis": legal_basis, "received_at": now}
    records = [
        PartnerRecord(member=member, said={name: row[name][:LONGEST_VALUE] for name in fields}, **kept)
        for member, row in found
    ]
    replaced = ["legal_basis", "said", "received_at"]
    PartnerRecord.objects.bulk_create(
        records, update_conflicts=True, unique_fields=["member", "partner"], update_fields=replaced, batch_size=500
    )
    for member, _row in found:
        notify(member=member, subject="我们取得了您的信息", text=_words(partner, legal_basis, fields), now=now)
    imported = Imported(len(found), len(rows) - len(found))
    log.info("partner.imported", members=imported.members, unknown=imported.unknown)
    return imported


def _refuse(partner: str, legal_basis: str, fields: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    lacking = [name for name, said in {"合作方": partner, "依据": legal_basis, "字段": fields}.items() if not said]
    if lacking:
        raise NotImportable(f"没有写明{'、'.join(lacking)}，不能导入")
    if len(fields) > MOST_FIELDS:
        raise NotImportable(f"最多 {MOST_FIELDS} 个字段")
    unknown = [name for name in fields if any(name not in row for row in rows)]
    if unknown:
        raise NotImportable(f"表里没有这些列：{'、'.join(unknown)}")
    if set(fields) & set(CONTACTS):
        raise NotImportable("手机号和邮箱只用来找到会员，不作为内容保存")


def _matched(rows: Sequence[Mapping[str, str]]) -> list[tuple[User, Mapping[str, str]]]:
    """Find whose row it is by a proven number or address, in two queries; who is leaving gets nothing new.

    Of several rows about one member the last counts.
    """
    here = User.objects.filter(closing_at=None)
    hashes = [_hash_in(row) for row in rows]
    by_phone = {
        bytes(member.phone_hash or b""): member
        for member in here.filter(phone_hash__in=list(filter(None, hashes)), phone_verified=True)
    }
    proven = EmailAddress.objects.filter(email__in=list(map(_email_in, rows)), verified=True, user__in=here)
    by_email = {address.email: address.user for address in proven.select_related("user")}
    found: dict[int, tuple[User, Mapping[str, str]]] = {}
    for row, phone_hash in zip(rows, hashes, strict=True):
        member = by_phone.get(phone_hash) or by_email.get(_email_in(row))
        if member is not None:
            found[member.pk] = (member, row)
    return list(found.values())


def _hash_in(row: Mapping[str, str]) -> bytes:
    try:
        return hash_of_phone(normalised(row.get("手机号", "")))
    except NotAMobileNumber:
        return b""


def _email_in(row: Mapping[str, str]) -> str:
    return row.get("邮箱", "").strip().lower()


def _words(partner: str, legal_basis: str, fields: Sequence[str]) -> str:
    what = "、".join(fields)
    return f"我们从{partner}取得了您的信息：{what}。依据：{legal_basis}。在“我的信息”可以查看来源，也可以删除。"


def forget_partner_record(*, member: User, record_id: int) -> bool:
    """Delete what a partner said of a member; tell whether there was anything of theirs."""
    return PartnerRecord.objects.filter(member=member, pk=record_id).delete()[0] > 0
