"""What staff see of courses and payments."""

from courses.admin.catalogue import CourseAdmin, LessonAdmin

__all__ = ["CourseAdmin", "LessonAdmin"]
