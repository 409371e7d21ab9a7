"""Which passwords are refused, and in what words, wherever one is chosen."""

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError

from accounts import favoured
from accounts.models import User
from accounts.validators import FAVOURED, OF_THE_SITE, OWN, NotFavoured
from tests.accounts.test_signing_in import LOGIN, PASSWORD
from tests.factories import last_code, make_member, make_phone_member

ENOUGH = "tR7 kq92 mVxz"


def refusal(password: str, user: object = None) -> str:
    try:
        NotFavoured().validate(password, user)
    except ValidationError as reason:
        return reason.message
    return ""


@pytest.mark.parametrize(
    "password",
    [
        *("woaini1314", "woaini5201314", "Woaini@1314", "5201314520a", "iloveyou1314", "woaiwojia888", "我爱你5201314"),
        *("a123456789", "aa123456789", "abc123456789", "asd123456789", "qwer123456", "a1b2c3d4123"),
        *("qwertyuiop", "1qaz2wsx3edc", "zaq12wsx123", "1234qwerasdf", "lkjhgfdsa123", "0okm9ijn8uhb", "q1w2e3r4t5"),
        *("wang19900101", "19900101wang", "li19881212", "zhangwei1990", "baobao20150618", "wangli880101"),
        *("password123", "P@ssw0rd2024", "beijing2008", "yisheng2024", "mima123456", "a13800138000", "aaaaaaaaaa"),
    ],
)
def test_what_everybody_chooses_is_refused(password):
    assert refusal(password) == FAVOURED


@pytest.mark.parametrize(
    "password", ["妇产科123456", "妇产科网2024!!", "fuchanke888888", "FuChanKe.2024", "20240101fck"]
)
def test_the_sites_own_name_with_digits_is_refused(password):
    assert refusal(password) == OF_THE_SITE


@pytest.mark.parametrize(
    ("password", "phone", "email"),
    [
        ("li13900139007", "+8613900139007", None),
        ("my 139-0013-9007 phone", "+8613900139007", None),
        ("wo51234567wo", "+85251234567", None),
        ("zhuyilin83749205", None, "zhuyilin@example.com"),
        ("zhu.yilin5201314", None, "zhu.yilin@example.com"),
        ("kexue302918377", None, "302918377@example.com"),
    ],
)
def test_the_members_own_number_or_address_is_refused(password, phone, email):
    assert refusal(password, User(phone=phone, email=email)) == OWN
    assert refusal(password, User(phone="+8613700137000", email="somebody@example.com")) != OWN


@pytest.mark.parametrize(
    "password",
    [PASSWORD, ENOUGH, "a brand new password", "wang83749205", "yueliangdaibiaowodexin", "xk29fjw0al", "a" * 41 + "z"],
)
def test_what_nobody_else_would_choose_is_taken(password):
    assert refusal(password, User(phone="+8613900139007", email="lin@example.com")) == ""


def test_the_list_is_read_once():
    assert favoured.pieces() is favoured.pieces()
    assert len(favoured.pieces()) > 3000


# Wherever a password is chosen


def said(answer) -> list[str]:
    return answer.context["form"].errors.get("password1", [])


@pytest.fixture
def carol(db):
    return make_phone_member(phone="+8613800138000")


@pytest.mark.parametrize(
    ("weak", "reason"), [("wang19900101", FAVOURED), ("fuchanke888888", OF_THE_SITE), ("li13900139007", OWN)]
)
def test_it_is_refused_beside_the_field_at_sign_up(client, documents, weak, reason):
    answer = client.post("/account/signup/", {"by": "phone", "phone": "139 0013 9007", "password1": weak})
    assert reason in said(answer)
    assert reason in answer.content.decode()
    assert not User.objects.exists()


def test_the_name_of_ones_address_is_refused_at_sign_up(client, documents):
    asked = {"by": "email", "email": "zhuyilin@example.com", "password1": "zhuyilin83749205"}
    assert OWN in said(client.post("/account/signup/", asked))


@pytest.mark.parametrize(
    ("weak", "reason"), [("wang19900101", FAVOURED), ("fuchanke888888", OF_THE_SITE), ("li13800138000", OWN)]
)
def test_it_is_refused_when_a_password_is_changed(client, carol, weak, reason):
    client.post(LOGIN, {"login": carol.phone, "password": PASSWORD})
    asked = {"oldpassword": PASSWORD, "password1": weak}
    assert said(client.post("/account/password/change/", asked)) == [reason]
    carol.refresh_from_db()
    assert carol.check_password(PASSWORD)


@pytest.mark.parametrize(
    ("weak", "reason"), [("wang19900101", FAVOURED), ("fuchanke888888", OF_THE_SITE), ("dorathea83749205", OWN)]
)
def test_it_is_refused_when_a_forgotten_one_is_replaced_by_mail(client, db, weak, reason):
    member = make_member(email="dorathea@example.com")
    EmailAddress.objects.create(user=member, email=member.email, verified=True, primary=True)
    client.post("/account/password/reset/", {"login": member.email})
    answer = client.post("/account/password/reset/confirm/", {"code": last_code(member.email)}, follow=True)
    page = answer.redirect_chain[-1][0]
    assert said(client.post(page, {"password1": weak})) == [reason]
    client.post(page, {"password1": ENOUGH})
    member.refresh_from_db()
    assert member.check_password(ENOUGH)


@pytest.mark.parametrize(
    ("weak", "reason"), [("wang19900101", FAVOURED), ("fuchanke888888", OF_THE_SITE), ("li13800138000", OWN)]
)
def test_it_is_refused_to_who_sets_a_first_one(client, carol, weak, reason):
    carol.set_unusable_password()
    carol.save()
    client.post("/account/login/code/", {"login": carol.phone})
    client.post("/account/login/code/confirm/", {"code": last_code(carol.phone)})
    assert said(client.post("/account/password/set/", {"password1": weak})) == [reason]
    client.post("/account/password/set/", {"password1": ENOUGH})
    carol.refresh_from_db()
    assert carol.check_password(ENOUGH)
