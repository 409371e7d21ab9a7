"""What can be done with courses."""

from courses.services.catalogue import cards, may_read, price
from courses.services.folders import add_course, add_demo_courses

__all__ = ["add_course", "add_demo_courses", "cards", "may_read", "price"]
