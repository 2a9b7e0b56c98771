"""Pay pages: an order, how to pay it, and the key that it bought. A signed address proves who may look."""

from urllib.parse import urlencode, urlsplit

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config.client_address import client_address
from config.kernel.errors import DomainError
from config.rate_limits import seconds_to_wait
from orders import delivering
from orders.access import find_order, order_of, page_token, page_url
from orders.models import Delivery, Order
from orders.ordering import cancel_order
from orders.pages.forms import FindForm
from orders.pages.pay_pages import PayPage, pay_page_of, unfinished_attempt
from orders.pages.private_pages import is_too_often, private, too_often
from orders.payments import polling
from orders.payments.paying import start_payment

_SEEN = "orders"  # signed addresses of the orders that this browser has opened, in its session, by number
_REMEMBERED = 20


# ── Getting there ────────────────────────────────────────────────────────────


@private
@require_safe
def open_pay_page(request: HttpRequest, kind: str) -> HttpResponse:
    """`?orderNo=…&contactEmail=…` to the order's own address, which has no e-mail in it."""
    if is_too_often(request, "guess"):
        return too_often(request)
    number = request.GET.get("orderNo", "")
    order = find_order(kind=kind, number=number, email=request.GET.get("contactEmail", ""))
    if order is None:
        return _find_page(request, FindForm(initial={"number": number}), status=404, is_lost=bool(number))
    return _go_to(request, order)


@private
@require_http_methods(["GET", "HEAD", "POST"])
def find(request: HttpRequest) -> HttpResponse:
    """An order by its number and e-mail. A wrong pair and an unknown order are the same answer."""
    if request.method != "POST":
        return _find_page(request, FindForm(initial={"number": request.GET.get("number", "")}))
    if is_too_often(request, "guess"):
        return too_often(request)
    form = FindForm(request.POST)
    if not form.is_valid():
        return _find_page(request, form)
    number = form.cleaned_data["number"].strip().upper()
    if seconds_to_wait("order", number):
        return too_often(request)
    order = find_order(kind=number[:3], number=number, email=form.cleaned_data["email"])
    return _go_to(request, order) if order else _find_page(request, form, is_lost=True)


@private
@require_safe
def pay_return(request: HttpRequest, number: str) -> HttpResponse:
    """Where a gateway sends the buyer back to: the order's page, in the browser that had opened it."""
    token = request.session.get(_SEEN, {}).get(number)
    order = order_of(token) if token else None
    if order is None:
        return _find_page(request, FindForm(initial={"number": number}), is_return=True)
    return HttpResponseRedirect(page_url(order))


def _find_page(request: HttpRequest, form: FindForm, *, status: int = 200, **more: bool) -> HttpResponse:
    return render(request, "orders/find.html", {"form": form, **more}, status=status)


def _go_to(request: HttpRequest, order: Order) -> HttpResponse:
    _remember(request, order)
    return HttpResponseRedirect(page_url(order), status=303)


def _remember(request: HttpRequest, order: Order) -> None:
    seen = request.session.get(_SEEN, {})
    if order.number not in seen:
        seen[order.number] = page_token(order)
        request.session[_SEEN] = dict(list(seen.items())[-_REMEMBERED:])


# ── The page ─────────────────────────────────────────────────────────────────


@private
@require_http_methods(["GET", "HEAD", "POST"])
def pay_page(request: HttpRequest, token: str, kind: str) -> HttpResponse:
    """An order and how to pay it. A POST of `provider` (a short name) starts a payment there."""
    order = _order(token)
    if order.kind != kind:
        raise Http404
    _remember(request, order)
    if request.method == "POST":
        return _start(request, order)
    return _pay_page(request, pay_page_of(order, slug=request.GET.get("via", "")))


def _start(request: HttpRequest, order: Order) -> HttpResponse:
    slug = request.POST.get("provider", "")
    try:
        attempt = start_payment(order, slug=slug, client_ip=str(client_address(request) or ""))
    except DomainError as error:
        order.refresh_from_db()
        return _pay_page(request, pay_page_of(order, slug=slug), refusal=error.message, chosen=slug)
    return _back(order, via=attempt.account.slug)


def _pay_page(request: HttpRequest, page: PayPage, **more: str) -> HttpResponse:
    return _drawn(request, "orders/pay.html", page, **more)


def _drawn(request: HttpRequest, template: str, page: PayPage, **more: str) -> HttpResponse:
    via = page.attempt.account.slug if page.attempt else ""
    chosen = via or next((account.slug for account in page.providers), "")
    context = {"page": page, "order": page.order, "token": page_token(page.order), "via": via, "chosen": chosen}
    response = render(request, template, context | more)
    if page.attempt is not None and page.attempt.qrcode_is_image:
        address = urlsplit(page.attempt.qrcode)
        response._csp_update = {"img-src": [f"{address.scheme}://{address.netloc}"]}  # type: ignore[attr-defined]
    return response


@private
@require_safe
def pay_status(request: HttpRequest, token: str) -> HttpResponse:
    """The part of the page that changes, or 204 as long as it looks as in `?seen=…`."""
    page = pay_page_of(_order(token), slug=request.GET.get("via", ""))
    if request.GET.get("seen") == page.version:
        return HttpResponse(status=204)
    return _drawn(request, "orders/pay/_panel.html", page)


@private
@require_POST
def check(request: HttpRequest, token: str) -> HttpResponse:
    """Ask the gateway now instead of in a few seconds."""
    order = _order(token)
    attempt = unfinished_attempt(order)
    if attempt is not None and not seconds_to_wait("check", order.number):
        polling.poll(attempt)
        order.refresh_from_db()
    if order.status == Order.Status.PENDING:
        messages.info(request, _("No payment has arrived yet. This page goes on looking by itself."))
    return _back(order, via=request.POST.get("via", ""))


@private
@require_POST
def cancel(request: HttpRequest, token: str) -> HttpResponse:
    """End an order that nobody has paid."""
    order = _order(token)
    if not cancel_order(order):
        messages.warning(request, _("This order can't be cancelled any more."))
    return _back(order)


@private
@require_POST
def resend(request: HttpRequest, token: str) -> HttpResponse:
    """Send the mail about a paid order again."""
    order = _order(token)
    delivery = Delivery.objects.filter(order=order).select_related("order", "token").first()
    if delivery is None:
        raise Http404
    if seconds_to_wait("resend", order.number):
        messages.warning(request, _("The mail was sent a moment ago. Please look into your spam folder as well."))
    elif delivering.resend(delivery):
        messages.success(request, _("The mail is on its way again."))
    else:
        messages.error(request, _("The mail could not be sent now. We go on trying by ourselves."))
    return _back(order)


def _order(token: str) -> Order:
    order = order_of(token)
    if order is None:
        raise Http404
    return order


def _back(order: Order, *, via: str = "") -> HttpResponse:
    query = f"?{urlencode({'via': via})}" if via else ""
    return HttpResponseRedirect(page_url(order) + query, status=303)


# ── The key, once ────────────────────────────────────────────────────────────


@private
@require_POST
def show_key(request: HttpRequest, token: str) -> HttpResponse:
    """The key of a purchase, once, to the browser that waited for the payment."""
    order = _order(token)
    key = delivering.reveal_on_page(order)
    if key is None:
        messages.warning(request, _("The key has been shown here before. The link in the mail still shows it once."))
        return _back(order)
    delivery = Delivery.objects.select_related("token__group").get(order=order)
    return _key_page(request, delivery, key, back=page_url(order))


@private
@require_http_methods(["GET", "HEAD", "POST"])
def reveal(request: HttpRequest, link: str) -> HttpResponse:
    """The link in the mail: a button, then the key, once. A GET shows nothing: mail scanners follow links."""
    delivery = delivering.delivery_of(link)
    key = delivering.reveal_by_link(delivery) if delivery is not None and request.method == "POST" else None
    if delivery is None or (key is None and request.method == "POST"):
        return render(request, "orders/key_gone.html", status=410)
    if key is None:
        return render(request, "orders/key_ready.html", {"order": delivery.order})
    return _key_page(request, delivery, key)


def _key_page(request: HttpRequest, delivery: Delivery, key: str, *, back: str = "") -> HttpResponse:
    context = {"order": delivery.order, "token": delivery.token, "api_key": key, "back": back}
    return render(request, "orders/key.html", context)
