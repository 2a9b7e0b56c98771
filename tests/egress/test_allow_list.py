"""EGRESS_ALLOW: what the operator's own servers need, and what each entry opens."""

import pytest

from config.egress.addresses import AllowList, entry_for, parse_address
from config.egress.errors import AddressRefused
from config.egress.guard import guard
from tests.egress import zone
from tests.egress.listener import listening

UNREADABLE = """
    10.0.0.1/8 10.0.0.0/33 127.1 2130706433 0x7f000001 *.example.com http://ollama ollama: ollama:0 ollama:65536
    ollama:x ollama:² [::1 [::1]x a..b -a user@host host/path
"""


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        ("10.0.0.0/8", [("10.0.0.1", 80), ("10.255.0.1", 443)], [("11.0.0.1", 80), ("127.0.0.1", 80)]),
        ("127.0.0.1", [("127.0.0.1", 1), ("127.0.0.1", 65535)], [("127.0.0.2", 1)]),
        ("127.0.0.1:11434", [("127.0.0.1", 11434)], [("127.0.0.1", 11435), ("::1", 11434)]),
        ("::1", [("::1", 80)], [("::2", 80), ("127.0.0.1", 80)]),
        ("[::1]:8000", [("::1", 8000)], [("::1", 8001)]),
        ("[::1]", [("::1", 80)], [("::2", 80)]),
        ("fd00::/8", [("fd12::1", 80)], [("fe80::1", 80)]),
        ("127.0.0.0/8", [("127.1.2.3", 80)], [("::ffff:127.0.0.1", 80)]),
        (" 10.0.0.0/8 ", [("10.0.0.1", 80)], []),
    ],
)
def test_an_entry_opens_what_it_says_and_no_more(entry, inside, outside):
    allowed = AllowList.of([entry])
    assert all(allowed.has_address(parse_address(address), port) for address, port in inside)
    assert not any(allowed.has_address(parse_address(address), port) for address, port in outside)


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        ("ollama", [("ollama", 1)], [("ollama.example", 1), ("xollama", 1)]),
        ("Gpu.Example.com:8000", [("gpu.example.com", 8000)], [("gpu.example.com", 80), ("example.com", 8000)]),
        ("gpu.example.com.", [("gpu.example.com", 80)], []),
        ("host_of_docker:80", [("host_of_docker", 80)], []),
    ],
)
def test_names_may_be_entries(entry, inside, outside):
    allowed = AllowList.of([entry])
    assert all(allowed.has_name(*pair) for pair in inside)
    assert not any(allowed.has_name(*pair) for pair in outside)


@pytest.mark.parametrize("entry", UNREADABLE.split())
def test_what_cannot_be_read_is_told_at_once(entry, settings):
    settings.EGRESS_ALLOW = [entry]
    with pytest.raises(ValueError, match="EGRESS_ALLOW: "):
        guard()


def test_nothing_is_allowed_by_nothing():
    assert AllowList.of(["", " "]) == AllowList()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_the_refusal_names_the_entry_that_mends_it(host, fetch, settings):
    with pytest.raises(AddressRefused) as refused:
        fetch(f"http://{host}:11434/v1")
    entry = f"{host}:11434"
    assert f"add {entry} to the setting EGRESS_ALLOW" in str(refused.value)
    assert AllowList.of([entry]) == AllowList.of([entry_for(host.strip("[]"), 11434)])


def test_the_entry_mends_it(fetch, settings):
    with listening() as server:
        settings.EGRESS_ALLOW = [f"127.0.0.1:{server.port}"]
        assert fetch(f"http://127.0.0.1:{server.port}/").body == b"ok"


def test_a_name_is_named_with_the_address_it_leads_to(fetch, settings):
    with listening() as server:
        host = zone.name(["127.0.0.1"])
        with pytest.raises(AddressRefused, match=f"{host} leads to 127.0.0.1.*add {host}:{server.port} to"):
            fetch(f"http://{host}:{server.port}/")
        assert server.connections == 0
        settings.EGRESS_ALLOW = [f"{host}:{server.port}"]
        assert fetch(f"http://{host}:{server.port}/").body == b"ok"


def test_a_name_that_is_allowed_opens_no_other_name(fetch, settings):
    with listening() as server:
        mine, theirs = zone.name(["127.0.0.1"]), zone.name(["127.0.0.1"])
        settings.EGRESS_ALLOW = [mine]
        with pytest.raises(AddressRefused):
            fetch(f"http://{mine}:{server.port}/", f"http://{theirs}:{server.port}/")
        assert server.connections == 1
