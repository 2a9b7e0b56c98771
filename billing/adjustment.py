"""Adjusting a wallet by hand: an amount, a reason, and the name of whoever did it, once per form."""

from uuid import UUID, uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.models import User
from billing.dollars import DollarsField
from billing.ledger import post_entry
from billing.models import LedgerEntry, Wallet
from config.kernel.money import NANO_PER_USD, NanoUSD

MOST = 1_000_000 * NANO_PER_USD  # in one adjustment: above it somebody mistyped


class AdjustmentForm(forms.Form):
    """`key` is made with the page: the same page sent twice adjusts once."""

    amount = DollarsField(
        label=_("Amount"), least=-MOST, most=MOST, help_text=_("Dollars to add; with a minus, to take.")
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Kept in the ledger for ever, and shown to the customer in the statement."),
    )
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, initial={"key": uuid4()})

    def clean_amount(self) -> NanoUSD:
        amount: NanoUSD = self.cleaned_data["amount"]
        if amount == 0:
            raise ValidationError(_("Enter an amount other than zero."))
        return amount


def adjust_wallet(*, wallet: Wallet, amount: NanoUSD, reason: str, actor: User, key: UUID) -> bool:
    """Move credit once per key; False when this key has moved it already. Raises InsufficientCredit."""
    return post_entry(
        user_id=wallet.user_id,
        amount=amount,
        kind=LedgerEntry.Kind.ADJUSTMENT,
        idempotency_key=f"adjust:{wallet.pk}:{key}",
        reason=reason,
        actor_id=actor.pk,
    )
