"""QR codes of payments as SVG: what to draw, the address where a picture is, and the view that draws it."""

import qrcode
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe
from qrcode.image.svg import SvgPathFillImage

from orders.access import page_url
from orders.models import PaymentAttempt
from tokens.sites import brand_at

_SALT = "orders.qr"
_FOR_EVER = "public, max-age=31536000, immutable"


def checkout_url(attempt: PaymentAttempt) -> str:
    """Where to pay. Without an address of the gateway, as after a payment that needed none, the order's own page."""
    return attempt.checkout_url or brand_at(attempt.order.host).site_url + page_url(attempt.order)


def qrcode_url(attempt: PaymentAttempt) -> str:
    """A picture of what to scan: the gateway's own where it has one, else ours."""
    if attempt.qrcode_is_image:
        return attempt.qrcode
    return brand_at(attempt.order.host).site_url + reverse("payment-qr", args=[_signer().sign(attempt.number)])


def qr_text(attempt: PaymentAttempt) -> str:
    """What a code of this payment says: the gateway's text, or else the address to pay at."""
    return attempt.qrcode if attempt.qrcode and not attempt.qrcode_is_image else checkout_url(attempt)


def qr_svg(text: str) -> bytes:
    """A picture without script or style, dark on white whatever is around it. Raises DataOverflowError (2953 bytes)."""
    code = qrcode.make(text, image_factory=SvgPathFillImage, error_correction=qrcode.constants.ERROR_CORRECT_L)
    picture: bytes = code.to_string()
    return picture


@require_safe
def draw(request: HttpRequest, token: str) -> HttpResponse:
    """The code of the payment that a signed address names. It never changes: an attempt is set up once."""
    try:
        number = _signer().unsign(token)
    except signing.BadSignature:
        raise Http404 from None
    attempt = PaymentAttempt.objects.select_related("order").filter(number=number).first()
    if attempt is None:
        raise Http404
    return HttpResponse(qr_svg(qr_text(attempt)), content_type="image/svg+xml", headers={"Cache-Control": _FOR_EVER})


def _signer() -> signing.Signer:
    return signing.Signer(salt=_SALT, sep="~")
