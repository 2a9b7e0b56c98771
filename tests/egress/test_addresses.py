"""Which addresses are refused: by kind, in every notation, at the moment they are dialled."""

from ipaddress import ip_address

import pytest
import requests
from aiohttp import ClientError

from config.egress.addresses import why_refused
from config.egress.errors import EgressError
from relay.base_url import clean_base_url
from tests.egress import zone
from tests.egress.conftest import by_client, by_session

REFUSED = """
    127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1
    169.254.0.1 169.254.169.254 169.254.170.2 100.64.0.1 100.127.255.255 100.100.100.200 168.63.129.16
    192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9
    224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::808:808
    64:ff9b:1::1 100::1 2001::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:808:808:: 3fff::1 4000::1 5f00::1
    fc00::1 fd00:ec2::254 fd20:ce::254 fdff::1 fe80::1 fec0::1 ff02::1 ff0e::1
"""
PUBLIC = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.1.1.1 128.0.0.1 172.15.1.1 172.32.0.1
    191.255.0.1 192.167.1.1 192.169.1.1 198.17.1.1 198.20.0.1 223.255.255.254
    2606:4700::1111 2400:3200::1 2a00:1450:4001::1 2001:200::1 2001:4860:4860::8888 2003::1
"""

# How to say 127.0.0.1, and worse, to whoever checks the text and not the address.
SHORTHANDS = """
    127.1 127.0.1 127.000.000.001 0177.0.0.1 0x7f.0.0.1 0x7f000001 0x7F.1 2130706433 017700000001 127.0x0.0.1 0
    00000000.0.0.0 2852039166 0xa9fea9fe 0251.0376.0251.0376
"""
SPELT_OUT = """
    127.0.0.1 127.0.0.1. 0.0.0.0 [::1] [::] [::ffff:127.0.0.1] [0:0:0:0:0:ffff:7f00:1] [::127.0.0.1]
    [64:ff9b::127.0.0.1] [2002:7f00:1::] [fe80::1] [fd00:ec2::254] localhost LOCALHOST localhost. ip6-localhost
    169.254.169.254 100.100.100.200 168.63.129.16
"""
HOSTILE_URLS = [
    "http://[fe80::1%25lo]/v1",
    "http://[fe80::1%lo]/v1",
    "http://[::1%25lo]/v1",
    "http://１２７.0.0.1/v1",
    "http://①②⑦.⓪.⓪.①/v1",
    "http://127。0。0。1/v1",
    "http://ⓛocalhost/v1",
    "http://upstream.invalid@127.0.0.1/v1",
    "http://upstream.invalid:443@127.0.0.1/v1",
    "http://127.0.0.1\\@upstream.invalid/v1",
    "http://127.0.0.1#@upstream.invalid/v1",
    "http://127.0.0.1?@upstream.invalid/v1",
    "http://%31%32%37.0.0.1/v1",
    "http://127.0.0.1%00.upstream.invalid/v1",
    "http://upstream.invalid\r\n.127.0.0.1/v1",
    "http:///127.0.0.1/v1",
    "http://:80/v1",
    "file:///etc/passwd",
    "unix:///var/run/docker.sock",
    "gopher://127.0.0.1/v1",
]


@pytest.mark.parametrize("text", REFUSED.split())
def test_an_address_that_is_not_public_is_refused_by_name_of_its_kind(text):
    assert why_refused(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC.split())
def test_a_public_address_is_not(text):
    assert why_refused(ip_address(text)) == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("169.254.169.254", "metadata"),
        ("192.168.1.1", "private"),
        ("::ffff:1.1.1.1", "disguise"),
    ],
)
def test_the_kind_is_told(text, kind):
    assert kind in why_refused(ip_address(text))


@pytest.mark.parametrize("text", REFUSED.split())
def test_a_name_that_leads_to_it_is_refused_when_dialled(text, fetch):
    host = zone.name([text])
    with pytest.raises(EgressError, match="nothing is sent there"):
        fetch(f"http://{host}:9/")
    assert zone.asked[host] == 1


@pytest.mark.parametrize("host", (SHORTHANDS + SPELT_OUT).split())
def test_no_notation_gets_through_when_dialled(host):
    url = f"http://{host}:9/v1"
    with pytest.raises((EgressError, ClientError, ValueError)) as by_the_client:
        by_client(url)
    with pytest.raises((EgressError, requests.exceptions.InvalidURL)) as by_the_session:
        by_session(url)
    # A refused connection would mean that it was tried.
    assert "onnect" not in f"{by_the_client.value!r} {by_the_session.value!r}"


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_no_disguised_url_is_dialled(url):
    for send in (by_client, by_session):
        with pytest.raises((EgressError, ClientError, requests.RequestException, ValueError)) as raised:
            send(url)
        assert "refused:" not in repr(raised.value)
        assert "onnect call" not in repr(raised.value)


@pytest.mark.parametrize(
    "url", [*HOSTILE_URLS, *(f"http://{host}/v1" for host in [*SHORTHANDS.split(), "a..b", "a b", "[::1"])]
)
def test_none_of_them_can_be_saved(url):
    with pytest.raises(ValueError, match=r"\S"):
        clean_base_url(url)
