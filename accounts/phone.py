"""Mobile numbers: read as people write them, kept as E.164, shown with their middle hidden."""

import phonenumbers
from phonenumbers import PhoneNumberType

HOME = "CN"
MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}


class NotAMobileNumber(ValueError):
    """The text is no number that can receive an SMS."""


def normalised(text: str) -> str:
    """Return the E.164 form; a number without a country code is one of the mainland.

    :raises NotAMobileNumber: when no SMS could ever arrive there
    """
    try:
        number = phonenumbers.parse(text, HOME)
    except phonenumbers.NumberParseException:
        raise NotAMobileNumber from None
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in MOBILE:
        raise NotAMobileNumber
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def masked(phone: str | None) -> str:
    """Show enough of a number for its owner to know it: 138****0001, +852 ****4567."""
    if not phone:
        return ""
    if phone.startswith("+86"):
        return f"{phone[3:6]}****{phone[-4:]}"
    country = phonenumbers.parse(phone).country_code
    return f"+{country} ****{phone[-4:]}"


def masked_email(email: str | None) -> str:
    """Show enough of an address for its owner to know it: d***r@example.com."""
    if not email:
        return ""
    name, _, host = email.partition("@")
    return f"{name[0]}***{name[-1] if len(name) > 1 else ''}@{host}"
