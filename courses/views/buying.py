"""From a course to the cashier."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent import origin
from consent.asking import stays_open
from courses import services
from courses.forms import PayForm
from courses.gateways import Device
from courses.models import Course, Enrollment, Order
from courses.views.pages import member_of

SORRY = {
    services.NotPayable: "这个订单不能再付款了，下面是它现在的状态",
    services.PaymentUnderWay: "正在用保存的支付账号扣款，请等结果出来",
    services.AccountNotLive: "这个支付账号已经不能用了，请换一种方式付款",
}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def buy(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what is bought, for how much, and what the refund rule is; then order and pay."""
    course = get_object_or_404(Course.objects.published(), slug=slug)
    member = member_of(request)
    if Enrollment.objects.live().for_member(member).filter(course=course).exists():
        return _owned_already(request, course)
    form = PayForm(request.POST or None, member=member)
    if form.is_valid():
        try:
            order = services.place_order(member=member, course=course, now=timezone.now())
        except services.AlreadyOwned:
            return _owned_already(request, course)
        return _pay(request, order, form)
    context = {
        "course": course,
        "form": form,
        "price": services.price(course.price_fen),
        "rule": Order.REFUND_TIME.days,
    }
    return render(request, "courses/buy.html", context)


def _owned_already(request: HttpRequest, course: Course) -> HttpResponse:
    messages.info(request, "您已经买过这门课程，可以直接学习")
    return redirect(course)


@login_required
@require_POST
def pay(request: HttpRequest, number: str) -> HttpResponse:
    """Pay an order that waits: anew, or in another way."""
    member = member_of(request)
    order = get_object_or_404(Order.objects.for_member(member), number=number)
    form = PayForm(request.POST, member=member)
    if form.is_valid():
        return _pay(request, order, form)
    for problem in form.errors.values():
        messages.error(request, str(problem[0]))
    return redirect(order)


def _pay(request: HttpRequest, order: Order, form: PayForm) -> HttpResponse:
    """Lead the buyer to where they pay, or sign; to the order when there is nothing for them to do."""
    try:
        return redirect(_next_step(request, order, form))
    except tuple(SORRY) as problem:
        messages.warning(request, SORRY[type(problem)])
        return redirect(order)


def _next_step(request: HttpRequest, order: Order, form: PayForm) -> str:
    now = timezone.now()
    if form.account_id is not None:
        services.pay_with_account(order_id=order.pk, account_id=form.account_id, now=now)
        return order.get_absolute_url()
    if form.saves_account:
        documents, seen_from = form.accepted_documents, origin.of(request)
        return services.open_agreement(
            member=member_of(request), channel=form.channel, documents=documents, origin=seen_from, now=now
        )
    device = Device.PHONE if "Mobi" in request.headers.get("User-Agent", "") else Device.DESKTOP
    return services.start_payment(order_id=order.pk, channel=form.channel, device=device, now=now)


@stays_open
@login_required
@require_safe
def returned(request: HttpRequest, number: str) -> HttpResponse:
    """Take a buyer who comes back from the cashier to their order; what the address says is not believed."""
    order = get_object_or_404(Order.objects.for_member(member_of(request)), number=number)
    services.look_for_payment(order_id=order.pk, now=timezone.now())
    return redirect(order)
