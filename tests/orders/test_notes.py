"""What services note in English is told to staff in their language; what a gateway said stays as it was said."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from orders.models import Statement
from orders.notes import PHRASES, in_words
from tests.orders.shop import make_account, order_top_up, pay, report
from tests.pages.admin_rows import list_url, page_url

CHINESE = {"accept-language": "zh-hans"}


@pytest.mark.parametrize(
    ("note", "chinese"),
    [
        ("credited", "已入账"),
        ("paid here, closed at the gateway", "此处已支付，网关显示：已关闭"),
        ("9000 here, 10000 at the gateway", "此处为 9000，网关为 10000"),
        ("Refunded at the gateway", "已在支付渠道退款"),
        ("refund reported as failed, but the gateway says refunded", "通知称退款失败，但网关显示已退款"),
        ("dismissed by carol@example.com", "由 carol@example.com 忽略"),
        ("HTTP 502: bad gateway", "HTTP 502: bad gateway"),
        ("", ""),
    ],
)
def test_a_note_is_told_in_chinese(note, chinese):
    with translation.override("zh-hans"):
        assert in_words(note) == chinese
    with translation.override("en"):
        assert in_words(note) == note


def test_every_reason_that_services_write_is_one_of_the_phrases():
    """Found in their source, so that a new one is not forgotten here."""
    found = set()
    for name in ("processing", "statements", "settling"):
        source = (Path(settings.BASE_DIR) / f"orders/payments/{name}.py").read_text()
        found |= set(re.findall(r'(?:NotYet\(|differs\(attempt, |State\.\w+, )_?\(?f?"([^"]+)"', source))
    assert len(found) >= 12
    assert [said for said in found if _shape(said) not in {_shape(phrase) for phrase in PHRASES}] == []


def _shape(words):
    return re.sub(r"\{[^}]+\}|%\(\w+\)s", "…", words)


def test_staff_read_differences_messages_and_reviews_in_their_language(shop, gateway, carol, client_of):
    gateway.confirms = True
    staff, order = client_of(carol), order_top_up()
    report(shop, pay(order), minor=9_000)
    account = make_account("other")
    what = {"attempt": "A1", "order": order.number, "what": "paid at the gateway, unknown here until now"}
    statement = Statement.objects.create(account=account, day="2026-03-18", differences=[what])
    for url, word in {
        page_url("orders_statement", statement): "网关已支付，此前这里不知道",
        list_url("orders_webhookevent"): "需人工处理",
        page_url("orders_order", order): "支付金额不符。",
    }.items():
        assert word in staff.get(url, headers=CHINESE).content.decode(), url
