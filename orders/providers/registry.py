"""The protocols that accounts can speak."""

from collections.abc import Mapping

from orders.providers.base import Provider
from orders.providers.epay import EPay
from orders.providers.free import Free
from orders.providers.manual import Manual
from orders.providers.stripe import Stripe
from orders.providers.xunhupay import Xunhupay

_ALL: tuple[Provider, ...] = (Xunhupay(), EPay(), Stripe(), Manual(), Free())

PROVIDERS: Mapping[str, Provider] = {provider.name: provider for provider in _ALL}
