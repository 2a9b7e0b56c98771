"""What is dialled is what was checked, and nothing leads elsewhere: no second look-up, no redirect, no proxy."""

from contextlib import ExitStack, contextmanager

import pytest

from config.egress.errors import AddressRefused, NameUnresolved
from tests.egress import zone
from tests.egress.listener import OK, listening, redirect_to

ELSEWHERE = "127.0.0.2"  # of two loopback addresses, this one plays the public internet


@pytest.fixture
def public(settings):
    """Nothing on the loopback may be dialled but ELSEWHERE."""
    settings.EGRESS_ALLOW = [ELSEWHERE]


@contextmanager
def both_on_one_port():
    """A server elsewhere, and one here on the same port: another one where somebody has that here already."""
    with ExitStack() as stack:
        for attempt in range(20):
            good = stack.enter_context(listening(address=ELSEWHERE))
            try:
                bad = stack.enter_context(listening(port=good.port))
            except OSError:
                assert attempt < 19
                continue
            break
        yield good, bad


def test_a_name_is_looked_up_once_and_that_answer_is_dialled(public, fetch):
    with both_on_one_port() as (good, bad):
        host = zone.name([ELSEWHERE], ["127.0.0.1"])  # the second answer is the trap
        assert fetch(f"http://{host}:{good.port}/").body == b"ok"
        assert (zone.asked[host], good.connections, bad.connections) == (1, 1, 0)


def test_a_name_that_flips_is_refused_at_its_next_dial(public, fetch):
    with both_on_one_port() as (good, bad):
        host = zone.name([ELSEWHERE], ["127.0.0.1"])
        url = f"http://{host}:{good.port}/"
        assert fetch(url).body == b"ok"
        with pytest.raises(AddressRefused):
            fetch(url)
        assert (zone.asked[host], good.connections, bad.connections) == (2, 1, 0)


@pytest.mark.parametrize("answer", [["127.0.0.1", ELSEWHERE], [ELSEWHERE, "127.0.0.1"], ["::1", ELSEWHERE, "10.0.0.1"]])
def test_of_mixed_answers_only_those_that_pass_are_dialled(public, fetch, answer):
    with both_on_one_port() as (good, bad):
        assert fetch(f"http://{zone.name(answer)}:{good.port}/").body == b"ok"
        assert (good.connections, bad.connections) == (1, 0)


def test_a_dead_address_is_not_replaced_by_one_that_did_not_pass(public, fetch):
    with listening() as bad:
        host = zone.name([ELSEWHERE, "127.0.0.1"])  # nobody listens elsewhere
        with pytest.raises(Exception, match="onnect"):
            fetch(f"http://{host}:{bad.port}/")
        assert bad.connections == 0


def test_the_next_address_is_tried(settings, fetch):
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with listening(address=ELSEWHERE) as server:
        assert fetch(f"http://{zone.name(['127.0.0.3', ELSEWHERE])}:{server.port}/").body == b"ok"


def test_a_name_nobody_has(fetch):
    with pytest.raises(NameUnresolved, match="host name is unknown"):
        fetch(f"http://{zone.name(zone.unknown())}/")


def test_a_name_without_addresses(fetch):
    with pytest.raises(AddressRefused):
        fetch(f"http://{zone.name([])}/")


def test_the_host_header_is_the_name(public, fetch):
    with listening(address=ELSEWHERE) as server:
        host = zone.name([ELSEWHERE])
        fetch(f"http://{host}:{server.port}/")
        assert f"\r\nhost: {host}:{server.port}\r\n" in server.heads[0].lower()


def test_a_redirect_is_an_answer_and_not_followed(public, fetch):
    with listening() as inside, listening(redirect_to(f"http://127.0.0.1:{inside.port}/"), address=ELSEWHERE) as server:
        assert fetch(f"http://{ELSEWHERE}:{server.port}/").status == 307
        assert (server.connections, inside.connections) == (1, 0)


def test_a_redirect_to_a_public_host_is_not_followed_either(settings, fetch):
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with listening() as other, listening(redirect_to(f"http://127.0.0.1:{other.port}/")) as server:
        fetch(f"http://127.0.0.1:{server.port}/", headers={"Authorization": "Bearer canary"})
        assert (server.connections, other.connections) == (1, 0)


def test_proxies_and_passwords_of_the_environment_are_not_used(public, fetch, monkeypatch, tmp_path):
    with listening(address=ELSEWHERE) as server, listening(address=ELSEWHERE) as proxy:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, f"http://{ELSEWHERE}:{proxy.port}")
        netrc = tmp_path / "netrc"
        netrc.write_text(f"machine {ELSEWHERE} login someone password canary\n")
        monkeypatch.setenv("NETRC", str(netrc))
        fetch(f"http://{ELSEWHERE}:{server.port}/")
        assert (server.connections, proxy.connections) == (1, 0)
        assert "authorization" not in server.heads[0].lower()


def test_cookies_are_not_kept(public, fetch):
    baking = OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: session=canary; Path=/\r\n\r\n", 1)
    with listening(baking, address=ELSEWHERE) as server:
        url = f"http://{zone.name([ELSEWHERE])}:{server.port}/"
        fetch(url, url)
        assert server.connections == 2
        assert "cookie" not in server.heads[1].lower()
