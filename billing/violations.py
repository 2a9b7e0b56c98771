"""What a proof of the books finds."""

from dataclasses import dataclass

from config.kernel.money import format_usd


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken invariant: which, on which row, what it should be and what it is, in nano-dollars or as a number."""

    invariant: str
    row: str
    expected: int
    found: int
    is_money: bool = True

    def __str__(self) -> str:
        expected, found = (format_usd(side) if self.is_money else f"{side:,}" for side in (self.expected, self.found))
        return f"{self.invariant}: {self.row} should be {expected}, is {found}"
