"""What a person sees: the page to pay on, its QR code, and a list of what there is to pay."""

from html import escape
from pathlib import Path
from string import Template

import qrcode
from qrcode.image.svg import SvgPathImage

from .money import readable
from .state import Payment, Status
from .till import Call, Gateway
from .web import HTML, Refused, Response, redirect

FOLDER = Path(__file__).with_name("templates")
LABELS = {
    "xunhupay": "xunhupay",
    "epay": "EPay",
    "epay-v2": "EPay V2",
    "stripe": "Stripe Checkout",
}
STATES = {
    Status.PAID: "Paid. You can close this page.",
    Status.WAITING: "The payment is on its way.",
    Status.FAILED: "The payment failed.",
    Status.CLOSED: "The merchant has closed this payment.",
    Status.EXPIRED: "The time to pay is over.",
}
POLICY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:",
    "Cache-Control": "no-store",
}
LISTED = 50


async def home(gateway: Gateway, call: Call) -> Response:
    """GET /: the latest payments."""
    latest = list(gateway.state.payments.values())[: -LISTED - 1 : -1]
    rows = "".join(_fill("row.html", payment) for payment in latest)
    empty = "" if rows else _file("empty.html")
    return _page("Payments", Template(_file("home.html")).substitute(rows=rows, empty=empty))


async def show(gateway: Gateway, call: Call) -> Response:
    """GET /pay/{id}"""
    payment = gateway.refresh(gateway.state.payment(call.params["id"]))
    declined = "declined" in call.request.arguments()
    return _page(payment.title, _payment_page(payment, declined=declined))


async def choose(gateway: Gateway, call: Call) -> Response:
    """POST /pay/{id}: what the customer clicked."""
    payment = gateway.state.payment(call.params["id"])
    choice = call.request.form().get("choice", "")
    if choice in ("pay", "wrong"):
        gateway.pay(payment, amount=wrong_amount(payment) if choice == "wrong" else None)
        return redirect(gateway.dialects[payment.merchant.protocol].return_url(payment) or f"/pay/{payment.id}")
    if choice == "cancel":
        return redirect(payment.cancel_url or payment.return_url or f"/pay/{payment.id}")
    return redirect(f"/pay/{payment.id}?declined=")


async def picture(gateway: Gateway, call: Call) -> Response:
    """GET /qr/{id}: the address of the page as a QR code."""
    payment = gateway.state.payment(call.params["id"])
    image = qrcode.make(f"{gateway.public_url}/pay/{payment.id}", image_factory=SvgPathImage)
    return Response(
        image.to_string(encoding="utf-8"), content_type="image/svg+xml", headers={"Cache-Control": "no-store"}
    )


async def style(gateway: Gateway, call: Call) -> Response:
    """GET /style.css"""
    return Response(_file("style.css").encode(), content_type="text/css; charset=utf-8")


def refusal(refused: Refused) -> Response:
    """A page that says no."""
    body = Template(_file("refusal.html")).substitute(message=escape(refused.message))
    return _page("Sorry", body, refused.status)


def wrong_amount(payment: Payment) -> int:
    """Half of what is asked for; of one cent, two."""
    return payment.amount // 2 or 2


def _payment_page(payment: Payment, *, declined: bool) -> str:
    if payment.status == Status.OPEN:
        notice = _file("declined.html") if declined else ""
        part = _fill("buttons.html", payment)
    else:
        notice, part = "", Template(_file("settled.html")).substitute(state=STATES[payment.status])
    return _fill("pay.html", payment, part=part, notice=notice)


def _fill(name: str, payment: Payment, **parts: str) -> str:
    """A template filled in with this payment; `parts` are HTML already."""
    merchant = payment.merchant
    values = {
        "id": payment.id,
        "title": payment.title,
        "merchant": merchant.name,
        "initial": merchant.name[:1].upper(),
        "protocol": LABELS[merchant.protocol],
        "reference": payment.reference or payment.id,
        "status": payment.status.value,
        "amount": readable(payment.amount, payment.currency),
        "wrong": readable(wrong_amount(payment), payment.currency),
    }
    return Template(_file(name)).substitute({key: escape(value) for key, value in values.items()}, **parts)


def _page(title: str, content: str, status: int = 200) -> Response:
    body = Template(_file("base.html")).substitute(page_title=escape(title), content=content)
    return Response(body.encode(), status, HTML, POLICY)


def _file(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
