"""What can be done with courses: showing them, selling them, taking them back."""

from courses.services.catalogue import cards, may_read, price
from courses.services.folders import add_course, add_demo_courses
from courses.services.orders import (
    AlreadyOwned,
    NotCancellable,
    NotRefundable,
    cancel_order,
    expire_due_orders,
    give_back,
    give_back_all,
    place_order,
)
from courses.services.payment_accounts import (
    confirm_agreement,
    forget_account,
    open_agreement,
    tend_due_accounts,
    tend_now,
)
from courses.services.payment_accounts import look_soon as look_for_signature
from courses.services.payments import (
    AccountNotLive,
    NotPayable,
    PaymentUnderWay,
    pay_with_account,
    query_silent_payments,
    start_payment,
    submit_due_debits,
)
from courses.services.payments import look_soon as look_for_payment
from courses.services.refunds import retry_refunds, submit_due_refunds
from courses.services.settling import (
    apply_stranded_notices,
    receive_notice,
    resolve_suspects,
    settle,
)

__all__ = [
    "AccountNotLive",
    "AlreadyOwned",
    "NotCancellable",
    "NotPayable",
    "NotRefundable",
    "PaymentUnderWay",
    "add_course",
    "add_demo_courses",
    "apply_stranded_notices",
    "cancel_order",
    "cards",
    "confirm_agreement",
    "expire_due_orders",
    "forget_account",
    "give_back",
    "give_back_all",
    "look_for_payment",
    "look_for_signature",
    "may_read",
    "open_agreement",
    "pay_with_account",
    "place_order",
    "price",
    "query_silent_payments",
    "receive_notice",
    "resolve_suspects",
    "retry_refunds",
    "settle",
    "start_payment",
    "submit_due_debits",
    "submit_due_refunds",
    "tend_due_accounts",
    "tend_now",
]
