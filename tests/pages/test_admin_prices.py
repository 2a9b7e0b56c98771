"""Prices are versions: typed in dollars, added, never changed."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from billing.models import ModelPrice
from config.kernel.money import usd
from tests.factories import make_price
from tests.pages.admin_rows import list_url, page_url
from tokens.config_version import current_versions

NAME = "billing_modelprice"


@pytest.fixture
def price(db):
    return make_price("deepseek-chat", input="0.27", output="1.10", cache_read=usd("0.07"), tags=["chat", "tools"])


@pytest.fixture
def staff(carol, client_of):
    return client_of(carol)


def prefilled(staff, price):
    """The form that "New version" opens, as a browser would send it back."""
    opened = staff.get(staff.get(reverse("admin:billing_modelprice_new_version", args=[price.pk])).url)
    form = opened.context["adminform"].form
    values = {field.html_name: field.value() for field in form if field.value() is not None}
    begins = timezone.localtime(values.pop("effective_from"))
    return {**values, "effective_from_0": f"{begins:%Y-%m-%d}", "effective_from_1": f"{begins:%H:%M:%S}"}


def add(staff, values):
    return staff.post(reverse("admin:billing_modelprice_add"), values)


def test_a_new_version_starts_from_the_old_ones_dollars(staff, price):
    values = prefilled(staff, price)
    assert (values["input"], values["cache_read"], values["output"]) == ("0.27", "0.07", "1.1")
    assert values["tags"] == "chat, tools"


def test_saving_it_adds_a_version_and_leaves_the_old_one(staff, price):
    assert add(staff, {**prefilled(staff, price), "input": "0.30"}).status_code == 302
    old, new = ModelPrice.objects.order_by("effective_from")
    assert (old.pk, old.input) == (price.pk, usd("0.27"))
    assert (new.input, new.output, new.cache_read, new.cache_write) == (usd("0.3"), usd("1.1"), usd("0.07"), None)
    assert new.tags == ["chat", "tools"]


def test_an_existing_version_cannot_be_changed(staff, price):
    answer = staff.post(page_url(NAME, price), {**prefilled(staff, price), "input": "9"})
    price.refresh_from_db()
    assert answer.status_code == 403
    assert price.input == usd("0.27")


def test_a_version_that_was_in_force_cannot_be_deleted_and_a_scheduled_one_can(staff, price):
    scheduled = make_price("deepseek-chat", input="9", effective_from=timezone.now() + timedelta(days=1))
    for row in (price, scheduled):
        staff.post(reverse("admin:billing_modelprice_delete", args=[row.pk]), {"post": "yes"})
    assert list(ModelPrice.objects.all()) == [price]


def test_the_list_says_which_version_counts(staff, price):
    make_price("deepseek-chat", effective_from=timezone.now() - timedelta(days=9))
    make_price("deepseek-chat", effective_from=timezone.now() + timedelta(days=9))
    html = staff.get(list_url(NAME)).content.decode()
    assert [html.count(word) for word in ("In force\n", "Replaced\n", "Scheduled\n")] == [1, 1, 1]
    assert "$0.27" in html


def test_history_cannot_be_written(staff, price):
    values = {**prefilled(staff, price), "effective_from_0": "2020-01-01"}
    assert "began later" in add(staff, values).content.decode()
    assert ModelPrice.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "typed"),
    [("input", ""), ("input", "-1"), ("output", "a lot"), ("per_call", "1000001"), ("input", "1e-10")],
)
def test_amounts_that_are_no_price_are_refused(staff, price, field, typed):
    assert add(staff, {**prefilled(staff, price), field: typed}).status_code == 200
    assert ModelPrice.objects.count() == 1


def test_the_smallest_amount_survives(staff, price):
    add(staff, {**prefilled(staff, price), "input": "0.000000001"})
    assert ModelPrice.objects.latest("effective_from").input == 1


def test_serving_processes_are_told(staff, price):
    before = current_versions()["prices"]
    add(staff, prefilled(staff, price))
    assert current_versions()["prices"] > before
