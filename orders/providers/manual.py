"""Payment past any gateway, such as a bank transfer: the buyer reads how, and an operator confirms what arrived."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from orders.providers.base import Account, Capabilities, Charge, Checkout, GatewayRefused, Option
from orders.providers.no_gateway import NoGateway


class Manual(NoGateway):
    """See the module."""

    name = "manual"
    label = gettext_noop("Bank transfer")
    options = (
        Option(
            "instructions",
            gettext_noop("Instructions"),
            gettext_noop("Shown to the buyer: where to pay and what to quote."),
            long=True,
        ),
    )

    def capabilities(self, account: Account) -> Capabilities:
        """Every currency, any sum, a week for the transfer; refunds by hand."""
        return Capabilities(currencies=frozenset(), slow_days=7)

    def check_config(self, account: Account) -> list[str]:
        """Without instructions nobody could pay."""
        return [] if account.options.get("instructions", "").strip() else [_("Say how to pay.")]

    def create(self, account: Account, charge: Charge) -> Checkout:
        """Nobody is asked, and there is no address to pay at: the order's own page shows the instructions."""
        if charge.amount.minor < 1:
            raise GatewayRefused("There is nothing to pay.")
        return Checkout("", expires_at=charge.expires_at)
