"""Upstreams that cannot or may not be reached: failover, a neutral word for the caller, the truth for the operator."""

import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import pytest

from config.kernel.errors import DomainError
from config.kernel.money import usd
from relay.probe import list_upstream_models
from tests.egress import zone
from tests.egress.authority import Authority
from tests.egress.listener import listening
from tests.factories import make_target
from tests.relay.conftest import chat

pytestmark = [pytest.mark.live]
MODEL = "sandbox-mini"


@pytest.fixture(autouse=True)
def quick_and_scripted(settings):
    import_module("config.asgi")  # it sets up logging anew, which in the middle of a test would leave caplog without
    settings.EGRESS_LOOKUP, settings.EGRESS_LOOKUP_TIMEOUT, settings.RELAY_CONNECT_TIMEOUT = zone.LOOKUP, 0.25, 0.5


@pytest.fixture
def authority(settings, tmp_path):
    made = Authority(tmp_path)
    settings.EGRESS_CA_FILE = str(made.file)
    return made


@pytest.fixture
def silence():
    """A name server that does not answer until the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def first(base_url):
    """A channel that is tried before the sandbox."""
    return {"base_url": base_url, "models": [MODEL], "priority": 9, "name": "bad"}


def fails_over(alice, caplog, reason):
    """The bad channel is tried, the sandbox answers, and the log says what is the matter with the bad one."""
    assert alice.post(chat()).status_code == 200
    (record,) = alice.records
    assert [attempt["channel"] == "bad" for attempt in record.attempts] == [True, False]
    assert f"channel bad: {reason}" in caplog.text


def fails_alone(alice, *secrets, status=502):
    """Nothing is charged, and the caller is told nothing of what is behind us."""
    answer = alice.post(chat())
    assert answer.status_code == status
    assert not any(secret in answer.text for secret in ("127.0.0", "EGRESS", ".example", "certificate", *secrets))
    (record,) = alice.records
    assert (record.charge, alice.wallet.balance, alice.wallet.held) == (0, usd("1"), 0)


# ── Names and addresses ──────────────────────────────────────────────────────


def test_a_refused_address(caller_of, caplog):
    alice = caller_of(channels=[first("http://10.0.0.1:8000/v1"), {}])
    fails_over(alice, caplog, "10.0.0.1 is a private address")
    assert "add 10.0.0.1:8000 to the setting EGRESS_ALLOW" in caplog.text


def test_a_refused_address_is_no_matter_of_the_callers(caller_of):
    fails_alone(caller_of(channels=[first("http://169.254.169.254/v1")]), "metadata", "169.254")


def test_a_name_that_flips(caller_of, caplog):
    with listening() as trap:
        host = zone.name(["192.168.7.7"], ["127.0.0.1"])
        fails_over(caller_of(channels=[first(f"http://{host}:{trap.port}/v1"), {}]), caplog, f"{host} leads to 192.168")
        assert (zone.asked[host], trap.connections) == (1, 0)


def test_a_name_that_works(caller_of, sandbox):
    host = zone.name(["10.9.9.9", "127.0.0.1"])
    alice = caller_of(channels=[{"base_url": sandbox.replace("127.0.0.1", host)}])
    assert alice.post(chat()).status_code == 200


def test_an_unknown_name(caller_of, caplog):
    host = zone.name(zone.unknown())
    fails_over(caller_of(channels=[first(f"http://{host}/v1"), {}]), caplog, f"This host name is unknown: {host}")


def test_a_silent_name_server_stops_nobody(caller_of, caplog, silence):
    """Its look-up never ends, so each of these answers proves that nobody waited for it."""
    host = zone.name(silence)
    alice = caller_of(channels=[first(f"http://{host}/v1"), {}])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: alice.post(chat()), range(24)))
    assert {answer.status_code for answer in answers} == {200}
    assert zone.asked[host] == 1
    assert f"channel bad: The host name {host} could not be looked up within 0.25 s" in caplog.text


def test_a_silent_name_server_alone(caller_of, silence):
    fails_alone(caller_of(channels=[first(f"http://{zone.name(silence)}/v1")]), "looked up")


# ── Certificates ─────────────────────────────────────────────────────────────


def test_an_expired_certificate(caller_of, caplog, authority):
    host = zone.name(["127.0.0.1"])
    with listening(tls=authority.expired(host)) as server:
        alice = caller_of(channels=[first(f"https://{host}:{server.port}/v1"), {}])
        fails_over(alice, caplog, "The certificate is not accepted: certificate has expired.")
        assert (server.connections, server.heads) == (1, [])


def test_a_certificate_of_somebody_else(caller_of, caplog, authority):
    host = zone.name(["127.0.0.1"])
    with listening(tls=authority.server("elsewhere.example")) as server:
        alice = caller_of(channels=[first(f"https://{host}:{server.port}/v1"), {}])
        fails_over(alice, caplog, "The certificate is not accepted: Hostname mismatch")
        assert (server.connections, server.heads) == (1, [])


def test_a_bad_certificate_is_no_matter_of_the_callers(caller_of, authority):
    host = zone.name(["127.0.0.1"])
    with listening(tls=authority.expired(host)) as server:
        fails_alone(caller_of(channels=[first(f"https://{host}:{server.port}/v1")]), "expired")


def test_a_handshake_that_stalls(caller_of, caplog, settings):
    with listening(None) as server:
        alice = caller_of(channels=[first(f"https://127.0.0.1:{server.port}/v1"), {}])
        fails_over(alice, caplog, "There was no connection in time: the server is silent, or stalls before TLS is up.")
        assert server.connections == 1


def test_a_handshake_that_stalls_alone(caller_of):
    with listening(None) as server:
        fails_alone(caller_of(channels=[first(f"https://127.0.0.1:{server.port}/v1")]), status=504)


# ── The operator's own tests ─────────────────────────────────────────────────


def told(base_url):
    with pytest.raises(DomainError) as raised:
        list_upstream_models(make_target(base_url, secret="canary"))
    return raised.value.message


def test_the_channel_test_says_what_to_allow():
    assert told("http://192.168.1.9:11434/v1") == (
        "192.168.1.9 is a private address: nothing is sent there. "
        "If this server is yours, add 192.168.1.9:11434 to the setting EGRESS_ALLOW and restart."
    )


def test_the_channel_test_says_what_is_wrong_with_a_certificate(authority):
    host = zone.name(["127.0.0.1"])
    with listening(tls=authority.expired(host)) as server:
        assert "its certificate is not accepted (certificate has expired)" in told(f"https://{host}:{server.port}/v1")
        assert server.heads == []


def test_the_channel_test_does_not_wait_for_a_silent_name_server(silence):
    assert "could not be looked up within 0.25 s" in told(f"http://{zone.name(silence)}/v1")
