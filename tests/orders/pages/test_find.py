"""Finding an order by its number and e-mail."""

import pytest

from orders.access import page_url
from tests.orders.shop import order_top_up

pytestmark = pytest.mark.django_db


def look_up(client, number, email):
    return client.post("/orders/find", {"number": number, "email": email})


def test_number_and_email_lead_to_the_order(client, order):
    response = look_up(client, f" {order.number.lower()} ", "BOB@example.com")
    assert (response.status_code, response["Location"]) == (303, page_url(order))


def test_a_top_up_is_found_as_well(client, shop):
    order = order_top_up()
    assert look_up(client, order.number, order.contact_email)["Location"] == page_url(order)


def test_a_wrong_pair_and_an_unknown_order_are_one_answer(client, order, django_assert_num_queries):
    pairs = [
        (order.number, "eve@example.com"),
        ("BUY202001010000AAAA", "bob@example.com"),
        ("nonsense", "bob@example.com"),
    ]
    pages = []
    for number, email in pairs:
        with django_assert_num_queries(2):  # the order, and announcements
            response = look_up(client, number, email)
        assert response.status_code == 200
        text = response.content.decode().replace(number, "").replace(email, "")
        pages.append(text.split("<main")[1].split("csrfmiddlewaretoken")[0])
    assert "No such order" in pages[0]
    assert pages[0] == pages[1] == pages[2]


def test_guessing_is_limited_by_address(client, order, settings):
    settings.API_RATE_LIMITS = settings.API_RATE_LIMITS | {"guess": 3}
    statuses = [look_up(client, f"BUY{n}", "bob@example.com").status_code for n in range(4)]
    assert statuses == [200] * 3 + [429]
    assert client.get(f"/pricing/pay?orderNo={order.number}&contactEmail=bob@example.com").status_code == 429


def test_guessing_is_limited_by_order(client, order, settings):
    settings.API_RATE_LIMITS = settings.API_RATE_LIMITS | {"order": 3}
    statuses = [look_up(client, order.number, f"guess{n}@example.com").status_code for n in range(4)]
    assert statuses == [200] * 3 + [429]
