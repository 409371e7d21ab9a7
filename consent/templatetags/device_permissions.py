"""The card that offers a device permission, on any page that could use it."""

from typing import Any

from django import template

from consent import permissions

register = template.Library()


@register.inclusion_tag("consent/_permission_card.html", takes_context=True)
def permission_card(context: dict[str, Any], kind: str, *, in_form: bool = False) -> dict[str, Any]:
    """Show the card; nothing when the permission is open on this device, or was refused in the last 90 days."""
    card = permissions.card_context(context["request"], kind)
    return {"card": card, "csrf_token": context.get("csrf_token"), "in_form": in_form}
