"""The wallet: balance, adding credit, statement."""

from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from billing import selectors as usage
from billing.csv_lines import csv_response
from billing.low_balance import set_notice
from billing.models import LedgerEntry
from billing.rollups import rolled_until
from billing.statement import KINDS, USAGE, Cut, statement_csv, statement_page
from config.kernel.errors import DomainError
from config.kernel.money import format_usd
from orders import codes, ordering
from orders.access import page_url
from orders.models import Order
from orders.pages import selectors
from orders.pages.private_pages import is_too_often, too_often
from orders.pages.wallet_forms import NoticeForm, RedeemForm, TopUpForm
from tokens.sites import host_of


@login_required
@require_safe
def wallet(request: HttpRequest) -> HttpResponse:
    """Balance, ways to add credit, and the statement."""
    return _page(request)


@login_required
@require_POST
def top_up(request: HttpRequest) -> HttpResponse:
    """Make an order and go to its pay page."""
    user, form = _user(request), TopUpForm(request.POST, packages=selectors.top_ups_on_sale())
    if not form.is_valid():
        return _page(request, top_up=form, status=400)
    buyer = ordering.Buyer(user.email, user=user, is_known=True)
    if is_too_often(request, "place"):
        return too_often(request)
    chosen = {"package_code": form.cleaned_data["package"], "coupon_code": form.cleaned_data["coupon"]}
    origin = {"source_page": "wallet", "host": host_of(request)}
    try:
        order = ordering.place_order(kind=Order.Kind.TOP_UP, buyer=buyer, **chosen, **origin)
    except DomainError as error:
        form.add_error("coupon" if error.param == "couponCode" else None, error.message)
        return _page(request, top_up=form, status=error.status)
    return HttpResponseRedirect(page_url(order), status=303)


@login_required
@require_POST
def redeem(request: HttpRequest) -> HttpResponse:
    """Redeem a code."""
    user, form = _user(request), RedeemForm(request.POST)
    if not form.is_valid():
        return _page(request, redeem=form, status=400)
    try:
        address = get_adapter(request).get_client_ip(request)
        credit = codes.redeem(user=user, code=form.cleaned_data["code"], address=address)
    except DomainError as error:
        form.add_error("code", error.message)
        return _page(request, redeem=form, status=error.status)
    messages.success(request, _("%(credit)s added to your balance.") % {"credit": format_usd(credit)})
    return redirect("wallet")


@login_required
@require_POST
def notice(request: HttpRequest) -> HttpResponse:
    """Set or take away the notice of a low balance."""
    form = NoticeForm(request.POST)
    if not form.is_valid():
        return _page(request, notice=form, status=400)
    set_notice(user_id=_user(request).pk, below=form.cleaned_data["below"], host=host_of(request))
    messages.success(request, _("Notice saved."))
    return redirect("wallet")


@login_required
@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """The statement as a file."""
    lines = statement_csv(_user(request), zone=timezone.get_current_timezone(), kind=_kind(request))
    return csv_response(lines, name="statement")


def _page(request: HttpRequest, *, status: int = 200, **bound: forms.Form) -> HttpResponse:
    """The page, with the form that was refused instead of an empty one."""
    user = _user(request)
    packages = selectors.top_ups_on_sale()
    context = {
        "packages": packages,
        "top_up": TopUpForm(packages=packages, package=request.GET.get("package", "")),
        "redeem": RedeemForm(),
        "notice": NoticeForm(initial={"below": user.wallet.notify_below}),
        **_figures(user),
        **_statement(request, user),
        **bound,
    }
    return render(request, "orders/wallet.html", context, status=status)


def _figures(user: User) -> dict[str, Any]:
    zone = timezone.get_current_timezone()
    spend = usage.spend_of(user, now=timezone.now(), zone=zone, mark=rolled_until())
    return {"wallet": user.wallet, "funds": usage.funds_of(user, spend), "spend": spend}


def _statement(request: HttpRequest, user: User) -> dict[str, Any]:
    kind = _kind(request)
    page = statement_page(
        user,
        zone=timezone.get_current_timezone(),
        kind=kind,
        older=Cut.parse(request.GET.get("older", "")),
        newer=Cut.parse(request.GET.get("newer", "")),
    )
    references = (line.entry.reference for line in page.lines if line.entry)
    return {
        "kind": kind,
        "kinds": [*LedgerEntry.Kind.choices, (USAGE, _("Usage"))],
        "page": page,
        "order_numbers": selectors.own_numbers(user, references),
        "newer": page.newer and f"?{urlencode({'kind': kind, 'newer': str(page.newer)})}",
        "older": page.older and f"?{urlencode({'kind': kind, 'older': str(page.older)})}",
    }


def _kind(request: HttpRequest) -> str:
    asked = request.GET.get("kind", "")
    return asked if asked in KINDS else ""


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
