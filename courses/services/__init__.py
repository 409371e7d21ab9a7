"""What can be done with courses."""

from courses.services.catalogue import cards, may_read, price

__all__ = ["cards", "may_read", "price"]
