"""What a password may not be; each says why, in Chinese."""

from collections.abc import Iterable

from django.conf import settings
from django.contrib.auth.password_validation import MinimumLengthValidator
from django.core.exceptions import ValidationError

from accounts import favoured

FAVOURED = "这个密码很多人用过：它由常见的词、相邻的键、生日或有含义的数字拼成，请换一个"
OF_THE_SITE = "密码只是本站的名称加上数字，很容易被猜到，请换一个"
OWN = "密码里有您自己的手机号或邮箱，认识您的人很容易猜到，请换一个"
SITE = ("妇产科", "妇产科网", "fuchanke", "fuchankewang", "fuchankenet", "fuchankecom", "fck", "亚普拓", "yaputuo")
SHORTEST_NAME, SHORTEST_NUMBER = 4, 6  # what is shorter may stand in any password by chance
END_OF_NUMBER = 8  # digits by which a number is known, whatever country it is of


class LongEnough(MinimumLengthValidator):
    """Django's, whose sentence has no Chinese any more."""

    def get_error_message(self) -> str:
        return f"密码太短，至少要 {self.min_length} 位"

    def get_help_text(self) -> str:
        return f"至少 {self.min_length} 位"


class NotFavoured:
    """Refuses what Chinese users choose most, the site's own names with digits, and the member's own contacts."""

    def validate(self, password: str, user: object = None) -> None:
        refuse_own(password, filter(None, [getattr(user, "phone", None), getattr(user, "email", None)]))
        if favoured.is_one_of(password, (*SITE, settings.SITE_NAME)):
            raise ValidationError(OF_THE_SITE, code="of_the_site")
        if favoured.is_favoured(password):
            raise ValidationError(FAVOURED, code="favoured")

    def get_help_text(self) -> str:
        return "不要用常见的词、生日、连续的键或您的手机号、邮箱拼成密码"


def refuse_own(password: str, contacts: Iterable[str]) -> None:
    """Refuse a password that has the member's own number in it, or the name of their address and hardly more.

    :raises ValidationError: that says so
    """
    if any(_gives_away(favoured.bare(password), _own(contact)) for contact in contacts):
        raise ValidationError(OWN, code="own")


def _own(contact: str) -> str:
    name, at, _domain = contact.partition("@")
    return favoured.bare(name) if at else contact[-END_OF_NUMBER:]


def _gives_away(text: str, own: str) -> bool:
    if len(own) < SHORTEST_NAME or own not in text:
        return False
    if own.isdigit():  # a telephone or a QQ number stays one, whatever stands around it
        return len(own) >= SHORTEST_NUMBER
    return favoured.is_one_of(text, [own]) or favoured.is_favoured(text.replace(own, "a"))
