"""TLS: the certificate is checked against the name, whatever address was dialled, and cannot be waived."""

import pytest

from config.egress.certificates import certificate_fault
from config.egress.client import told
from config.egress.session import Session
from tests.egress import zone
from tests.egress.conftest import by_client
from tests.egress.listener import listening

ELSEWHERE = "127.0.0.2"


@pytest.fixture
def trusting(settings, authority):
    settings.EGRESS_ALLOW, settings.EGRESS_CA_FILE = [ELSEWHERE], str(authority.file)


def refusal(fetch, url, **options):
    with pytest.raises(Exception, match=r".") as raised:
        fetch(url, **options)
    return raised.value


def test_the_name_is_what_the_server_is_asked_for_and_must_prove(trusting, authority, fetch):
    host = zone.name([ELSEWHERE])
    asked_for = []
    tls = authority.server(host)
    tls.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    with listening(address=ELSEWHERE, tls=tls) as server:
        assert fetch(f"https://{host}:{server.port}/").body == b"ok"
    assert asked_for == [host]


def test_a_certificate_for_another_name(trusting, authority, fetch):
    with listening(address=ELSEWHERE, tls=authority.server("elsewhere.example")) as server:
        error = refusal(fetch, f"https://{zone.name([ELSEWHERE])}:{server.port}/")
        assert server.heads == []
    assert "ostname mismatch" in certificate_fault(error)


def test_an_expired_certificate(trusting, authority, fetch):
    host = zone.name([ELSEWHERE])
    with listening(address=ELSEWHERE, tls=authority.expired(host)) as server:
        error = refusal(fetch, f"https://{host}:{server.port}/")
        assert server.heads == []
    assert certificate_fault(error) == "certificate has expired"


def test_an_authority_that_nobody_knows(settings, authority, fetch):
    settings.EGRESS_ALLOW, settings.EGRESS_CA_FILE = [ELSEWHERE], ""
    host = zone.name([ELSEWHERE])
    with listening(address=ELSEWHERE, tls=authority.server(host)) as server:
        error = refusal(fetch, f"https://{host}:{server.port}/")
        assert server.heads == []
    assert "certificate" in certificate_fault(error)


def test_a_server_that_stalls_before_tls_is_up(trusting, fetch):
    with listening(None, address=ELSEWHERE) as server:
        error = refusal(fetch, f"https://{ELSEWHERE}:{server.port}/", seconds=0.1)
        assert server.connections == 1
    assert "ime" in type(error).__name__  # …Timeout… of the one library or the other


def test_a_server_that_speaks_no_tls(trusting, fetch):
    with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n", address=ELSEWHERE, speaks_first=True) as server:
        error = refusal(fetch, f"https://{ELSEWHERE}:{server.port}/")
    assert certificate_fault(error) == ""


@pytest.mark.parametrize("option", [{"verify": False}, {"verify": "/etc/ssl/other.pem"}, {"cert": "/tmp/mine.pem"}])
def test_the_check_cannot_be_waived(trusting, authority, option):
    host = zone.name([ELSEWHERE])
    with listening(address=ELSEWHERE, tls=authority.expired(host)) as server, Session() as session:
        with pytest.raises(ValueError, match="certificates are checked"):
            session.get(f"https://{host}:{server.port}/", **option)
        assert server.connections == 0


def test_a_session_cannot_be_led_through_a_proxy(trusting):
    with listening(address=ELSEWHERE) as proxy, Session() as session:
        with pytest.raises(ValueError, match="proxy"):
            session.get(f"http://{ELSEWHERE}:9/", proxies={"http": f"http://{ELSEWHERE}:{proxy.port}"})
        assert proxy.connections == 0


def test_the_operator_is_told_what_is_wrong(trusting, authority):
    host = zone.name([ELSEWHERE])
    with listening(address=ELSEWHERE, tls=authority.expired(host)) as server:
        assert told(refusal(by_client, f"https://{host}:{server.port}/")) == (
            "The certificate is not accepted: certificate has expired."
        )
