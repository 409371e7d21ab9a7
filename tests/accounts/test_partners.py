"""What partners give us: never without a ground or about strangers; always told, seen with its source, deletable."""

from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import services
from accounts.models import Message, PartnerRecord, User
from tests.factories import agree, last_message, make_member, make_phone_member, make_staff, sign_in

pytestmark = pytest.mark.django_db
PHONE = "+8613800138000"
PARTNER, BASIS = "某学术会议", "个人信息保护法第十三条：您在报名时的同意"
ADD = "/admin/accounts/partnerrecord/add/"


@pytest.fixture
def carol(documents):
    return make_phone_member(phone=PHONE)


def take_in(rows, *, partner=PARTNER, basis=BASIS, fields=("会议", "日期"), now):
    return services.import_records(partner=partner, legal_basis=basis, fields=list(fields), rows=rows, now=now)


def row(**more) -> dict[str, str]:
    return {"手机号": "138 0013 8000", "会议": "围产医学年会", "日期": "2026-10-11", "身份证号": "110101…", **more}


# ── Taking in ──


def test_only_the_named_fields_are_kept_and_the_member_is_told(carol, now):
    assert take_in([row()], now=now) == services.Imported(1, 0)
    record = PartnerRecord.objects.get()
    assert record.member == carol
    assert record.said == {"会议": "围产医学年会", "日期": "2026-10-11"}
    told = last_message(PHONE).body
    assert PARTNER in told
    assert BASIS in told
    assert "会议、日期" in told
    assert "围产医学年会" not in told, "what it says is not sent around"


@pytest.mark.parametrize(
    ("lacking", "words"),
    [({"partner": ""}, "合作方"), ({"basis": ""}, "依据"), ({"fields": ()}, "字段"), ({"fields": ("生日",)}, "生日"),
     ({"fields": ("手机号",)}, "只用来找到会员"), ({"fields": ("会议",) * 21}, "最多 20")],
)  # fmt: skip
def test_without_partner_ground_or_fields_nothing_comes_in(carol, now, lacking, words):
    with pytest.raises(services.NotImportable, match=words):
        take_in([row()], now=now, **lacking)
    assert not PartnerRecord.objects.exists()
    assert not Message.objects.exists()


def test_whoever_is_no_member_or_has_proven_nothing_or_is_leaving_is_not_stored(carol, now):
    unproven = User(adult_at=now)
    unproven.set_phone("+8613700137000", verified=False)
    unproven.save()
    leaving = make_phone_member(phone="+8613600136000")
    User.objects.filter(pk=leaving.pk).update(closing_at=now)
    strangers = ["13900139000", "13700137000", "13600136000", "", "not a number"]
    done = take_in([row(手机号=number) for number in strangers], now=now)
    assert done == services.Imported(0, len(strangers))
    assert not PartnerRecord.objects.exists()


def test_an_address_finds_its_member_only_when_proven(documents, now):
    member = make_member(email="dora@example.com")
    address = EmailAddress.objects.create(user=member, email=member.email, verified=False)
    assert take_in([row(手机号="", 邮箱=" Dora@example.com ")], now=now).members == 0
    address.verified = True
    address.save()
    assert take_in([row(手机号="", 邮箱=" Dora@example.com ")], now=now).members == 1


def test_a_later_list_of_the_same_partner_replaces_the_earlier(carol, now):
    take_in([row()], now=now)
    take_in([row(会议="一"), row(会议="二")], now=now)
    assert PartnerRecord.objects.get().said["会议"] == "二"


def test_finding_members_takes_as_many_questions_for_many_rows(carol, now):
    def asked(rows):
        with CaptureQueriesContext(connection) as queries:
            take_in(rows, now=now)
        return len(queries)

    strangers = [row(手机号=f"139{number:08}") for number in range(300)]
    assert asked([row()]) == asked([row(), *strangers])


def test_what_it_says_is_sealed_in_the_table(carol, now):
    take_in([row()], now=now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM accounts_partnerrecord t")
        assert "围产" not in cursor.fetchone()[0]


# ── The command and the desk ──


def test_the_command_takes_a_list_and_says_what_it_did(carol, tmp_path):
    table = tmp_path / "list.csv"
    table.write_text("手机号,会议\n13800138000,年会\n13900139000,年会\n", encoding="utf-8-sig")
    said = StringIO()
    call_command("import_partner_data", table, partner=PARTNER, basis=BASIS, fields="会议", stdout=said)
    assert "告知 1 位会员；1 行不是会员" in said.getvalue()
    with pytest.raises(CommandError, match="没有写明依据"):
        call_command("import_partner_data", table, partner=PARTNER, fields="会议")
    with pytest.raises(CommandError):
        call_command("import_partner_data", tmp_path / "none.csv", partner=PARTNER, basis=BASIS, fields="会议")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", "名字,会议\n王,年会\n".encode(), b"", b'"'])
def test_what_is_no_list_is_refused_in_words(carol, content, settings):
    settings.STAFF_SECOND_STEP = False
    desk = sign_in(Client(), agree(make_staff(role="个人信息保护负责人")))
    file = SimpleUploadedFile("list.csv", content or b" ")
    said = {"partner": PARTNER, "legal_basis": BASIS, "fields_kept": "会议", "file": file}
    answer = desk.post(ADD, said)
    assert answer.status_code == 200
    assert PARTNER in answer.content.decode()
    assert not PartnerRecord.objects.exists()


def test_the_privacy_officer_imports_a_list_and_support_does_not(carol, settings):
    settings.STAFF_SECOND_STEP = False

    def post(role: str):
        desk = sign_in(Client(), agree(make_staff(role=role, email=f"{len(role)}@example.com")))
        file = SimpleUploadedFile("list.csv", "手机号,会议\n13800138000,年会\n".encode())
        return desk.post(ADD, {"partner": PARTNER, "legal_basis": BASIS, "fields_kept": "会议", "file": file})

    assert post("客服").status_code == 403
    assert post("个人信息保护负责人").status_code == 302
    assert PartnerRecord.objects.get().member == carol


# ── The member's own page ──


def test_a_member_sees_the_source_and_deletes_it_and_nobody_elses(client, carol, now):
    take_in([row()], now=now)
    record = PartnerRecord.objects.get()
    page = sign_in(client, agree(carol)).get("/me/partners/").content.decode()
    assert PARTNER in page
    assert BASIS in page
    assert "围产医学年会" in page
    stranger = sign_in(Client(), agree(make_member()))
    assert PARTNER not in stranger.get("/me/partners/").content.decode()
    assert stranger.post(f"/me/partners/{record.pk}/forget/").status_code == 404
    assert PartnerRecord.objects.exists()
    assert client.post(f"/me/partners/{record.pk}/forget/").status_code == 302
    assert not PartnerRecord.objects.exists()
    assert "没有哪个合作方" in client.get("/me/partners/").content.decode()
