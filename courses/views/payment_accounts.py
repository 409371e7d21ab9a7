"""Saved payment accounts: which there are, saving one, forgetting one."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent import origin
from consent.asking import stays_open, stays_readable
from courses import services
from courses.forms import SaveAccountForm
from courses.models import Channel, Order, PaymentAccount
from courses.views.pages import member_of, state_answer


@stays_readable
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def payment_accounts(request: HttpRequest) -> HttpResponse:
    """List the saved accounts; saving one more begins with a consent of its own."""
    member, form = member_of(request), SaveAccountForm(request.POST or None)
    if form.is_valid():
        return redirect(
            services.open_agreement(
                member=member,
                channel=Channel.ALIPAY,
                documents=form.accepted_documents,
                origin=origin.of(request),
                now=timezone.now(),
            )
        )
    accounts = PaymentAccount.objects.for_member(member).shown()
    return render(request, "courses/payment_accounts.html", {"accounts": accounts, "form": form})


@stays_open
@login_required
@require_POST
def forget(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop using an account at once; its agreement is ended by the clock."""
    account = get_object_or_404(PaymentAccount.objects.for_member(member_of(request)), pk=pk)
    services.forget_account(account_id=account.pk, origin=origin.of(request), now=timezone.now())
    messages.success(request, "已停用这个支付账号，正在到支付渠道解约，随后删除凭据")
    return redirect("courses:payment_accounts")


@login_required
@require_safe
def signed(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a member who comes back from signing on to where they were going, once the channel has confirmed it."""
    member = member_of(request)
    account = PaymentAccount.objects.for_member(member).filter(pk=pk).first()
    if account is not None and account.state == PaymentAccount.State.SIGNING:
        services.look_for_signature(account_id=account.pk, now=timezone.now())
        return render(request, "courses/signing.html", {"account": account})
    if account is not None and account.is_live:
        messages.success(request, f"已保存 {account.label}")
    order = Order.objects.for_member(member).pending().filter(expires_at__gt=timezone.now()).newest_first().first()
    return redirect(order or "courses:payment_accounts")


@login_required
@require_safe
def signing_state(request: HttpRequest, pk: int) -> HttpResponse:
    """Tell the waiting page whether the channel has confirmed."""
    account = get_object_or_404(PaymentAccount.objects.for_member(member_of(request)), pk=pk)
    return state_answer(account.state)
