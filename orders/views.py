"""Pay pages."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from orders.access import find_order, order_of, page_url

_SEEN = "orders"  # numbers of the orders that this browser has opened, in its session


@require_safe
def open_pay_page(request: HttpRequest, kind: str) -> HttpResponse:
    """`?orderNo=…&contactEmail=…` to the order's own address, which has no e-mail in it."""
    order = find_order(kind=kind, number=request.GET.get("orderNo", ""), email=request.GET.get("contactEmail", ""))
    if order is None:
        raise Http404
    _remember(request, order.number)
    response = HttpResponseRedirect(page_url(order), status=303)
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_safe
def pay_page(request: HttpRequest, token: str, kind: str) -> HttpResponse:
    """An order and how to pay it."""
    order = order_of(token)
    if order is None or order.kind != kind:
        raise Http404
    _remember(request, order.number)
    return render(request, "orders/pay.html", {"order": order})


@require_safe
def pay_return(request: HttpRequest, number: str) -> HttpResponse:
    """Where a gateway sends the buyer back to: the order's page, in the browser that had opened it."""
    token = request.session.get(_SEEN, {}).get(number)
    order = order_of(token) if token else None
    if order is None:
        raise Http404
    return HttpResponseRedirect(page_url(order))


@require_http_methods(["GET", "POST"])
def reveal(request: HttpRequest, link: str) -> HttpResponse:
    """The key of a purchase, shown once."""
    raise Http404


def _remember(request: HttpRequest, number: str) -> None:
    from orders.access import page_token
    from orders.models import Order

    seen = request.session.get(_SEEN, {})
    seen[number] = page_token(Order(number=number))
    request.session[_SEEN] = dict(list(seen.items())[-20:])
