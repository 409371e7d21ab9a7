"""What is sold and learned, and how it is paid."""

from courses.models.catalogue import Course, Lesson
from courses.models.events import PaymentEvent
from courses.models.media import Media
from courses.models.orders import Enrollment, Order
from courses.models.payment_accounts import Channel, PaymentAccount, fingerprint_of
from courses.models.payments import Payment, Refund

__all__ = [
    "Channel",
    "Course",
    "Enrollment",
    "Lesson",
    "Media",
    "Order",
    "Payment",
    "PaymentAccount",
    "PaymentEvent",
    "Refund",
    "fingerprint_of",
]
