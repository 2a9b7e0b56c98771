"""What costs nothing, by a coupon or by its price: an order takes the same way as a paid one, past any gateway."""

from django.utils.translation import gettext_noop

from orders.providers.base import Account, Capabilities, Charge, Checkout, GatewayRefused, Option
from orders.providers.no_gateway import NoGateway


class Free(NoGateway):
    """See the module."""

    name = "free"
    label = gettext_noop("Free of charge")
    options: tuple[Option, ...] = ()

    def capabilities(self, account: Account) -> Capabilities:
        """Every currency, but nothing of it."""
        return Capabilities(currencies=frozenset(), least_minor=0, most_minor=0)

    def check_config(self, account: Account) -> list[str]:
        """There is nothing to set."""
        return []

    def create(self, account: Account, charge: Charge) -> Checkout:
        """Raises GatewayRefused for anything that has a price."""
        if charge.amount.minor != 0:
            raise GatewayRefused("This costs something, so it is not free.")
        return Checkout("", expires_at=charge.expires_at)
