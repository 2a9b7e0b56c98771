"""What the providers that ask nobody have in common: no messages, nothing to ask, and refunds by hand."""

from collections.abc import Sequence

from orders.providers.base import (
    Account,
    Event,
    GatewayRefused,
    Malformed,
    PaymentState,
    PaymentStatus,
    RefundCall,
    RefundState,
    Reply,
    Webhook,
)


class NoGateway:
    """The methods of a provider that concern a gateway."""

    def parse_webhook(self, account: Account, webhook: Webhook) -> Sequence[Event]:
        """Nobody sends any."""
        raise Malformed("no_webhooks")

    def reply(self, account: Account, *, accepted: bool) -> Reply:
        """As if there were no such address."""
        return Reply(404, "not found")

    def query(self, account: Account, *, reference: str, provider_ref: str) -> PaymentState:
        """There is nobody to ask."""
        return PaymentState(PaymentStatus.UNKNOWN)

    def refund(self, account: Account, call: RefundCall) -> RefundState:
        """Always GatewayRefused."""
        raise GatewayRefused("There is no gateway that could give this back.")

    def close(self, account: Account, *, reference: str, provider_ref: str) -> None:
        """Nothing is open anywhere."""
