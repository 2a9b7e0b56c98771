"""Redemption codes: made in batches, exported from their sealed copies, redeemed once."""

from collections.abc import Iterator
from datetime import datetime
from typing import NoReturn

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from billing.csv_lines import BYTE_ORDER_MARK, Dollars, csv_lines
from billing.debts import collect_debt
from billing.ledger import post_entry
from billing.models import LedgerEntry, Wallet
from config.kernel.errors import InvalidInput
from config.kernel.money import NanoUSD, quota_to_nano
from config.kernel.sealing import keyed_hash, seal, unseal
from orders.clock import database_now
from orders.code_format import grouped, is_well_formed, make_code, normalized
from orders.models import CodeBatch, RedemptionCode
from orders.models.catalogue import MAX_QUOTA
from orders.models.codes import MAX_CODES
from orders.payments.retrying import again_after_races
from orders.tries import Allowance, counted, network_of

TRIES_OF_USER = 10
TRIES_OF_ADDRESS = 30
CHUNK = 1_000
COLUMNS = ("code", "credit_usd", "batch", "redeemable_until", "redeemed_at")
_PURPOSE = "redemption code"


class CodeRefused(InvalidInput):
    """The code gives nothing; the sentence says why."""

    default_code = "code_refused"


class UnknownCode(CodeRefused):
    """There is no such code: mistyped or made up, which the answer does not tell apart."""


# ── Making and exporting ─────────────────────────────────────────────────────


@transaction.atomic
def make_batch(
    *,
    name: str,
    quota: int,
    count: int,
    expires_at: datetime | None = None,
    per_customer: int | None = None,
    actor_id: int | None = None,
) -> CodeBatch:
    """So many codes, each worth `quota`. Raises InvalidInput."""
    _check_terms(quota, count, expires_at, per_customer)
    batch = CodeBatch.objects.create(
        name=name,
        quota=quota,
        count=count,
        expires_at=expires_at,
        per_customer=per_customer,
        created_by_id=actor_id,
    )
    RedemptionCode.objects.bulk_create((_row(batch, make_code()) for _nth in range(count)), batch_size=CHUNK)
    return batch


def _check_terms(quota: int, count: int, expires_at: datetime | None, per_customer: int | None) -> None:
    if not 1 <= count <= MAX_CODES:
        raise InvalidInput(_("Make between 1 and %(most)s codes at once.") % {"most": MAX_CODES}, param="count")
    if not 1 <= quota <= MAX_QUOTA:
        raise InvalidInput(_("Say what each code is worth."), param="quota")
    if expires_at is not None and expires_at <= database_now():
        raise InvalidInput(_("Choose an end that lies ahead."), param="expires_at")
    if per_customer is not None and per_customer < 1:
        raise InvalidInput(_("A customer may redeem at least one code."), param="per_customer")


def _row(batch: CodeBatch, code: str) -> RedemptionCode:
    digest = keyed_hash(code, pepper=settings.KEY_PEPPER)
    sealed = seal(code, master=settings.SEALING_KEY, purpose=_PURPOSE, context=_context(batch.pk, digest))
    return RedemptionCode(batch=batch, code_hash=digest, code_sealed=sealed, tail=code[-4:])


def _context(batch_id: int, digest: bytes) -> str:
    return f"{batch_id}:{digest.hex()}"


def export(batch: CodeBatch) -> Iterator[str]:
    """The batch as CSV, a thousand codes at a time. Raises SealBroken under another key than it was made with."""
    yield BYTE_ORDER_MARK + csv_lines([COLUMNS])
    codes = batch.codes.order_by("pk")
    chunk = list(codes[:CHUNK])
    while chunk:
        yield csv_lines(_line(batch, row) for row in chunk)
        chunk = list(codes.filter(pk__gt=chunk[-1].pk)[:CHUNK])


def _line(batch: CodeBatch, row: RedemptionCode) -> tuple[object, ...]:
    context = _context(batch.pk, bytes(row.code_hash))
    code = unseal(bytes(row.code_sealed), master=settings.SEALING_KEY, purpose=_PURPOSE, context=context)
    return grouped(code), Dollars(credit_of(batch)), batch.name, _moment(batch.expires_at), _moment(row.redeemed_at)


def _moment(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""


def credit_of(batch: CodeBatch) -> NanoUSD:
    """What one of its codes is worth."""
    return quota_to_nano(batch.quota, quota_per_usd=settings.QUOTA_PER_USD)


# ── Redeeming ────────────────────────────────────────────────────────────────


def redeem(*, user: User, code: str, address: str = "") -> NanoUSD:
    """Credit the code to the user, once; says how much. `address` is where the wish came from.

    Raises CodeRefused, or RateLimited after too many codes that do not exist.
    """
    allowances = [Allowance(f"wrong-codes:user:{user.pk}", TRIES_OF_USER)]
    if address:
        allowances.append(Allowance(f"wrong-codes:from:{network_of(address)}", TRIES_OF_ADDRESS))
    with counted(*allowances, wrong=UnknownCode):
        return _redeem(user, _find(code).pk)


def _find(typed: str) -> RedemptionCode:
    code = normalized(typed)
    row = None
    if is_well_formed(code):
        row = RedemptionCode.objects.filter(code_hash=keyed_hash(code, pepper=settings.KEY_PEPPER)).first()
    if row is None:
        _refuse(_("There is no such code. Please check what you typed."), UnknownCode)
    return row


@again_after_races
@transaction.atomic
def _redeem(user: User, code_id: int) -> NanoUSD:
    # The wallet first: behind its lock the codes that one customer has redeemed can be counted.
    Wallet.objects.select_for_update().get(user=user)
    row = RedemptionCode.objects.select_related("batch").get(pk=code_id)
    now = database_now()
    _check_redeemable(row, user, now)
    # Of its own columns alone: with a join, PostgreSQL would not look at them again after waiting for another user.
    if not RedemptionCode.objects.filter(pk=code_id, redeemed_at=None).update(redeemed_by=user, redeemed_at=now):
        _refuse(_("This code has been used."))
    credit = credit_of(row.batch)
    post_entry(
        user_id=user.pk,
        amount=credit,
        kind=LedgerEntry.Kind.REDEEM,
        idempotency_key=f"code:{code_id}",
        reference=f"…{row.tail}",
    )
    collect_debt(user_id=user.pk)
    return credit


def _check_redeemable(row: RedemptionCode, user: User, now: datetime) -> None:
    batch = row.batch
    if row.redeemed_by_id is not None:
        _refuse(
            _("You have used this code already.") if row.redeemed_by_id == user.pk else _("This code has been used.")
        )
    if not batch.is_active:
        _refuse(_("This code can't be redeemed any more."))
    if batch.expires_at is not None and batch.expires_at <= now:
        _refuse(_("This code has expired."))
    if batch.per_customer is not None and batch.codes.filter(redeemed_by=user).count() >= batch.per_customer:
        _refuse(_("You have redeemed as many codes of this kind as one customer may."))


def _refuse(sentence: str, error: type[CodeRefused] = CodeRefused) -> NoReturn:
    raise error(sentence, param="code", details={"code": [sentence]})
