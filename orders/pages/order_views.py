"""Orders of one's own: the list, one order, cancelling it, its receipt."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from orders import ordering
from orders.models import Order
from orders.pages import selectors
from orders.pages.selectors import OrderDetails
from orders.pages.wording import sentence_of, tone_of
from tokens.sites import brand_at


@login_required
@require_safe
def orders(request: HttpRequest) -> HttpResponse:
    """Orders, filtered by status and page by page."""
    asked = request.GET.get("status", "")
    status = asked if asked in Order.Status.values else ""
    page = selectors.order_page(
        _user(request),
        now=timezone.now(),
        status=status,
        older=request.GET.get("older", ""),
        newer=request.GET.get("newer", ""),
    )
    context = {
        "page": page,
        "status": status,
        "statuses": Order.Status.choices,
        "newer": page.newer and "?" + urlencode({"status": status, "newer": page.newer}),
        "older": page.older and "?" + urlencode({"status": status, "older": page.older}),
    }
    return render(request, "orders/orders.html", context)


@login_required
@require_safe
def order(request: HttpRequest, number: str) -> HttpResponse:
    """One order: terms, history, payments, refunds."""
    details = _details(request, number)
    context = {
        "details": details,
        "order": details.order,
        "history": [(event.created_at, sentence_of(event), tone_of(event)) for event in reversed(details.events)],
    }
    return render(request, "orders/order.html", context)


@login_required
@require_safe
def receipt(request: HttpRequest, number: str) -> HttpResponse:
    """What a paid order has cost, to be printed."""
    details = _details(request, number)
    if details.paid is None:
        raise Http404
    seller = brand_at(details.order.host)
    return render(request, "orders/receipt.html", {"details": details, "order": details.order, "seller": seller})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, number: str) -> HttpResponse:
    """GET asks once more; POST cancels an order that nobody has paid."""
    details = _details(request, number)
    if request.method != "POST":
        return render(request, "orders/cancel.html", {"order": details.order})
    if ordering.cancel_order(details.order, actor_id=_user(request).pk):
        messages.success(request, _("Order %(number)s is cancelled.") % {"number": number})
    else:
        messages.error(request, _("This order can't be cancelled any more."))
    return redirect("order", number=number)


def _details(request: HttpRequest, number: str) -> OrderDetails:
    details = selectors.order_details(_user(request), number, now=timezone.now())
    if details is None:
        raise Http404
    return details


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
