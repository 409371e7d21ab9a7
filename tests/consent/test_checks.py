"""`manage.py check` speaks up for whatever the inventory would not know."""

import pytest
from django.db import models
from django.test.utils import isolate_apps

from accounts.models import User
from consent import checks, inventory
from consent.fields import KeyedHashField, SealedCharField
from consent.inventory import DELETE, after


class Specimen(models.Model):
    class Meta:
        abstract = True
        app_label = "consent"


def member_key(**options):
    return models.ForeignKey(User, models.CASCADE, related_name="+", **options)


def promises(**said):
    """Say everything that must be said, for a model that goes with its member, except what the test says otherwise."""
    everything = {"clause": "五2", "purpose": "测试", "owner": "member", "on_close": DELETE, **said}
    return type("PersonalData", (), {name: value for name, value in everything.items() if value is not ...})


@pytest.fixture
def isolated(monkeypatch):
    with isolate_apps("consent") as registry:
        monkeypatch.setattr(inventory, "apps", registry)
        inventory.entries.cache_clear()
        yield registry
    inventory.entries.cache_clear()


def found(registry) -> list[str]:
    problems = checks.inventory_is_complete([registry.get_app_config("consent")])
    return [problem.id for problem in problems]


def test_the_portal_itself_has_no_gap():
    assert checks.inventory_is_complete(None) == []
    assert checks.inventory_has_an_order() == []


def test_a_model_that_says_everything_passes(isolated):
    class Spoken(Specimen):
        member = member_key()
        PersonalData = promises()

    assert found(isolated) == []


def test_a_silent_model_is_refused(isolated):
    class Silent(Specimen):
        word = models.TextField()

    assert found(isolated) == ["inventory.E001"]


def test_a_model_of_another_package_is_refused_when_it_has_a_key_to_the_member(isolated):
    class Foreign(Specimen):
        user = member_key()

    Foreign._meta.app_label = "somebody_else"
    assert found(isolated) == ["inventory.E001"]


def test_a_model_of_another_package_that_knows_no_member_may_be_silent(isolated):
    class Foreign(Specimen):
        word = models.TextField()

    Foreign._meta.app_label = "somebody_else"
    assert found(isolated) == []


@pytest.mark.parametrize("telling", [member_key, lambda: SealedCharField(max_length=9), KeyedHashField])
def test_a_model_cannot_say_it_holds_nothing_while_a_field_tells_of_a_person(isolated, telling):
    class Denying(Specimen):
        field = telling()
        PersonalData = None

    assert found(isolated) == ["inventory.E002"]


@pytest.mark.parametrize("missing", ["clause", "purpose", "owner", "on_close"])
def test_a_declaration_must_be_whole(isolated, missing):
    class Halfway(Specimen):
        member = member_key()
        PersonalData = promises(**{missing: ...})

    assert found(isolated) == ["inventory.E003"]


def test_every_key_to_the_member_is_the_owner_or_an_actor(isolated):
    class Answered(Specimen):
        member = member_key()
        answered_by = member_key(null=True)
        PersonalData = promises()

    assert found(isolated) == ["inventory.E004"]
    Answered.PersonalData = promises(actors={"answered_by"})
    assert found(isolated) == []


@pytest.mark.parametrize("said", [{"until": ...}, {"because": ...}])
def test_what_is_kept_says_until_when_and_why(isolated, said):
    class Kept(Specimen):
        member = member_key(null=True)
        ended_at = models.DateTimeField()
        PersonalData = promises(**(KEPT | said))

    assert found(isolated) == ["inventory.E005"]


KEPT = {
    "on_close": {"member": None},
    "kept": {"ended_at"},
    "until": after("ended_at", years=3),
    "because": "电子商务法 第三十一条",
}


def test_each_field_of_a_kept_row_is_kept_or_emptied_by_name(isolated):
    class Kept(Specimen):
        member = member_key(null=True)
        ended_at = models.DateTimeField()
        remark = models.TextField()
        PersonalData = promises(**KEPT)

    assert found(isolated) == ["inventory.E006"]


@pytest.mark.parametrize("telling", [SealedCharField(max_length=9), KeyedHashField(), models.FileField()])
def test_a_kept_row_keeps_nothing_that_names_its_member(isolated, telling):
    class Kept(Specimen):
        member = member_key(null=True)
        ended_at = models.DateTimeField()
        remark = telling.clone()
        PersonalData = promises(**(KEPT | {"kept": {"ended_at", "remark"}}))

    assert found(isolated) == ["inventory.E007"]


def test_a_kept_row_cannot_keep_its_member(isolated):
    class Kept(Specimen):
        member = member_key(null=True)
        ended_at = models.DateTimeField()
        PersonalData = promises(**(KEPT | {"on_close": {}, "kept": {"ended_at", "member"}}))

    assert found(isolated) == ["inventory.E007"]


def test_a_row_that_stays_cannot_point_at_a_row_that_goes(isolated):
    class Gone(Specimen):
        member = member_key()
        PersonalData = promises()

    class Staying(Specimen):
        gone = models.ForeignKey(Gone, models.CASCADE, related_name="+")
        PersonalData = None

    assert found(isolated) == ["inventory.E008"]


def test_a_row_that_stays_may_point_there_when_its_key_can_be_emptied(isolated):
    class Gone(Specimen):
        member = member_key()
        PersonalData = promises()

    class Staying(Specimen):
        gone = models.ForeignKey(Gone, models.SET_NULL, null=True, related_name="+")
        PersonalData = None

    assert found(isolated) == []


def test_two_models_cannot_both_go_before_the_other(isolated):
    class Hen(Specimen):
        member = member_key()
        egg = models.ForeignKey("Egg", models.CASCADE, related_name="+")
        PersonalData = promises()

    class Egg(Specimen):
        member = member_key()
        hen = models.ForeignKey(Hen, models.CASCADE, related_name="+")
        PersonalData = promises()

    assert [problem.id for problem in checks.inventory_has_an_order()] == ["inventory.E009"]


@pytest.mark.parametrize("owner", ["pk", "nobody", "word", "other", "other__word", ""])
def test_an_owner_must_lead_to_the_member(isolated, owner):
    class Other(Specimen):
        word = models.TextField()
        PersonalData = None

    class Lost(Specimen):
        word = models.TextField()
        other = models.ForeignKey(Other, models.CASCADE, related_name="+")
        PersonalData = promises(owner=owner)

    assert found(isolated) == ["inventory.E010"]
    assert checks.inventory_has_an_order() == []


@pytest.mark.parametrize("said", [{"kept": {"ended_at", "never"}}, {"until": after("never", years=3)}])
def test_a_declaration_speaks_only_of_fields_that_are_there(isolated, said):
    class Kept(Specimen):
        member = member_key(null=True)
        ended_at = models.DateTimeField()
        PersonalData = promises(**(KEPT | said))

    assert found(isolated) == ["inventory.E011"]


def test_a_key_that_cannot_be_null_cannot_be_emptied(isolated):
    class Kept(Specimen):
        member = member_key()
        ended_at = models.DateTimeField()
        PersonalData = promises(**KEPT)

    class Answered(Specimen):
        member = member_key()
        answered_by = member_key()
        PersonalData = promises(actors={"answered_by"})

    assert found(isolated) == ["inventory.E012", "inventory.E012"]
