"""A gateway process per file, emptied before every test, and a shop that listens to it."""

import pytest

from tests.orders.gateway.calls import Merchants
from tests.orders.gateway.server import running_gateway
from tests.orders.gateway.shop import open_shop


@pytest.fixture(scope="module")
def gateway_process():
    with running_gateway("--retry-after", "0.02") as server:
        yield server


@pytest.fixture
def gateway(gateway_process):
    gateway_process.control("/reset")
    return gateway_process


@pytest.fixture
def shop():
    with open_shop() as listener:
        yield listener


@pytest.fixture
def calls(gateway, shop):
    """What a shop with an account of every protocol can ask the gateway for."""
    return Merchants(gateway, shop)
