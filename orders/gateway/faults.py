"""Faults to order: the next so many calls, or notifies, go wrong in a named way."""

from dataclasses import dataclass
from typing import Any

from .merchants import CLASSES
from .web import Refused, checked

ANY_CALL = ("refuse", "error", "down", "html", "redirect", "hang", "timeout", "slow", "wrong-hash")
KINDS: dict[str, tuple[str, ...]] = {
    "create": (*ANY_CALL, "foreign-host", "pay-first"),
    "query": (*ANY_CALL, "unpaid"),
    "refund": (*ANY_CALL, "pending"),
    "close": ANY_CALL,
    "notify": ("drop", "hold", "delay", "twice", "wrong-signature", "no-signature", "upper-signature", "wrong-amount"),
}


@dataclass(slots=True)
class Fault:
    """`times` is how often it still happens, None for ever; `seconds` is for `slow` and `delay`."""

    on: str
    kind: str
    protocol: str | None = None
    times: int | None = 1
    seconds: float = 1.0

    def concerns(self, on: str, protocol: str) -> bool:
        return self.on == on and self.protocol in (None, protocol)


NONE = Fault(on="", kind="")


def fault_of(values: dict[str, Any]) -> Fault:
    """A fault from its JSON. Raises Refused for one that does not exist."""
    given = {name: value for name, value in values.items() if value is not None}
    checked(given, on=str, kind=str, protocol=str, times=int, seconds=float)
    fault = Fault(**{"on": "", "kind": "", **values})
    if fault.kind not in KINDS.get(fault.on, ()):
        raise Refused(f"There is no such fault. There are: {KINDS}")
    if fault.protocol not in (None, *CLASSES):
        raise Refused(f"A protocol is one of {sorted(CLASSES)}.")
    return fault


class Faults:
    """What was ordered, oldest first."""

    def __init__(self) -> None:
        self.ordered: list[Fault] = []

    def take(self, on: str, protocol: str) -> Fault:
        """The fault of this occasion, used up by one; NONE when all is to go well."""
        fault = next((fault for fault in self.ordered if fault.concerns(on, protocol)), NONE)
        if fault is not NONE and fault.times is not None:
            fault.times -= 1
            self.ordered = [other for other in self.ordered if other.times != 0]
        return fault
