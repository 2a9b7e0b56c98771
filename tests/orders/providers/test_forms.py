"""Forms read strictly; amounts, times and titles."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.providers.base import Malformed, Webhook
from orders.providers.forms import MAX_BYTES, Shape, beijing_time, fen, notify_fields, plain_title, yuan
from tests.orders.providers.makers import FORM, got, posted

BOTH = frozenset({"GET", "POST"})


def reason_of(webhook, methods=BOTH):
    with pytest.raises(Malformed) as refused:
        notify_fields(webhook, methods=methods)
    return refused.value.reason


def test_a_body_and_a_query():
    expected = {"a": "1 2", "b": "元", "c": ""}
    assert notify_fields(posted(b"a=1+2&b=%E5%85%83&c="), methods=BOTH) == expected
    assert notify_fields(got("a=1%202&b=%e5%85%83&c="), methods=BOTH) == expected
    assert notify_fields(got("b=元&a=1+2&c="), methods=BOTH) == expected


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "field_name"),
        (b"a=1&a=1", "repeated_field"),
        (b"total_fee=0.01&total_fee=299", "repeated_field"),
        (b"a=1&", "field_name"),
        (b"a", "field_name"),
        (b"=1", "field_name"),
        (b"a%62=1", "field_name"),
        (b"a[]=1", "field_name"),
        (b"a=1;b=2", "field_value"),
        (b"a=1=2", "field_value"),
        (b"a=%", "field_value"),
        (b"a=%4", "field_value"),
        (b"a=%zz", "field_value"),
        (b"a=%u5143", "field_value"),
        (b"a=%ff", "not_utf8"),
        (b"a=\xd6\xd0", "not_utf8"),
        (b"a=%c0%af", "not_utf8"),
        (b"a=%ed%a0%80", "not_utf8"),
        (b"&".join(b"a%d=1" % number for number in range(65)), "too_many_fields"),
        (b"a=" + b"1" * MAX_BYTES, "too_large"),
        (b"a=" + b"1" * 10_000_000, "too_large"),
    ],
)
def test_bodies(body, reason):
    assert reason_of(posted(body)) == reason


def test_parameters_in_two_places():
    assert reason_of(Webhook("POST", FORM, "a=1", b"b=2")) == "mixed"
    assert reason_of(Webhook("POST", FORM, "a=1", b"")) == "mixed"
    assert reason_of(Webhook("GET", FORM, "a=1", b"b=2")) == "mixed"


def test_methods():
    assert reason_of(Webhook("PUT", FORM, "", b"a=1")) == "method"
    assert reason_of(got("a=1"), methods=frozenset({"POST"})) == "method"


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/json", "multipart/form-data; boundary=x", FORM["content-type"] + "; charset=gbk"],
)
def test_content_types_that_are_refused(content_type):
    assert reason_of(Webhook("POST", {"content-type": content_type}, "", b"a=1")) == "content_type"


def test_content_types_that_are_taken():
    for ending in ("", ";", "; charset=UTF-8", ';charset="utf-8"'):
        webhook = Webhook("POST", {"content-type": FORM["content-type"] + ending}, "", b"a=1")
        assert notify_fields(webhook, methods=BOTH) == {"a": "1"}


def test_half_a_character_in_a_query():
    assert reason_of(Webhook("GET", {}, "a=\ud800", b"")) == "not_utf8"


@given(st.binary(max_size=300))
def test_any_body_is_read_or_malformed(body):
    try:
        fields = notify_fields(posted(body), methods=BOTH)
    except Malformed:
        return
    assert all(isinstance(value, str) for value in fields.values())


# ── Shapes ───────────────────────────────────────────────────────────────────

CLOSED = Shape(signature="sign", required=frozenset({"a", "sign"}), optional=frozenset({"b"}))
OPEN = Shape(signature="sign", required=frozenset({"a", "sign"}), is_open=True, forbidden=frozenset({"url"}))


@pytest.mark.parametrize(
    ("shape", "fields", "reason"),
    [
        (CLOSED, {"a": "1", "sign": "x"}, None),
        (CLOSED, {"a": "1", "sign": "x=="}, None),
        (CLOSED, {"a": "1", "b": "", "sign": "x"}, None),
        (CLOSED, {"a": "1", "c": "", "sign": "x"}, "unknown_field"),
        (CLOSED, {"a": "", "sign": "x"}, "missing_field"),
        (CLOSED, {"a": "1"}, "missing_field"),
        (CLOSED, {"a": "1&b=2", "sign": "x"}, "field_value"),
        (CLOSED, {"a": "1=2", "sign": "x"}, "field_value"),
        (CLOSED, {"a": "1\n", "sign": "x"}, "field_value"),
        (CLOSED, {"a": "1\x00", "sign": "x"}, "field_value"),
        (OPEN, {"a": "1", "c": "2", "sign": "x"}, None),
        (OPEN, {"a": "1", "url": "2", "sign": "x"}, "unknown_field"),
        (OPEN, {"a": "1", "c": "2&d=3", "sign": "x"}, "field_value"),
    ],
)
def test_shapes(shape, fields, reason):
    if reason is None:
        shape.check(fields)
    else:
        with pytest.raises(Malformed, match=reason):
            shape.check(fields)


# ── Amounts, times, titles ───────────────────────────────────────────────────


def test_three_spellings_of_one_amount():
    assert [fen(text) for text in ("299", "299.0", "299.00")] == [29900] * 3
    assert [fen(text) for text in ("0", "0.01", "0.1", "9999999999.99")] == [0, 1, 10, 999_999_999_999]


NOT_DECIMAL = [
    "2.99e2",
    "-299",
    "+299",
    "２９９",
    "299．00",
    "٢٩٩",
    "NaN",
    "Infinity",
    "1,299.00",
    "1_000",
    "0x10",
    "¥299",
]
NOT_YUAN = ["299.000", "299.", ".5", "0299", "00", "299.0.0", "99999999999", "", " 299", "299 ", "299\n", "None"]


@pytest.mark.parametrize("text", [*NOT_DECIMAL, *NOT_YUAN])
def test_texts_that_are_no_amount(text):
    with pytest.raises(ValueError, match="no amount"):
        fen(text)


@given(st.integers(min_value=0, max_value=10**12 - 1))
def test_amounts_come_back(minor):
    assert fen(yuan(minor)) == minor


@given(st.text(max_size=12))
def test_any_text_is_an_amount_or_an_error(text):
    try:
        minor = fen(text)
    except ValueError:
        return
    assert fen(yuan(minor)) == minor
    assert text.isascii()


def test_times_are_those_of_beijing():
    assert beijing_time("2026-04-06 09:30:12") == datetime(2026, 4, 6, 1, 30, 12, tzinfo=UTC)
    assert [beijing_time(text) for text in ("", "1775467861", "2026-13-01 00:00:00", "soon")] == [None] * 4


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("starter plan", "starter plan"),
        ("20 元首购套餐", "20 元首购套餐"),
        ("A&B=C%D\\E", "A B C D E"),
        ("a\tb\r\nc\x00d\u200be", "a b c d e"),
        ("全角\u3000空格", "全角 空格"),
        ("gift 🎁 ☀️ 1️⃣ 👩‍💻 box", "gift 1 box"),
        ("🎁", "ref"),
        ("", "ref"),
    ],
)
def test_titles(title, expected):
    assert plain_title(title, most_bytes=127, fallback="ref") == expected


def test_titles_end_at_a_whole_character():
    assert plain_title("套" * 60, most_bytes=127, fallback="ref") == "套" * 42
    assert len(plain_title("a" * 300, most_bytes=127, fallback="ref")) == 127


@given(st.text(max_size=100))
def test_any_title_can_be_signed(title):
    plain = plain_title(title, most_bytes=127, fallback="ref")
    assert 0 < len(plain.encode()) <= 127
    Shape(signature="sign", required=frozenset({"title"})).check({"title": plain})
    assert not set(plain) & set("\\%")
