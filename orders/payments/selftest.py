"""Whether a payment account would work: its settings, its address for notifications, the gateway behind it.

Nothing is bought: a message that nobody signed has to be refused by ourselves, and a number that nobody has given out
has to be unknown to the gateway.
"""

import secrets
import time
from dataclasses import dataclass

import requests
import urllib3
from django.utils.translation import gettext as _

from config.egress.errors import AddressRefused, EgressError
from config.egress.session import Session
from orders.models import ProviderAccount
from orders.payments.accounts import opened, problems_of, provider_of
from orders.payments.paying import notify_url
from orders.providers.base import GatewayError, GatewayUnreachable, PaymentStatus
from orders.providers.calling import body_of
from orders.providers.no_gateway import NoGateway

CONNECT_SECONDS, SILENCE_SECONDS, TOTAL_SECONDS = 5.0, 10.0, 15.0
PROBE = b"probe=1"
_FAILURES = (EgressError, requests.RequestException, urllib3.exceptions.HTTPError, OSError, GatewayUnreachable)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what is the matter with it in words."""

    subject: str
    words: str
    is_good: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back from an address. `location` is where a redirect leads."""

    status: int
    body: str
    location: str = ""


def self_test(account: ProviderAccount) -> list[Finding]:
    """The findings in the order in which they have to be mended. Sends at most two requests, within seconds."""
    problems = problems_of(account)
    if problems:
        return [Finding(_("Settings"), problem, is_good=False) for problem in problems]
    findings = [Finding(_("Settings"), _("Complete."), is_good=True)]
    if not isinstance(provider_of(account), NoGateway):
        findings.append(_test_address(account))
    if provider_of(account).capabilities(opened(account)).query:
        findings.append(_test_gateway(account))
    return findings


# ── Our own address ──────────────────────────────────────────────────────────


def _test_address(account: ProviderAccount) -> Finding:
    wrong = _wrong_with(account, notify_url(account))
    words = wrong or _("It leads here, and refuses what is not signed.")
    return Finding(_("Address for notifications"), words, is_good=not wrong)


def _wrong_with(account: ProviderAccount, url: str) -> str:
    try:
        heard = _post(url)
    except AddressRefused:
        words = _("%(url)s is no public address: a gateway on the internet can't reach it. Check SITE_URL.")
        return words % {"url": url}
    except _FAILURES as error:
        return _no_answer(error)
    expected = provider_of(account).reply(opened(account), accepted=False)
    if heard.status == max(expected.status, 400) and heard.body.strip() == expected.body.strip():
        return ""
    return _not_ours(heard)


def _post(url: str) -> Heard:
    deadline = time.monotonic() + TOTAL_SECONDS
    timeout = (CONNECT_SECONDS, SILENCE_SECONDS)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Tollbooth self-test"}
    with Session() as session, session.post(url, data=PROBE, headers=headers, timeout=timeout, stream=True) as answer:
        body = body_of(answer, deadline).decode(errors="replace")
        return Heard(answer.status_code, body, answer.headers.get("Location", ""))


def _no_answer(error: Exception) -> str:
    if isinstance(error, requests.Timeout | GatewayUnreachable):
        return _("There was no answer in time. A firewall may drop what comes from outside.")
    if isinstance(error, requests.exceptions.SSLError):
        return _("The certificate of SITE_URL is not valid, so gateways will not send anything.")
    return _("Nothing answers at SITE_URL: is its name right, and does the proxy run? (%(error)s)") % {
        "error": type(error).__name__
    }


def _not_ours(heard: Heard) -> str:
    if 300 <= heard.status < 400:
        return _("It redirects to %(url)s. Gateways follow no redirects: make SITE_URL the final address.") % {
            "url": heard.location[:200] or "?"
        }
    if heard.status in (401, 403):
        return _("Something in front of this site refuses it (status %(status)d): let /api/payments/ through.") % {
            "status": heard.status
        }
    if heard.status == 404:
        return _("It is not found: SITE_URL leads to another server, or the proxy does not pass /api/payments/ on.")
    if heard.status >= 500:
        return _("The proxy or the server failed (status %(status)d).") % {"status": heard.status}
    return _("Something else answers there (status %(status)d): SITE_URL or the proxy leads elsewhere.") % {
        "status": heard.status
    }


# ── The gateway ──────────────────────────────────────────────────────────────


def _test_gateway(account: ProviderAccount) -> Finding:
    subject, number = _("Gateway"), f"SELFTEST{secrets.token_hex(8).upper()}"
    try:
        state = provider_of(account).query(opened(account), reference=number, provider_ref="")
    except GatewayError as error:
        return Finding(subject, _("Asked for a made-up number: %(error)s") % {"error": error}, is_good=False)
    if state.status in (PaymentStatus.PAID, PaymentStatus.REFUNDED):
        words = _("It says that a made-up number was paid: its word can't be trusted.")
        return Finding(subject, words, is_good=False)
    return Finding(subject, _("It takes these credentials, and knows no made-up number."), is_good=True)
