"""A site's logo as text: an SVG drawing, or a PNG as a data address. Pure; refuses what could do more than be seen."""

import base64
import binascii
import re
from typing import Final
from xml.etree import ElementTree

MAX_LENGTH: Final = 40_000
_PNG: Final = "data:image/png;base64,"
_PNG_START: Final = b"\x89PNG\r\n\x1a\n"
_SHAPES: Final = frozenset(
    {"svg", "g", "path", "circle", "ellipse", "line", "polygon", "polyline", "rect", "title", "desc", "defs", "use"}
    | {"lineargradient", "radialgradient", "stop", "clippath", "mask", "text", "tspan", "symbol"}
)


def clean_logo(text: str) -> str:
    """The logo without blanks around it. Raises ValueError with a sentence for whoever entered it."""
    text = text.strip()
    if len(text) > MAX_LENGTH:
        raise ValueError(f"The logo is longer than {MAX_LENGTH} characters.")
    if text.startswith(_PNG):
        _check_png(text.removeprefix(_PNG))
    elif text:
        _check_svg(text)
    return text


def _check_png(encoded: str) -> None:
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("The data address is not valid base64.") from None
    if not decoded.startswith(_PNG_START):
        raise ValueError("The data address holds no PNG picture.")


def _check_svg(text: str) -> None:
    # Entities are how a small XML text grows without end, so no document type at all.
    if "<!doctype" in text.lower() or "<!entity" in text.lower():
        raise ValueError("The drawing must not declare a document type.")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - without a document type there is nothing to expand
    except ElementTree.ParseError:
        raise ValueError("The logo is neither an SVG drawing nor a PNG as a data address.") from None
    if _local(root.tag) != "svg":
        raise ValueError("The logo is neither an SVG drawing nor a PNG as a data address.")
    for element in root.iter():
        _check_element(element)


def _check_element(element: "ElementTree.Element") -> None:
    tag = _local(element.tag)
    if tag not in _SHAPES:
        raise ValueError(f"The drawing must not hold <{tag}>.")
    for name, value in element.attrib.items():
        bare = _local(name)
        leads_out = bare == "href" and not value.startswith("#")
        if bare.startswith("on") or leads_out or re.search(r"url\(\s*['\"]?(?!#)|javascript:", value, re.IGNORECASE):
            raise ValueError(f"The drawing must not hold {bare}=“{value[:40]}”.")


def _local(name: object) -> str:
    return str(name).rpartition("}")[2].lower()
