"""The protocols that accounts can speak."""

from collections.abc import Mapping

from orders.providers.base import Provider

_ALL: tuple[Provider, ...] = ()

PROVIDERS: Mapping[str, Provider] = {provider.name: provider for provider in _ALL}
