"""What the gateway needs of a protocol beyond answering its calls: how merchants are told what happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from .signing import spoiled
from .state import Happening, Ids, Message, Payment
from .web import Refused, Response

SIGNATURES = ("right", "wrong", "none", "upper", "old")


@dataclass(frozen=True, slots=True)
class Tweak:
    """How a delivery differs from the truth.

    `set` and `remove` change the content before it is signed (names with dots reach into Stripe's objects), `amount`
    is a short way to set the amount. `signature`: `old` is that of the first delivery, for the content of then or of
    now. `age` makes a signature with a time in it so many seconds older.
    """

    set: Mapping[str, Any] = field(default_factory=dict)
    remove: Sequence[str] = ()
    amount: int | None = None
    signature: str = "right"
    age: int = 0

    def __post_init__(self) -> None:
        if self.signature not in SIGNATURES:
            raise Refused(f"A signature is one of {', '.join(SIGNATURES)}.")

    def signature_for(self, message: Message, right: str) -> str:
        """The signature to send instead of the right one; empty for none."""
        message.signature = message.signature or right
        replaced = {"wrong": spoiled(right), "none": "", "upper": right.upper(), "old": message.signature}
        return replaced.get(self.signature, right)


TRUTH = Tweak()


@dataclass(frozen=True, slots=True)
class Post:
    """A request to a merchant, ready to be sent."""

    method: str
    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Dialect(Protocol):
    """One protocol's way to tell. A module is one."""

    def contents(self, ids: Ids, payment: Payment, happening: Happening) -> list[dict[str, Any]]:
        """What the merchant is told of this: no message, one, or several."""

    def amount_fields(self, amount: int) -> dict[str, Any]:
        """The field of a message that says how much was paid, and its value for this amount."""

    def post(self, message: Message, content: dict[str, Any], tweak: Tweak) -> Post:
        """The signed request that carries this content."""

    def acknowledges(self, status: int, body: bytes) -> bool:
        """Whether this answer says that the merchant has read a message."""

    def return_url(self, payment: Payment) -> str:
        """Where the customer goes after paying; empty when the merchant said nothing."""

    def refusal(self, refused: Refused) -> Response:
        """A no in this protocol."""


def tweaked(content: Mapping[str, Any], dialect: Dialect, tweak: Tweak) -> dict[str, Any]:
    """The content with the changes of a tweak."""
    changes = {**(dialect.amount_fields(tweak.amount) if tweak.amount is not None else {}), **tweak.set}
    changed = dict(content)
    for path, value in changes.items():
        changed = _replaced(changed, path.split("."), value)
    return {name: value for name, value in changed.items() if name not in tweak.remove}


def _replaced(content: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    name, *rest = path
    return {**content, name: _replaced(content.get(name, {}), rest, value) if rest else value}
