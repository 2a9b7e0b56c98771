import pytest

from orders.providers import calling
from tests.orders.providers import makers
from tests.orders.providers.site import open_site


@pytest.fixture
def site(settings):
    """A gateway on this machine, and leave to call it."""
    with open_site() as site:
        settings.EGRESS_ALLOW = [f"127.0.0.1:{site.port}"]
        yield site


@pytest.fixture
def impatient(monkeypatch):
    """Short time limits."""
    monkeypatch.setattr(calling, "SILENCE_SECONDS", 0.3)
    monkeypatch.setattr(calling, "TOTAL_SECONDS", 0.6)


@pytest.fixture(scope="session")
def merchant_key():
    return makers.new_key()


@pytest.fixture(scope="session")
def platform_key():
    return makers.new_key()
