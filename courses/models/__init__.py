"""What is sold and learned."""

from courses.models.catalogue import Course, Lesson
from courses.models.media import Media

__all__ = ["Course", "Lesson", "Media"]
