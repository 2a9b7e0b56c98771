"""A shop with a scripted gateway."""

import pytest

from orders.providers import registry
from tests.orders.scripted import Scripted
from tests.orders.shop import make_account, make_package


@pytest.fixture
def gateway(monkeypatch):
    """The scripted provider, known to the registry."""
    scripted = Scripted()
    monkeypatch.setitem(registry.PROVIDERS, "scripted", scripted)
    return scripted


@pytest.fixture
def shop(db, gateway):
    """An account at the scripted gateway and two packages."""
    make_package("topup_100", kind="top_up")
    make_package("starter", kind="first_purchase", price_minor=2000)
    return make_account()
