"""The string of a redemption code: `K7QF-2MXT-9HBD-RW4E`, the last character being a check. Pure.

The check character finds every single wrong character and every swap of two, so typing errors need no database.
"""

import secrets
from typing import Final

from orders.numbers import ALPHABET

LENGTH: Final = 16
GROUP: Final = 4
_VALUES: Final = {letter: value for value, letter in enumerate(ALPHABET)}
_IGNORED: Final = str.maketrans("", "", "-‐‑‒–—_ \t\r\n\u3000\u00a0")  # what people and word processors put between


def make_code() -> str:
    """A fresh code without hyphens: 75 bits from the system's generator, and the check."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1))
    return body + ALPHABET[_double(_remainder(body))]


def normalized(text: str) -> str:
    """As it is hashed: capital letters without hyphens and blanks."""
    return text.translate(_IGNORED).upper()


def is_well_formed(code: str) -> bool:
    """Whether a normalised code could have been made here; false for almost every typing error."""
    return len(code) == LENGTH and set(code) <= _VALUES.keys() and _remainder(code) == 0


def grouped(code: str) -> str:
    """As it is printed."""
    return "-".join(code[start : start + GROUP] for start in range(0, LENGTH, GROUP))


def _remainder(code: str) -> int:
    """The code as a polynomial over the field of 32 elements, at a primitive one: the check makes it zero."""
    value = 0
    for letter in code:
        value = _double(value) ^ _VALUES[letter]
    return value


def _double(value: int) -> int:
    """Times the primitive element, modulo x⁵ + x² + 1."""
    return (value << 1) ^ (0b100101 if value & 0b10000 else 0)
