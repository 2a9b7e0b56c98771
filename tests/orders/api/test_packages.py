"""What is on sale."""

import pytest

from tests.orders.shop import make_package

pytestmark = pytest.mark.django_db
PATHS = [("/api/topup/packages", "top_up"), ("/api/purchase/plans", "first_purchase")]


@pytest.mark.parametrize(("path", "kind"), PATHS)
def test_a_package(data, path, kind):
    package = make_package("a_100", kind=kind, price_minor=10_000, base=5_000_000_000, bonus=1_000_000_000)
    assert data(path) == [
        {
            "id": f"pkg_{package.pk}",
            "code": "a_100",
            "name": "a_100",
            "currency": "CNY",
            "priceCents": 10_000,
            "baseQuotaAmount": 5_000_000_000,
            "bonusQuotaAmount": 1_000_000_000,
            "quotaAmount": 6_000_000_000,
        }
    ]


@pytest.mark.parametrize(("path", "kind"), PATHS)
def test_order_and_what_is_left_out(data, path, kind):
    other = {"top_up": "first_purchase", "first_purchase": "top_up"}[kind]
    make_package("dear", kind=kind, price_minor=3000)
    make_package("cheap", kind=kind, price_minor=2000)
    make_package("first", kind=kind, price_minor=9000, sort_order=1)
    make_package("gone", kind=kind, is_active=False)
    make_package("other", kind=other)
    assert [package["code"] for package in data(path)] == ["first", "cheap", "dear"]


def test_an_empty_shop(data):
    assert data("/api/topup/packages") == []
