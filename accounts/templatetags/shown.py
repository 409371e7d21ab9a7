"""What machines write, as a person reads it."""

import phonenumbers
from django import template

register = template.Library()

# Most browsers claim to be Chrome and Safari as well: whoever is named first here is meant.
BROWSERS = {
    "MicroMessenger": "微信",
    "HuaweiBrowser": "华为浏览器",
    "MiuiBrowser": "小米浏览器",
    "QQBrowser": "QQ 浏览器",
    "Edg": "Edge",
    "Firefox": "Firefox",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "HarmonyOS": "鸿蒙",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS": "Mac",
    "Linux": "Linux",
}


@register.filter
def device(user_agent: str) -> str:
    """Return the likes of "Chrome，Windows"; what is unknown stays unsaid."""
    known = [next((name for sign, name in names.items() if sign in user_agent), "") for names in (BROWSERS, SYSTEMS)]
    return "，".join(filter(None, known)) or "未知的浏览器"


@register.filter
def phone(e164: str | None) -> str:
    """Write a number in groups: 138 0013 8000, +852 5123 4567."""
    if not e164:
        return ""
    number = phonenumbers.parse(e164)
    spaced = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return spaced.removeprefix("+86 ")
