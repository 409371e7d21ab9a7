"""The scan: whatever betrays a member who leaves is found, wherever it is kept and however it is spelled."""

import base64
import json
import pickle
import random
import re
import secrets
from datetime import timedelta
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts import services
from accounts.models import Alert, Closure, Profile, ResidueFinding, User
from accounts.services import purge as sweeps
from accounts.services import residue
from accounts.services.residue import blocks as blocks_of
from accounts.services.residue import caches, database, files, tables
from accounts.services.residue.blocks import blocks, new_boundary
from accounts.services.residue.texts import among, encoded
from consent.models import Acceptance
from tests.factories import make_case, make_member, make_payment_account

pytestmark = pytest.mark.django_db

# Others run these tests beside us on the same broker: each run has a word and a number of its own.
WORD = f"lin.{secrets.token_hex(4)}"
PHONE = f"+86139{secrets.randbelow(10**8):08}"
HOME = PHONE[3:]
MAIL = f"{WORD}+cn@mail.example.com"


def masked(value: object) -> str:
    """Name a case alike in every process, whatever its own word and number are."""
    return re.sub(r"\d", "0", re.sub(re.escape(WORD), "word", str(value), flags=re.IGNORECASE))


@pytest.fixture
def lin(now) -> User:
    """A member whose day to be deleted has come."""
    member = make_member(email=MAIL, name="林 巧稚")
    member.set_phone(PHONE, verified=True)
    member.save()
    services.close_account(member=member, now=now - timedelta(days=8))
    return member


def purge(now) -> Closure:
    services.purge_due(now=now)
    return Closure.objects.get()


@pytest.fixture
def goes(now):
    """Prove that the member goes, that there is no receipt while something is there, and one once it is taken away."""

    def prove(place: str, take_away) -> None:
        waiting = purge(now)
        assert (waiting.state, waiting.step, waiting.member, waiting.receipt) == ("held", "proof", None, "")
        assert list(ResidueFinding.objects.values_list("place", "count")) == [(place, 1)]
        assert not User.objects.filter(email=MAIL).exists()
        take_away()
        assert purge(waiting.next_attempt_at).state == "done"

    return prove


# ── Spellings ──


def wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


@pytest.mark.parametrize(
    "spelling",
    ids=masked,
    argvalues=[
        PHONE,
        PHONE[1:],
        f"0086{HOME}",
        f"0{HOME}",
        HOME,
        f"电话{HOME}请回电",
        f"{HOME[:3]} {HOME[3:7]} {HOME[7:]}",
        f"{HOME[:3]}-{HOME[3:7]}-{HOME[7:]}",
        f"{HOME[:3]}.{HOME[3:7]}.{HOME[7:]}",
        f"{HOME[:3]}–{HOME[3:7]}—{HOME[7:]}",
        f"+86 ({HOME[:3]}) {HOME[3:7]} {HOME[7:]}",
        f"（86）{HOME[:3]}－{HOME[3:7]}－{HOME[7:]}",
        f"[{HOME[:5]}] {HOME[5:]}",
        " ".join(HOME),
        wide(HOME),
        wide(f"{HOME[:3]}-{HOME[3:]}"),
        f"2026-11-28 {HOME}",
        json.dumps(f"电话\n{HOME}"),
        MAIL,
        MAIL.upper(),
        quote(MAIL),
        quote(MAIL).lower(),
        quote(quote(MAIL)),
        f"next=%2Fx%3Fmail%3D{quote(MAIL)}%26a",
        f"邮箱{MAIL}请回信",
        f"<{MAIL}>.",
        json.dumps({"a": f"\n{MAIL}\t"}),
        MAIL.replace("@", "＠"),
    ],
)
def test_a_contact_is_found_however_it_is_spelled(lin, spelling):
    assert residue.Traces([lin]).are_in(spelling)


@pytest.mark.parametrize(
    "other",
    ids=masked,
    argvalues=[
        f"1{HOME}",
        f"{HOME}1",
        f"2026{HOME}0001",
        wide(f"{HOME}7"),
        f"{HOME[:10]}{(int(HOME[10]) + 1) % 10}",
        f"ann{MAIL}",
        f"ann.{MAIL}",
        f"{MAIL}.cn",
        f"{MAIL}munity",
        MAIL.replace("+cn", ""),
        "林 巧稚",
        "@",
        "%40",
        "",
    ],
)
def test_what_only_looks_like_it_is_no_trace(lin, other):
    assert not residue.Traces([lin]).are_in(other)


def test_what_stands_for_a_member_and_nobody_else_is_a_trace_and_the_bare_number_of_a_row_is_not(lin):
    slug = Profile.objects.create(member=lin).slug
    token = make_payment_account(member=lin).token
    traces = residue.Traces([lin])
    for one in (lin.subject, lin.subject.hex, str(lin.media_prefix).upper(), f"/doctors/{slug}/", f"协议{token}。"):
        assert traces.are_in(f"x {one}")
    assert not any(map(traces.are_in, (str(lin.pk), f"{slug}s", f"{token}1", f"{lin.subject.hex}a")))


@pytest.mark.parametrize(
    "said",
    [
        '{"user_id": 7}',
        r'{"a": "{\"member_id\": \"7\"}"}',
        "'_auth_user_id': '7'",
        "member_id=7&x=1",
        "?user_id%3D7",
        "userId: 7,",
        "User ID：７",
        "User.pk = 7",
        "会员 #7",
        "会员＃７的订单",
        "member #7.",
        "用户编号：7",
        "会员号 7",
        "用户ID=7",
        "/admin/accounts/user/7/change/",
        "next=%2Fadmin%2Faccounts%2Fuser%2F7%2F",
    ],
)
def test_the_number_of_a_members_row_is_found_where_a_text_says_that_it_is_one(said):
    traces = residue.Traces(residue.Identifiers(ids=[(7, 7)]))
    assert list(traces.found_among([said])) == [(0, frozenset({7}))]
    assert not residue.Traces(residue.Identifiers(ids=[(77, 77), (6, 6)])).are_in(said)


@pytest.mark.parametrize(
    "said",
    [
        "7",
        '{"accounts.User": 7}',
        '{"user": 7, "member": 7}',
        "7 个会员",
        "会员：7 人",
        "会员 7 折",
        "支付账号 #7",
        "订单 #7",
        '"user_id": 77',
        "会员 #17",
        "会员 #7000000000000000000000",
        "superuser_id: 7",
        "/admin/accounts/userlog/7/",
        "用户号码：7",
        '"user_id": null, 7',
    ],
)
def test_another_number_is_nobodys(said):
    assert not residue.Traces(residue.Identifiers(ids=[(7, 7)])).are_in(said)


def test_what_has_too_few_digits_for_a_number_is_not_found_in_every_other_one():
    odd = residue.Traces(residue.Identifiers(contacts=[("Canary72", 7), ("+29022158", 7)]))
    assert not any(map(odd.are_in, ("5d20f9c6-1407-4123-72-1e", "2026-11-72 22158", "138 72 00138000")))
    assert odd.are_in("+290 22158")


def test_an_address_of_rare_letters_and_one_that_was_added_later_are_found(lin):
    for address in ("王芳@例子.cn", "o'neil@example.com", "second@example.com"):
        EmailAddress.objects.create(user=lin, email=address, verified=True)
    traces = residue.Traces([lin])
    spellings = ["写给王芳@例子.cn。", quote("王芳@例子.cn"), "O'Neil@example.com", "o'neil%40example.com"]
    for text in (*spellings, "second@example.com"):
        assert traces.are_in(text)
    assert not traces.are_in("o'neil@example.com.cn")


def test_a_contact_that_a_member_had_before_is_looked_for_unless_somebody_else_has_proven_it_since(lin, now):
    before = {"sms": "+8613700137000", "mail": "before@example.com"}
    Alert.objects.create(member=lin, digest=b"1" * 32, contacts_before=before, sent_at=now)
    assert all(map(residue.Traces([lin]).are_in, before.values()))
    heir = make_member()
    heir.set_phone(before["sms"], verified=False)
    heir.save()
    EmailAddress.objects.create(user=heir, email=before["mail"], verified=False)
    assert all(map(residue.Traces([lin]).are_in, before.values()))
    heir.set_phone(before["sms"], verified=True)
    heir.save()
    EmailAddress.objects.filter(user=heir, email=before["mail"]).update(verified=True)
    assert not any(map(residue.Traces([lin]).are_in, before.values()))
    assert all(map(residue.Traces([lin, heir]).are_in, before.values()))


def test_a_trace_shows_nothing_of_itself_and_each_belongs_to_its_members(lin):
    twin = make_member(email=f"{WORD}2@example.com")
    EmailAddress.objects.create(user=twin, email=MAIL, verified=False)
    traces = residue.Traces([lin, twin])
    assert MAIL not in repr(traces)
    assert set(traces.found_among(["", HOME, MAIL])) == {(1, frozenset({lin.pk})), (2, frozenset({lin.pk, twin.pk}))}


def test_what_was_kept_of_each_member_finds_the_same_when_they_are_gone(lin):
    twin = make_member(email=f"{WORD}2@example.com", name="王 二")
    known = residue.Identifiers.of([lin, twin])
    kept = {member.pk: json.loads(json.dumps(known.to_json(member.pk))) for member in (lin, twin)}
    texts = [MAIL, HOME, str(lin.subject), f"{WORD}2@example.com", str(twin.media_prefix)]
    read = [residue.Traces([lin, twin])]
    Closure.objects.all().delete()
    User.objects.all().delete()
    read.append(residue.Traces(residue.Identifiers.kept(kept.items())))
    was, now = ({(i, of) for i, of in (*t.found_among(texts), *t.names_among([*texts, "林 巧稚"]))} for t in read)
    assert was == now
    assert len(was) == len(texts) + 1
    assert read[0].members == read[1].members == set(kept)
    assert MAIL not in repr(known)
    assert residue.Identifiers().to_json(lin.pk) == {"contacts": [], "tokens": [], "names": [], "ids": []}


def test_a_sieve_passes_over_what_only_begins_on_the_same_day_and_what_is_no_number():
    token, uuid = "20261101220089998888", "5d20f9c6-1407-4123-8282-1e4b8a8f7f22"
    known = residue.Identifiers(tokens=[(token, 7), (uuid, 7)], contacts=[("Canary72", 7), ("+29022158", 7)])
    sieve = residue.Traces(known).sieve
    for found in (token, uuid, uuid.replace("-", "").upper(), "+290-22158"):
        assert sieve.keeps(found.encode())
    for other in ("20261101000012345678", "5d20f9c7-1407-4123-8282-1e4b8a8f7f22", "72"):
        assert not sieve.keeps(other.encode())


def test_a_sieve_keeps_whatever_is_found_in_a_text_of_any_pieces(lin):
    """Each of its simpler spellings is of texts that a finder would find something in, made up by chance."""
    others = [make_member(email=f"{local}@example.com", name=name) for local, name in ODD.items()]
    traces = residue.Traces([lin, *others])
    token, slug = str(lin.subject), Profile.objects.create(member=lin).slug
    contacts = [HOME, PHONE, HOME[:3], HOME[3:], MAIL, quote(MAIL), quote(quote(MAIL)), "林 巧稚", *ODD.values()]
    contacts += [*ODD, *(member.email for member in others)]
    tokens = [token, token.replace("-", ""), token[:18], token[18:], slug]
    ids = [str(lin.pk), "user_id", "Member", "会员", "用户", "id", "编号", "accounts/user/", "%2F", "#", "：", '": "']
    gaps = [
        " ",
        "-",
        ".",
        "·",
        "（",
        "\u3000",
        "—",
        "\n",
        "\x01",
        "\0",
        "\\",
        "\\你",
        "\\n",
        "\\u0031",
        "\\u4f60",
        "\\u002d",
    ]
    letters = [
        "x",
        "9",
        "１",
        "@",
        "＠",
        "%40",
        "%2540",
        "%",
        "@example.com",
        "ſ",
        "\u212a",
        "İ",
        "电话",
        "\ud800",
        "é",
    ]
    pieces = [*contacts, *tokens, *ids, *gaps, *letters]
    pieces += [spelled for piece in pieces for spelled in (piece.upper(), wide(piece))]
    chance = random.Random(5)
    texts = ["".join(chance.choices(pieces, k=chance.randrange(1, 7))) for _ in range(20000)]
    texts += [_respelled(chance.choice(contacts + tokens), chance) for _ in range(20000)]
    found = {i for find in (*traces.finders, traces.names) for i, _owners in among(texts, find)}
    assert 10_000 < len(found) < len(texts)
    assert found <= {i for i, text in enumerate(texts) if traces.sieve.keeps(encoded([text]), named=True)}
    assert traces.sieve.keeps(encoded(texts))


ODD = {"o'neil": "Kim Lee", "王芳": "买买提·艾力", "josé": "José Núñez", "kiſs": "ßen Öz", "i.k-s": "——", "0７": "ｱ ｲ"}


def _respelled(text: str, chance: random.Random) -> str:
    """Write each letter in one of the ways in which it is still the same."""
    ways = [
        lambda letter: letter,
        str.upper,
        wide,
        lambda letter: f"\\u{ord(letter):04x}",
        lambda letter: f"%{ord(letter):02x}" if letter.isascii() else letter,
        lambda letter: letter + chance.choice(["", " ", "-", "·", "　"]),
        lambda letter: {"s": "ſ", "k": "\u212a", "i": "ı"}.get(letter.lower(), letter),
    ]
    used = chance.sample(ways, 2)
    return "".join(chance.choice(used)(letter) if chance.random() < 0.2 else letter for letter in text)


# ── The database ──


@pytest.mark.parametrize(
    ("kind", "value"),
    ids=masked,
    argvalues=[
        ("text", MAIL),
        ("varchar(200)", MAIL),
        ("char(200)", MAIL),
        ("json", json.dumps({"a": [f"你\n{MAIL}"]})),
        ("jsonb", json.dumps({MAIL: 1})),
        ("text[]", [HOME, "x"]),
        ("jsonb[]", f'{{"\\"{MAIL}\\""}}'),
        ("bytea", f"电话：{HOME}".encode()),
        ("bytea", b"\xff\xfe" + MAIL.encode() + b"\0"),
        ("bytea[]", [b"x", MAIL.encode()]),
        ("xml", f"<a>{MAIL}</a>"),
    ],
)
def test_a_column_of_any_kind_in_a_table_that_no_model_knows_is_searched(lin, goes, kind, value):
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE stray (id int, said {kind})")
        cursor.execute(f"INSERT INTO stray VALUES (1, %s::{kind}), (2, NULL)", [value])
        goes("stray.said", lambda: cursor.execute("TRUNCATE stray"))


def test_a_table_of_another_schema_is_searched_and_a_partition_once(lin, goes):
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA archive CREATE TABLE letters (said text) PARTITION BY LIST (said)")
        cursor.execute("CREATE TABLE archive.some PARTITION OF archive.letters DEFAULT")
        cursor.execute("INSERT INTO archive.letters VALUES (%s)", [f"写给{MAIL}"])
        goes("archive.some.said", lambda: cursor.execute("DROP SCHEMA archive CASCADE"))


def test_the_numbers_of_a_member_that_a_column_holds_are_found_but_those_of_the_record_of_consent_stay(lin, goes):
    said = list(Acceptance.objects.values_list("subject_id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE stray (said uuid)")
        cursor.execute("INSERT INTO stray VALUES (%s)", [lin.subject])
        goes("stray.said", lambda: cursor.execute("TRUNCATE stray"))
    assert said == list(Acceptance.objects.values_list("subject_id", flat=True))


@pytest.mark.parametrize("row", [1, 12_000, 30_000])
def test_a_table_of_many_pages_is_searched_to_its_end(lin, goes, row):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE stray AS SELECT id, repeat('x', 100) AS said FROM generate_series(1, 30000) AS id")
        cursor.execute("UPDATE stray SET said = %s WHERE id = %s", [MAIL, row])
        goes("stray.said", lambda: cursor.execute("TRUNCATE stray"))


def test_a_table_is_searched_whatever_its_columns_are_called(lin, goes):
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE of_block (page int, pages int, line int, begins text, ends text, row int, size int)"
        )
        cursor.execute("INSERT INTO of_block VALUES (9, 9, 9, 'x', %s, 9)", [MAIL])
        goes("of_block.ends", lambda: cursor.execute("TRUNCATE of_block"))


def test_long_texts_are_read_a_few_at_a_time(lin, goes):
    """Of a table whose rows all fit into one page, but not what they say."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE stray AS SELECT id, repeat('-', 4) AS said FROM generate_series(1, 100) AS id")
        cursor.execute("""
            UPDATE stray SET said = (SELECT string_agg(md5((id * n)::text), ' ') FROM generate_series(1, 3000) AS n)
        """)
        cursor.execute("UPDATE stray SET said = said || %s WHERE id = 100", [f" {MAIL}"])
        cursor.execute("UPDATE stray SET said = said || %s WHERE id = 50", [" 电话"])
        [stray] = [table for table in tables.tables() if table.name == "stray"]
        read = [len(block) for block in blocks(stray, new_boundary())]
        assert max(read) < 1_000_000
        assert 9_900_000 < sum(read) < 10_000_000
        goes("stray.said", lambda: cursor.execute("TRUNCATE stray"))


def test_a_row_that_moves_before_it_is_looked_at_closely_is_found(lin):
    """It has no key but its place: when that is empty, every row is looked at."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE stray AS SELECT id, 'x' AS said FROM generate_series(1, 9) AS id")
        cursor.execute("UPDATE stray SET said = %s WHERE id = 5", [MAIL])
    moved = []

    def move(execute, sql, params, many, context):
        if "stray" in (said := repr(sql)) and "ANY" in said:
            with connection.cursor() as cursor:
                cursor.execute("UPDATE stray SET id = id")
                moved.append(cursor.rowcount)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(move):
        scan = residue.search(residue.Traces([lin]))
    assert moved == [9]
    assert scan.found[lin.pk]["stray.said"] == 1


def test_what_is_sealed_is_opened_and_what_no_key_opens_any_more_is_no_trace(lin, settings):
    make_case(member=make_member(), body=f"她的电话是 {HOME}")
    traces = residue.Traces([lin])
    assert residue.search(traces).found[lin.pk]["complaints_entry.body"] == 1
    settings.FIELD_KEYS = {"other": secrets.token_bytes(32)}
    assert "complaints_entry.body" not in residue.search(traces).found[lin.pk]


def test_only_the_column_that_the_inventory_declares_is_left_out(lin):
    """Another column of the same table is searched, and a column of that name elsewhere."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE consent_stray (subject_id uuid)")
    searched = {f"{table.name}.{name}" for table in tables.tables() for name, _kind in table.columns}
    assert "consent_acceptance.subject_id" not in searched
    assert {"consent_acceptance.sha256", "consent_stray.subject_id", "accounts_user.subject"} <= searched


def test_the_number_of_an_agreement_is_looked_for_although_the_channel_has_let_go_of_it(lin, goes, monkeypatch):
    token = make_payment_account(member=lin).token
    monkeypatch.setattr("accounts.closing.release", lambda member: member.payment_accounts.all().delete())
    group = Group.objects.create(name=f"协议 {token}")
    goes("auth_group.name", group.delete)
    assert Closure.objects.get().traces is None


# ── Files ──


def write(path: str, content: bytes = b"") -> Path:
    file = Path(settings.MEDIA_ROOT) / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    "path",
    [f"courses/{HOME}.jpg", f"courses/{MAIL}.tar.gz", f"{HOME}/a.jpg", f"exports/{quote(MAIL)}.zip"],
    ids=masked,
)
def test_the_name_of_a_file_or_directory_is_searched(lin, goes, path):
    file = write(path)

    def remove():
        file.unlink()
        file.parent.rmdir()

    goes("media.name", remove)


@pytest.mark.parametrize("name", ["a.txt", "a.JSON", "a.html", "a.csv", "a.md", "a.vtt", "a.srt"])
def test_what_a_file_of_text_says_is_searched(lin, goes, name):
    file = write(f"courses/{name}", f"第一行\n电话{HOME}\n".encode())
    goes("media.content", file.unlink)


def test_a_file_of_other_bytes_is_known_by_its_name_only(lin, now):
    for name in ("a.jpg", "a.zip"):
        write(name, MAIL.encode())
    assert purge(now).state == "done"


@pytest.mark.parametrize("before", [0, 1, 90, 95, 99, 100, 101])
def test_a_long_file_is_read_in_pieces_and_none_is_missed_or_made_up(lin, monkeypatch, before):
    monkeypatch.setattr(files, "PIECE", 100)
    traces = residue.Traces([lin])
    for text, is_there in ((HOME, True), (MAIL, True), (f"{HOME}9", False), (f"9{HOME}", False)):
        write("a.txt", (f"{'字' * before},{text},{'字' * 300}").encode())
        scan = residue.Scan()
        files.search(traces, scan)
        assert bool(scan.found) is is_there
    write("a.txt", f"{'x' * before} {HOME} {'x' * 1000}".encode("utf-16"))
    files.search(traces, scan := residue.Scan())
    assert scan.found[lin.pk] == {"media.content": 1}


# ── Redis ──


@pytest.fixture(params=["cache", "broker"])
def client(request):
    url = settings.REDIS_URL if request.param == "broker" else settings.CACHES["default"]["LOCATION"]
    with redis.Redis.from_url(url) as client:
        client.place = f"redis.{request.param}"
        yield client
        client.delete(*client.keys(f"*{WORD}*"), HOME)


MESSAGE = json.dumps({"body": base64.b64encode(json.dumps([[f"你{MAIL}"], {}]).encode()).decode(), "headers": {}})
KEEP = {
    "key": lambda client: client.set(f"{WORD}:{HOME}", 1),
    "string": lambda client: client.set(WORD, HOME),
    "list": lambda client: client.rpush(WORD, *["x"] * 450, HOME),
    "hash": lambda client: client.hset(WORD, "x", MAIL),
    "name in a hash": lambda client: client.hset(WORD, MAIL, "x"),
    "set": lambda client: client.sadd(WORD, MAIL),
    "sorted set": lambda client: client.zadd(WORD, {MAIL: 1}),
    "stream": lambda client: client.xadd(WORD, {"a": MAIL}),
    "json": lambda client: client.set(WORD, json.dumps({"电话": f"号码{HOME}"})),
    "pickle": lambda client: client.set(WORD, pickle.dumps({"said": f"{HOME}{'字' * 13}"})),
    "message": lambda client: client.lpush(WORD, MESSAGE),
    "message being worked on": lambda client: client.hset(WORD, "1", json.dumps([json.loads(MESSAGE), "", ""])),
}


@pytest.mark.parametrize("kind", KEEP)
def test_every_kind_of_value_is_searched(lin, client, kind):
    traces = residue.Traces([lin])
    KEEP[kind](client)
    caches.search(traces, scan := residue.Scan())
    assert scan.found[lin.pk] == {client.place: 1}
    assert scan.keys
    assert client.keys(f"*{WORD}*")


@pytest.mark.parametrize("said", [{"to": MAIL}, f"林 巧稚 {HOME}"], ids=["an address", "a name and a number"])
def test_what_our_own_cache_has_is_thrown_away_and_nothing_beside_it(lin, said):
    cache.set("late", said)
    cache.set(f"of:{HOME}", 1)
    cache.set("other", "13900139000")
    caches.search(residue.Traces([lin]), scan := residue.Scan())
    assert not scan.found
    assert not scan.names
    assert [cache.get(key) for key in ("late", f"of:{HOME}", "other")] == [None, None, "13900139000"]


def test_a_message_in_hand_keeps_a_closure_from_being_done(lin, goes):
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.hset(WORD, "1", MESSAGE)
        goes("redis.broker", lambda: client.delete(WORD))


def test_a_closure_is_done_although_a_cache_still_had_something(lin, now):
    cache.set("late", {"to": MAIL})
    assert purge(now).state == "done"
    assert cache.get("late") is None


def test_a_redis_that_does_not_answer_lets_everybody_wait(lin, now, monkeypatch):
    monkeypatch.setattr(caches, "_databases", lambda: {"redis://127.0.0.1:1/0": "redis.cache"})
    waiting = purge(now)
    assert (waiting.state, waiting.step, waiting.error) == ("verifying", "proof", "ConnectionError")
    assert not User.objects.filter(pk=lin.pk).exists()
    monkeypatch.undo()
    assert purge(waiting.next_attempt_at).state == "done"


def test_a_search_that_breaks_lets_everybody_wait_and_is_tried_once_a_sweep(lin, now, monkeypatch):
    services.close_account(member=make_member(), now=now - timedelta(days=8))
    searches = []

    def break_down(*_args):
        searches.append(1)
        raise RecursionError(MAIL)

    monkeypatch.setattr(files, "search", break_down)
    services.purge_due(now=now)
    assert set(Closure.objects.values_list("step", "error")) == {("proof", "Unsearchable: RecursionError")}
    assert len(searches) == 1


def test_a_search_that_breaks_after_long_is_tried_once_a_sweep_too(lin, now, monkeypatch):
    clock = count()
    monkeypatch.setattr(sweeps, "monotonic", lambda: next(clock) / 100 + 40 * len(searches))
    searches = []

    def break_down(*_args):
        searches.append(1)
        raise RecursionError(MAIL)

    monkeypatch.setattr(files, "search", break_down)
    services.purge_due(now=now)
    waiting = Closure.objects.get()
    assert len(searches) == 1
    assert waiting.next_attempt_at >= now + timedelta(seconds=40) + 2 * sweeps.FIRST_WAIT


# ── A batch ──


def test_what_is_left_of_one_keeps_nobody_else_of_the_batch(lin, now):
    Group.objects.create(name=MAIL)
    for member in (make_member(), make_member()):
        services.close_account(member=member, now=now - timedelta(days=8))
    assert services.purge_due(now=now) == 2
    assert Closure.objects.get(state="held").findings.get().place == "auth_group.name"


def test_a_thousand_are_looked_for_with_as_many_statements_as_one(lin):
    User.objects.bulk_create(User(email=f"{WORD}{n}@example.com", name=f"林 {n}") for n in range(100))
    asked = []
    for members in ([lin], list(User.objects.all())):
        with CaptureQueriesContext(connection) as queries:
            residue.search(residue.Traces(members))
        asked.append(len(queries))
    assert asked[0] == asked[1]


def test_a_scan_tells_how_much_it_has_searched(lin):
    write("a.jpg")
    cache.set("b", 1)
    scan = residue.search(residue.Traces([lin]))
    assert (scan.files, scan.keys > 0, scan.tables > 30, scan.columns > scan.tables) == (1, True, True, True)


# ── A search that fails in the middle ──


@pytest.fixture
def long_table(monkeypatch):
    """A table of many blocks, as if there were no other."""
    monkeypatch.setattr(database, "tables", lambda: [table for table in tables.tables() if table.name == "long"])
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE long AS SELECT repeat('x', 1000) AS said FROM generate_series(1, 20000)")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE long")


def failing_at(block: int, monkeypatch) -> None:
    sift, sifted = database._sifted, []

    def fail(*args, **kwargs):
        sifted.append(args)
        if len(sifted) == block:
            raise ZeroDivisionError
        return sift(*args, **kwargs)

    monkeypatch.setattr(database, "_sifted", fail)


def test_when_the_sieve_fails_in_the_middle_of_a_table_the_transaction_ends_and_the_connection_is_free(
    lin, long_table, monkeypatch
):
    failing_at(3, monkeypatch)
    with pytest.raises(residue.Unsearchable, match="ZeroDivisionError"), transaction.atomic():
        residue.search(residue.Traces([lin]), rows_only=True)
    assert User.objects.get() == lin


@pytest.mark.django_db(transaction=True)
def test_outside_of_a_transaction_too(lin, long_table, monkeypatch):
    failing_at(3, monkeypatch)
    with pytest.raises(residue.Unsearchable, match="ZeroDivisionError"):
        residue.search(residue.Traces([lin]), rows_only=True)
    assert User.objects.get() == lin


def test_when_the_database_gives_up_in_the_middle_of_a_table_the_search_says_so(lin, long_table, monkeypatch):
    traces, read_bytes = residue.Traces([lin]), blocks_of.read_bytes

    def slow(query):
        said = read_bytes(query)
        yield next(said)
        connection.connection.cancel_safe()
        yield from said

    monkeypatch.setattr(blocks_of, "read_bytes", slow)
    with pytest.raises(residue.Unsearchable, match="OperationalError"), transaction.atomic():
        residue.search(traces, rows_only=True)
    assert User.objects.get() == lin
