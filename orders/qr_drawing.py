"""Text as a QR code, ready for an SVG: scripts, styles and pictures from elsewhere are not needed. Pure."""

from dataclasses import dataclass

from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

_QUIET = 4  # modules of margin that scanners want


@dataclass(frozen=True, slots=True)
class QrDrawing:
    """A square of `size` modules, and the dark ones as the `d` of an SVG path."""

    size: int
    path: str


def draw_qr(text: str) -> QrDrawing:
    """The smallest code that holds the text."""
    code = QRCode(error_correction=ERROR_CORRECT_M, border=_QUIET)
    code.add_data(text)
    code.make(fit=True)
    rows = code.get_matrix()
    dark = ((x, y) for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
    return QrDrawing(len(rows), "".join(f"M{x} {y}h1v1h-1z" for x, y in dark))
