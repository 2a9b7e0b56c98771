"""The shop with its scripted gateway, for the pages that sell and those that look after what was sold."""

from tests.orders.conftest import gateway, shop

__all__ = ["gateway", "shop"]
