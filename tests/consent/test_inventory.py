"""The inventory counts a member's rows and erases them, whatever points where."""

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Q
from django.test.utils import isolate_apps

from accounts.models import User
from consent import inventory
from consent.inventory import DELETE, after, new_reference
from tests.factories import make_member

GONE = {"clause": "五2", "purpose": "测试", "owner": "member", "on_close": DELETE}
KEPT = {**GONE, "on_close": {"member": None, "reference": new_reference}, "kept": {"total"}, "because": "一部法律"}


class Specimen(models.Model):
    class Meta:
        abstract = True
        app_label = "consent"


def member_key(**options):
    return models.ForeignKey(User, models.CASCADE, related_name="+", **options)


def key(to, **options):
    return models.ForeignKey(to, models.CASCADE, related_name="+", **options)


def forget_what_is_known():
    inventory.entries.cache_clear()
    inventory._count_of_somebody.cache_clear()


@pytest.fixture
def tables(db, monkeypatch):
    """Make real tables for models that a test defines."""
    with isolate_apps("consent") as registry:
        monkeypatch.setattr(inventory, "apps", registry)
        forget_what_is_known()
        yield lambda *made: _create(*made)
    forget_what_is_known()


def _create(*made):
    with connection.schema_editor() as editor:
        for model in made:
            editor.create_model(model)


def promises(**said):
    return type("PersonalData", (), {**GONE, **said})


def erase(*members):
    return inventory.erase(member_ids=[member.pk for member in members])


def test_rows_go_with_their_member_and_nobody_elses(tables, alice, bob):
    class Note(Specimen):
        member = member_key()
        PersonalData = promises()

    tables(Note)
    Note.objects.create(member=alice)
    kept = Note.objects.create(member=bob)
    assert erase(alice) == {"consent.Note": 1}
    assert Note.objects.get() == kept


def test_a_row_is_found_through_other_rows(tables, alice, bob):
    class Page(Specimen):
        member = member_key()
        PersonalData = promises()

    class Line(Specimen):
        page = key(Page)
        PersonalData = promises(owner="page__member")

    class Word(Specimen):
        line = key(Line)
        PersonalData = promises(owner="line__page__member")

    tables(Page, Line, Word)
    for member in (alice, bob):
        Word.objects.create(line=Line.objects.create(page=Page.objects.create(member=member)))
    assert erase(alice) == {"consent.Page": 1, "consent.Line": 1, "consent.Word": 1}
    assert [model.objects.count() for model in (Page, Line, Word)] == [1, 1, 1]


def test_a_kept_row_loses_its_member_and_gets_a_reference_of_its_own(tables, alice, bob):
    class Book(Specimen):
        member = member_key(null=True)
        total = models.IntegerField()
        reference = models.UUIDField(null=True)
        PersonalData = promises(**KEPT)

    tables(Book)
    for member in (alice, alice, bob):
        Book.objects.create(member=member, total=19900)
    erase(alice)
    kept = Book.objects.filter(member=None)
    assert [book.total for book in kept] == [19900, 19900]
    assert len({book.reference for book in kept}) == 2
    assert None not in {book.reference for book in kept}
    assert Book.objects.get(member=bob).reference is None


def test_an_answer_to_a_row_that_goes_stays_and_points_nowhere(tables, alice, bob):
    class Remark(Specimen):
        member = member_key()
        answers = key("self", null=True)
        PersonalData = promises()

    tables(Remark)
    first = Remark.objects.create(member=alice)
    Remark.objects.create(member=alice, answers=first)
    answer = Remark.objects.create(member=bob, answers=first)
    erase(alice)
    assert Remark.objects.get() == answer
    assert Remark.objects.get().answers is None


def test_links_of_a_row_that_goes_are_cut_from_both_sides(tables, alice, bob):
    class Tag(Specimen):
        member = member_key()
        PersonalData = promises()

    class Text(Specimen):
        member = member_key()
        tags = models.ManyToManyField(Tag, related_name="+")
        PersonalData = promises()

    tables(Tag, Text)
    alices, bobs = (Tag.objects.create(member=member) for member in (alice, bob))
    for member in (alice, bob):
        Text.objects.create(member=member).tags.add(alices, bobs)
    erase(alice)
    assert list(Text.objects.get().tags.all()) == [bobs]


def test_a_kept_row_lets_go_of_a_row_that_goes(tables, alice):
    class Account(Specimen):
        member = member_key()
        PersonalData = promises()

    class Payment(Specimen):
        account = key(Account, null=True)
        PersonalData = None

    tables(Account, Payment)
    Payment.objects.create(account=Account.objects.create(member=alice))
    erase(alice)
    assert Payment.objects.get().account is None


def test_two_models_may_point_at_each_other_when_one_key_is_nullable(tables, alice):
    class Thread(Specimen):
        member = member_key()
        last = key("Post", null=True)
        PersonalData = promises()

    class Post(Specimen):
        thread = key(Thread)
        PersonalData = promises(owner="thread__member")

    tables(Thread, Post)
    thread = Thread.objects.create(member=alice)
    thread.last = Post.objects.create(thread=thread)
    thread.save()
    assert erase(alice) == {"consent.Thread": 1, "consent.Post": 1}


def test_what_a_person_of_the_staff_did_for_others_stays_without_them(tables, alice, bob):
    class Answer(Specimen):
        member = member_key()
        answered_by = member_key(null=True)
        PersonalData = promises(actors={"answered_by"})

    tables(Answer)
    Answer.objects.create(member=alice, answered_by=bob)
    erase(bob)
    assert Answer.objects.get().member == alice
    assert Answer.objects.get().answered_by is None


def test_a_key_that_would_dangle_fails_before_the_transaction_ends(tables, alice):
    class Gone(Specimen):
        member = member_key()
        PersonalData = promises()

    class Staying(Specimen):
        gone = key(Gone)
        PersonalData = None

    tables(Gone, Staying)
    Staying.objects.create(gone=Gone.objects.create(member=alice))
    with pytest.raises(IntegrityError), transaction.atomic():
        erase(alice)
    assert Gone.objects.count() == 1


def test_erasing_takes_as_many_statements_for_twenty_members_as_for_one(db, django_assert_num_queries):
    single, many = make_member(), [make_member() for _ in range(20)]
    with connection.execute_wrapper(statements := Statements()):
        erase(single)
    one = statements.count
    with connection.execute_wrapper(statements := Statements()):
        erase(*many)
    assert statements.count == one


def test_rows_of_every_kind_are_counted_in_one_query(tables, alice, bob, django_assert_num_queries):
    class Note(Specimen):
        member = member_key()
        PersonalData = promises()

    class Line(Specimen):
        note = key(Note)
        PersonalData = promises(owner="note__member", title="行")

    tables(Note, Line)
    for member in (alice, alice, bob):
        Line.objects.create(note=Note.objects.create(member=member))
    Line.objects.create(note=Note.objects.first())
    with django_assert_num_queries(1):
        counted = inventory.counts(member_id=alice.pk)
    assert {(entry.name, n) for entry, n in counted} == {("note", 2), ("行", 3)}
    assert inventory.tallies(member_ids=[bob.pk, alice.pk])[bob.pk] == {"consent.Note": 1, "consent.Line": 1}


def test_a_member_is_told_of_the_rows_that_are_shown_and_all_of_them_go(tables, alice, bob):
    class Note(Specimen):
        member = member_key()
        is_said = models.BooleanField()
        PersonalData = promises(shown=Q(is_said=True))

    tables(Note)
    for is_said in (True, False, False):
        Note.objects.create(member=alice, is_said=is_said)
    Note.objects.create(member=bob, is_said=False)
    assert [(entry.name, n) for entry, n in inventory.counts(member_id=alice.pk)] == [("note", 1)]
    assert inventory.counts(member_id=bob.pk) == []
    assert inventory.tallies(member_ids=[alice.pk])[alice.pk] == {"consent.Note": 1}
    assert erase(alice) == {"consent.Note": 1}
    assert Note.objects.get().member == bob


def test_each_members_rows_are_counted_as_they_are_carried_out_whatever_way_leads_to_them(tables, alice, bob):
    class Book(Specimen):
        member = member_key()
        PersonalData = promises()

    class Page(Specimen):
        book = key(Book)
        PersonalData = promises(owner="book__member")

    class Known(Specimen):
        subject = models.ForeignKey(User, models.DO_NOTHING, to_field="subject", db_constraint=False, related_name="+")
        PersonalData = promises(owner="subject")

    class Bill(Specimen):
        member = member_key(null=True)
        reference = models.UUIDField(null=True)
        total = models.IntegerField(default=1)
        PersonalData = type("PersonalData", (), KEPT)

    tables(Book, Page, Known, Bill)
    for member, pages in ((alice, 2), (bob, 3)):
        book = Book.objects.create(member=member)
        Page.objects.bulk_create([Page(book=book) for _ in range(pages)])
        Known.objects.create(subject=member)
        Bill.objects.create(member=member)
    carol = make_member()
    Page.objects.create(book=Book.objects.create(member=carol))
    alike = {"consent.Book": 1, "consent.Known": 1, "consent.Bill": 1}
    told = inventory.carry_out(member_ids=[alice.pk, bob.pk])
    assert told == {alice.pk: {**alike, "consent.Page": 2}, bob.pk: {**alike, "consent.Page": 3}}
    assert [page.book.member for page in Page.objects.all()] == [carol]
    assert set(Bill.objects.values_list("member", flat=True)) == {None}
    assert not Known.objects.exists()


def test_before_a_kind_is_emptied_all_others_are_counted_and_gone(tables, alice, bob):
    class Proof(Specimen):
        member = member_key(null=True)
        PersonalData = promises(on_close={"member": None}, kept={"id"})

    class Note(Specimen):
        member = member_key()
        PersonalData = promises()

    tables(Proof, Note)
    for kind in (Proof, Note, Note):
        kind.objects.create(member=alice)
    told = []

    def before(had):
        told.append((had[alice.pk].copy(), had[bob.pk].copy(), Note.objects.count(), Proof.objects.get().member))

    inventory.carry_out(member_ids=[alice.pk, bob.pk], before={Proof: before})
    assert told == [({"consent.Note": 2, "consent.Proof": 1}, {}, 0, alice)]
    assert Proof.objects.get().member is None


def test_a_term_is_told_from_the_date_it_runs_from(tables):
    class Book(Specimen):
        member = member_key(null=True)
        paid_at = models.DateTimeField("付款时间")
        PersonalData = promises(on_close={"member": None}, kept={"paid_at"}, until=after("paid_at", years=3))

    assert inventory.entries()[0].kept_for == "自付款时间起 3 年"


class Statements:
    """Counts what is sent to the database."""

    def __init__(self):
        self.count = 0

    def __call__(self, execute, *args):
        self.count += 1
        return execute(*args)
