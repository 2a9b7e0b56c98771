"""Buying a first plan, topping up by key, and what a key has used: for everybody, with or without an account."""

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from config.client_address import client_address
from config.kernel.errors import DomainError
from orders.access import page_url
from orders.coupons import CouponRefused
from orders.keys import KeyRefused
from orders.models import Order, Package
from orders.ordering import Buyer, place_order
from orders.pages.by_key import credit_of_token, forget_key, prove_key, proved_token, statement_of
from orders.pages.forms import KeyForm, KeyTopUpForm, PurchaseForm
from orders.pages.offers import Offer, offer_of, plan_on_sale
from orders.pages.private_pages import is_too_often, private, too_often
from orders.pages.selectors import top_ups_on_sale
from tokens.models import Token
from tokens.sites import host_of

PREVIEW = "preview"  # the button that only shows what a coupon takes off


# ── A first purchase ─────────────────────────────────────────────────────────


@private
@require_http_methods(["GET", "HEAD", "POST"])
def buy(request: HttpRequest, code: str) -> HttpResponse:
    """Order a first-purchase plan; whoever is signed in buys for their account."""
    plan = plan_on_sale(code)
    if plan is None:
        return render(request, "orders/off_sale.html", status=404)
    user = _user(request)
    if request.method != "POST":
        return _buy_page(request, PurchaseForm(initial={"email": user.email if user else ""}), Offer(plan))
    form = PurchaseForm(request.POST)
    if _is_complete(request, form):
        buyer = Buyer(form.cleaned_data["email"], user=user, is_known=user is not None)
        answer = _ordered(request, form, Order.Kind.PURCHASE, buyer, plan.code)
        if answer is not None:
            return answer
    return _buy_page(request, form, _offer(form, plan))


def _buy_page(request: HttpRequest, form: PurchaseForm, offer: Offer) -> HttpResponse:
    return render(request, "orders/buy.html", {"form": form, "offer": offer})


def _is_complete(request: HttpRequest, form: PurchaseForm) -> bool:
    """Whether there is all that an order needs. Who only wants to see what a coupon takes off need say no more."""
    if PREVIEW not in request.POST:
        return form.is_valid()
    form.errors.pop("email", None)
    return False


def _offer(form: PurchaseForm, package: Package) -> Offer:
    """The price with the coupon typed so far, which need not be a good one."""
    try:
        return offer_of(package, str(form.data.get("coupon", "")).replace("\0", ""))
    except CouponRefused as error:
        if "coupon" not in form.errors:
            form.refuse(error)
        return Offer(package)


def _ordered(
    request: HttpRequest, form: PurchaseForm, kind: Order.Kind, buyer: Buyer, package_code: str
) -> HttpResponse | None:
    """On to the new order's pay page; None when the form now says why not."""
    if is_too_often(request, "place"):
        return too_often(request)
    coupon = form.cleaned_data["coupon"]
    try:
        order = place_order(
            kind=kind,
            buyer=buyer,
            package_code=package_code,
            coupon_code=coupon,
            source_page=request.path,
            host=host_of(request),
        )
    except DomainError as error:
        form.refuse(error)
        return None
    return HttpResponseRedirect(page_url(order), status=303)


def _user(request: HttpRequest) -> User | None:
    return None if isinstance(request.user, AnonymousUser) else request.user


# ── By key ───────────────────────────────────────────────────────────────────


@private
@require_http_methods(["GET", "HEAD", "POST"])
def top_up(request: HttpRequest) -> HttpResponse:
    """Top up whatever key is pasted: first the key, then the package. `?package=…` chooses one beforehand."""
    token = proved_token(request.session)
    if "api_key" in request.POST:
        return _prove(request, "orders/top_up_key.html")
    if token is None:
        return render(request, "orders/top_up_key.html", {"form": KeyForm()})
    if request.method == "POST":
        return _top_up(request, token)
    user = _user(request)  # of the key's owner nothing is told: whoever has a key need not know whose it is
    initial = {"package": request.GET.get("package", ""), "email": user.email if user else ""}
    return _top_up_page(request, KeyTopUpForm(initial=initial, packages=top_ups_on_sale()), token)


def _top_up(request: HttpRequest, token: Token) -> HttpResponse:
    form = KeyTopUpForm(request.POST, packages=top_ups_on_sale())
    if _is_complete(request, form):
        buyer = Buyer(form.cleaned_data["email"], user=token.user, token=token, is_known=True)
        answer = _ordered(request, form, Order.Kind.TOP_UP, buyer, form.cleaned_data["package"])
        if answer is not None:
            return answer
    chosen = next((package for package in form.packages if package.code == request.POST.get("package")), None)
    return _top_up_page(request, form, token, _offer(form, chosen) if chosen else None)


def _top_up_page(request: HttpRequest, form: KeyTopUpForm, token: Token, offer: Offer | None = None) -> HttpResponse:
    context = {"form": form, "key": token, "credit": credit_of_token(token), "offer": offer}
    return render(request, "orders/top_up.html", context)


@private
@require_http_methods(["GET", "HEAD", "POST"])
def key_usage(request: HttpRequest) -> HttpResponse:
    """What a pasted key has used."""
    if request.method == "POST":
        return _prove(request, "orders/key_usage_form.html")
    token = proved_token(request.session)
    if token is None:
        return render(request, "orders/key_usage_form.html", {"form": KeyForm()})
    return render(request, "orders/key_usage.html", {"statement": statement_of(token), "key": token})


def _prove(request: HttpRequest, template: str) -> HttpResponse:
    """Take the key from the form and come back without it."""
    if is_too_often(request, "guess"):
        return too_often(request)
    form = KeyForm(request.POST)
    if form.is_valid():
        try:
            prove_key(request.session, form.cleaned_data["api_key"], address=client_address(request))
        except KeyRefused as error:
            form.add_error("api_key", error.message)
    if form.errors:
        return render(request, template, {"form": form})
    return HttpResponseRedirect(request.get_full_path(), status=303)


@private
@require_POST
def other_key(request: HttpRequest) -> HttpResponse:
    """Forget the key that was pasted."""
    forget_key(request.session)
    return redirect("key-usage" if request.POST.get("next") == "key-usage" else "top-up")
