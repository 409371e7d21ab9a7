"""What staff see of courses and payments."""

from courses.admin.catalogue import CourseAdmin, LessonAdmin
from courses.admin.orders import (
    EnrollmentAdmin,
    OrderAdmin,
    PaymentAccountAdmin,
    PaymentAdmin,
    PaymentEventAdmin,
    RefundAdmin,
)
from courses.admin.waiting import waiting

__all__ = [
    "CourseAdmin",
    "EnrollmentAdmin",
    "LessonAdmin",
    "OrderAdmin",
    "PaymentAccountAdmin",
    "PaymentAdmin",
    "PaymentEventAdmin",
    "RefundAdmin",
    "waiting",
]
