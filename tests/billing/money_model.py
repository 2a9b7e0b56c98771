"""The money rules once more, in plain Python and with nothing shared but the arithmetic of a charge.

What `billing` does with locked rows and set-based SQL, this does with dictionaries, one thing after the other. The
state machine asks both and compares every answer and every row.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from billing.holds import charge_within
from billing.pricing import Quote, Usage


@dataclass
class Account:
    balance: int = 0
    held: int = 0
    is_active: bool = True
    entries: list[int] = field(default_factory=list)


@dataclass
class Key:
    user_id: int
    quota: int | None
    monthly_cap: int | None = None
    daily_cap: int | None = None
    used: int = 0
    held: int = 0
    is_enabled: bool = True
    is_deleted: bool = False
    is_expired: bool = False


@dataclass
class Record:
    user_id: int
    token_id: int
    hold: int
    quote: Quote
    created_at: datetime
    status: str = "open"
    charge: int = 0
    seen: Usage = field(default_factory=Usage)
    silent_since: int | None = None  # the order in which leases ran out; None while the process lives


@dataclass
class Books:
    """Every account, key, record and idempotency key there is."""

    accounts: dict[int, Account] = field(default_factory=dict)
    keys: dict[int, Key] = field(default_factory=dict)
    records: dict[UUID, Record] = field(default_factory=dict)
    posted: set[str] = field(default_factory=set)

    def post(self, user_id: int, amount: int, key: str) -> str:
        """`posted`, `repeated`, or the code of a refusal."""
        account = self.accounts[user_id]
        if key in self.posted:
            return "repeated"
        if account.balance - account.held + amount < 0:
            return "insufficient_quota"
        self.posted.add(key)
        account.entries.append(amount)
        account.balance += amount
        return "posted"

    def hold(self, hold) -> str:
        """`held`, or the code of a refusal."""
        account, key = self.accounts[hold.user_id], self.keys[hold.token_id]
        refusals = [
            (not account.is_active, "account_suspended"),
            (account.balance - account.held < hold.amount, "insufficient_quota"),
            (key.is_deleted, "invalid_api_key"),
            (not key.is_enabled, "key_disabled"),
            (key.is_expired, "key_expired"),
            (key.quota is not None and key.quota - key.used - key.held < hold.amount, "key_quota_exhausted"),
            (self._is_over(key.monthly_cap, hold, "%Y-%m"), "key_quota_exhausted"),
            (self._is_over(key.daily_cap, hold, "%Y-%m-%d"), "key_quota_exhausted"),
        ]
        for applies, code in refusals:
            if applies:
                return code
        account.held += hold.amount
        key.held += hold.amount
        self.records[hold.id] = Record(hold.user_id, hold.token_id, hold.amount, hold.quote, hold.created_at)
        return "held"

    def _is_over(self, cap: int | None, hold, period: str) -> bool:
        """Whether a hold would take its key over a cap: what runs counts as held, what ended as charged."""
        now = hold.created_at.strftime(period)
        spent = (
            record.hold if record.status == "open" else record.charge
            for record in self.records.values()
            if record.token_id == hold.token_id and record.created_at.strftime(period) == now
        )
        return cap is not None and sum(spent) + hold.amount > cap

    def settle(self, record_id: UUID, *, status: str, charge: int, usage: Usage) -> bool:
        """Whether this settled it."""
        record = self.records.get(record_id)
        if record is None or record.status != "open":
            return False
        record.status, record.charge, record.seen, record.silent_since = status, charge, usage, None
        for side in (self.accounts[record.user_id], self.keys[record.token_id]):
            side.held -= record.hold
        self.accounts[record.user_id].balance -= charge
        self.keys[record.token_id].used += charge
        return True

    def heartbeat(self, record_id: UUID, usage: Usage) -> None:
        record = self.records.get(record_id)
        if record is not None and record.status == "open":
            record.seen, record.silent_since = usage, None

    def sweep(self, limit: int) -> int:
        silent = [(record.silent_since, id) for id, record in self.records.items() if record.silent_since is not None]
        due = sorted(silent)[:limit]
        for _, record_id in due:
            record = self.records[record_id]
            usage = record.seen if record.seen.output else Usage()
            charge = charge_within(usage, quote=record.quote, hold=record.hold) if usage.output else 0
            self.settle(record_id, status="abandoned", charge=charge, usage=usage)
        return len(due)

    def rows(self) -> dict[str, object]:
        """What the database should hold, row by row."""
        return {
            "wallets": {id: (one.balance, one.held) for id, one in self.accounts.items()},
            "entries": {id: sorted(one.entries) for id, one in self.accounts.items()},
            "keys": {id: (one.quota, one.used, one.held) for id, one in self.keys.items()},
            "records": {
                id: (one.status, one.hold, one.charge, one.seen.input, one.seen.output)
                for id, one in self.records.items()
            },
        }

    def broken_rules(self) -> list[str]:
        """What must hold whatever happened, said of the model itself."""
        broken = []
        for id, account in self.accounts.items():
            mine = [record for record in self.records.values() if record.user_id == id]
            if sum(account.entries) != account.balance + sum(record.charge for record in mine):
                broken.append(f"credit of {id} is not what it has and what it spent")
            if account.held != sum(record.hold for record in mine if record.status == "open"):
                broken.append(f"what {id} holds is not the sum of its open records")
            if not 0 <= account.held <= account.balance:
                broken.append(f"{id} owes")
        return broken
