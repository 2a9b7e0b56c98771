"""The terms of a token: the same checks for the form, the site API and every other caller."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from config.kernel.errors import InvalidInput
from config.kernel.money import MAX_NANO
from tokens.terms import (
    Unacceptable,
    clean_expiry,
    clean_ips,
    clean_models,
    clean_name,
    clean_quota,
    clean_terms,
    parse_networks,
)


class TestName:
    def test_is_trimmed(self):
        assert clean_name("  prod 生产 👩‍💻 ") == "prod 生产 👩‍💻"

    @pytest.mark.parametrize("name", ["", "   ", "n" * 81, "a\x00b", "a\nb", "half \ud83d"])
    def test_refused(self, name):
        with pytest.raises(Unacceptable):
            clean_name(name)

    def test_eighty_characters_fit(self):
        assert clean_name("名" * 80) == "名" * 80


class TestQuota:
    @pytest.mark.parametrize("quota", [None, 0, 1, MAX_NANO])
    def test_accepted(self, quota):
        assert clean_quota(quota) == quota

    @pytest.mark.parametrize("quota", [-1, MAX_NANO + 1, 10**40])
    def test_refused(self, quota):
        with pytest.raises(Unacceptable):
            clean_quota(quota)


class TestExpiry:
    def test_never_and_later(self):
        later = timezone.now() + timedelta(hours=1)
        assert clean_expiry(None) is None
        assert clean_expiry(later) == later

    @pytest.mark.parametrize("moment", [timezone.now() - timedelta(hours=1), datetime(9999, 12, 31, 23, tzinfo=UTC)])
    def test_the_past_and_the_end_of_time_are_refused(self, moment):
        with pytest.raises(Unacceptable):
            clean_expiry(moment)


class TestModels:
    def test_blank_and_repeated_names_go(self):
        assert clean_models([" gpt-4o ", "", "gpt-4o", "deepseek-r1"]) == ["gpt-4o", "deepseek-r1"]

    def test_a_hundred_fit_and_no_more(self):
        names = [f"model-{number}" for number in range(101)]
        assert clean_models(names[:100]) == names[:100]
        with pytest.raises(Unacceptable):
            clean_models(names)

    @pytest.mark.parametrize("name", ["m" * 121, "bad\x00name", "half \udc00"])
    def test_refused(self, name):
        with pytest.raises(Unacceptable):
            clean_models([name])


class TestAddresses:
    @pytest.mark.parametrize(
        ("text", "normal"),
        [
            ("203.0.113.7", "203.0.113.7"),
            (" 203.0.113.7/32 ", "203.0.113.7"),
            ("10.0.0.7/24", "10.0.0.0/24"),
            ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::ffff:10.0.0.7", "10.0.0.7"),
            ("::ffff:10.0.0.0/120", "10.0.0.0/24"),
        ],
    )
    def test_normal_form(self, text, normal):
        assert clean_ips([text]) == [normal]

    @pytest.mark.parametrize(
        "text", ["10.0.0", "10.0.0.1/33", "010.0.0.1", "example.com", "fe80::1%eth0", "1\x00", "½"]
    )
    def test_refused(self, text):
        with pytest.raises(Unacceptable):
            clean_ips([text])

    def test_the_same_network_counts_once(self):
        assert clean_ips(["10.0.0.1/24", "10.0.0.2/24", ""]) == ["10.0.0.0/24"]

    def test_fifty_fit_and_no_more(self):
        addresses = [f"10.0.0.{number}" for number in range(51)]
        assert clean_ips(addresses[:50]) == addresses[:50]
        with pytest.raises(Unacceptable):
            clean_ips(addresses)

    @given(st.ip_addresses())
    def test_an_address_is_in_its_own_network(self, address):
        (network,) = parse_networks(clean_ips([str(address)])) if "%" not in str(address) else (None,)
        seen = getattr(address, "ipv4_mapped", None) or ip_address(str(address))
        assert network is None or seen in network


def test_every_complaint_is_told_at_once():
    with pytest.raises(InvalidInput) as refusal:
        clean_terms({"name": "", "quota": -1, "models": [], "ips": ["x"]})
    assert set(refusal.value.details) == {"name", "quota", "ips"}
    assert (refusal.value.status, refusal.value.code) == (400, "invalid_payload")
