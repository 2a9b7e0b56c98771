"""What a code says, and that its picture is nothing but a picture."""

import xml.etree.ElementTree as ET

import pytest

from orders.models import PaymentAttempt
from orders.qr import qr_svg, qr_text

PAGE, TEXT, IMAGE = "https://pay.example/1", "weixin://wxpay/bizpayurl?pr=1", "https://pay.example/1.png"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"qrcode": TEXT}, TEXT),
        ({"qrcode": IMAGE, "qrcode_is_image": True}, PAGE),
        ({}, PAGE),
    ],
)
def test_what_it_says(fields, text):
    assert qr_text(PaymentAttempt(checkout_url=PAGE, **fields)) == text


@pytest.mark.parametrize("text", [TEXT, "https://pay.example/" + "x" * 1980])
def test_the_picture(text):
    root = ET.fromstring(qr_svg(text))
    assert {element.tag.split("}")[1] for element in root.iter()} == {"svg", "rect", "path"}
    assert not any(name in ("style", "href") or name.startswith("on") for e in root.iter() for name in e.attrib)


def test_two_texts_are_two_pictures():
    assert qr_svg(PAGE) == qr_svg(PAGE) != qr_svg(TEXT)
