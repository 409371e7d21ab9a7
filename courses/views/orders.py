"""A member's orders: how they stand, and what can be done about them."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent.asking import stays_open, stays_readable
from courses import services
from courses.forms import PayForm
from courses.models import Order
from courses.standing import Standing
from courses.views.pages import member_of, state_answer

PER_PAGE = 20
LOOKS = {
    Order.Status.PENDING: "badge--warn",
    Order.Status.PAID: "badge--ok",
    Order.Status.CLOSED: "badge--off",
    Order.Status.REFUNDED: "badge--off",
}


def _mine(request: HttpRequest, number: str) -> Order:
    orders = Order.objects.for_member(member_of(request)).select_related("course")
    return get_object_or_404(orders, number=number)


@stays_readable
@login_required
@require_safe
def order(request: HttpRequest, number: str) -> HttpResponse:
    """Show how an order stands, and what can be done next."""
    shown, now = _mine(request, number), timezone.now()
    standing = Standing.of(shown, now=now)
    context = {
        "order": shown,
        "standing": standing,
        "price": services.price(shown.total_fen),
        "refundable": services.price(shown.refundable_fen(now)),
        "look": LOOKS[Order.Status(shown.status)],
        "form": PayForm(member=member_of(request)) if standing.can_pay else None,
    }
    return render(request, "courses/order.html", context)


@stays_open
@login_required
@require_safe
def order_state(request: HttpRequest, number: str) -> HttpResponse:
    """Tell the order's page whether it is still true."""
    return state_answer(Standing.of(_mine(request, number), now=timezone.now()).mark)


@stays_open
@login_required
@require_POST
def cancel_order(request: HttpRequest, number: str) -> HttpResponse:
    """Close an order that is not paid."""
    shown = _mine(request, number)
    try:
        services.cancel_order(order_id=shown.pk, now=timezone.now())
    except services.NotCancellable:
        messages.warning(request, "这个订单不能取消，下面是它现在的状态")
    else:
        messages.success(request, "订单已取消")
    return redirect(shown)


@stays_open
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def give_back(request: HttpRequest, number: str) -> HttpResponse:
    """Say what giving a course back means, then do it."""
    shown, now = _mine(request, number), timezone.now()
    if request.method == "POST":
        try:
            services.give_back(order_id=shown.pk, now=now)
        except services.NotRefundable:
            messages.warning(request, "这个订单不能退课，下面是它现在的状态")
        return redirect(shown)
    amount = shown.refundable_fen(now)
    if not amount:
        return redirect(shown)
    return render(request, "courses/give_back.html", {"order": shown, "refundable": services.price(amount)})


@stays_open
@login_required
@require_POST
def give_back_all(request: HttpRequest) -> HttpResponse:
    """Give back whatever can be given back, before leaving, and lead back to that page."""
    owed = services.give_back_all(member=member_of(request), now=timezone.now())
    if owed:
        messages.success(request, f"已退课，{services.price(owed)} 元将退回原来的付款渠道")
    else:
        messages.info(request, "没有可以退的课程了")
    return redirect("accounts:close")


@stays_open
@login_required
@require_safe
def my_orders(request: HttpRequest) -> HttpResponse:
    """List a member's orders with what each would give back today."""
    mine = Order.objects.for_member(member_of(request)).newest_first()
    page, now = Paginator(mine, PER_PAGE).get_page(request.GET.get("page")), timezone.now()
    rows = [
        {
            "order": one,
            "price": services.price(one.total_fen),
            "refundable": services.price(fen) if (fen := one.refundable_fen(now)) else "",
            "look": LOOKS[Order.Status(one.status)],
        }
        for one in page
    ]
    return render(request, "courses/orders.html", {"rows": rows, "page": page})
