"""Calls of Stripe's SDK that leave through our own way out, their answers looked at before the SDK sees them."""

import json
import logging
import re
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import requests
import stripe
import urllib3

from config.egress.errors import EgressError
from config.egress.session import Session
from orders.providers.base import Account, GatewayRefused, GatewayUnreachable
from orders.providers.calling import body_of
from orders.providers.stripe_fields import Json
from orders.providers.stripe_settings import api_base

stripe.enable_telemetry = False  # else the SDK writes a file into the home directory and sends what it holds
logging.getLogger("stripe").setLevel(logging.WARNING)  # else it logs whatever a gateway says, secrets and all

_TIMEOUT, _WHOLE_SECONDS = (5.0, 20.0), 40.0
_PASSING = frozenset({408, 409, 425, 429})  # refusals that a later try may not meet
_UNEXPECTED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_SECRET = re.compile(r"\b((?:sk|rk)_(?:live|test)|whsec)_[^\s'\"]+")
_LONGEST_TEXT = 300


class NotThere(GatewayRefused):
    """Stripe knows no such object."""


class OtherTerms(GatewayRefused):
    """The idempotency key was used with other parameters."""


def ask(account: Account, call: Callable[[stripe.V1Services], stripe.StripeObject]) -> Json:
    """Make one call; its answer as plain values. Raises GatewayRefused (or a kind of it) or GatewayUnreachable."""
    with Session() as session:
        try:
            return call(_client(account, session).v1).to_dict()
        except stripe.StripeError as error:
            raise _translated(error) from None
        except _UNEXPECTED as error:
            raise GatewayUnreachable(f"Stripe's answer cannot be read ({type(error).__name__}).") from error


def _client(account: Account, session: Session) -> stripe.StripeClient:
    """Raises GatewayRefused where the account says no usable key or address."""
    key = account.secrets.get("secret_key", "")
    try:
        base = api_base(account)
    except ValueError as error:
        raise GatewayRefused(str(error)) from error
    if not key.isascii() or not key.isprintable() or not key:
        raise GatewayRefused("The account has no secret key.")
    addresses: Any = {"api": base} if base else None
    return stripe.StripeClient(key, base_addresses=addresses, max_network_retries=0, http_client=_WayOut(session))


class _WayOut(stripe.HTTPClient):
    """What the SDK sends by. Whatever is no proper answer of Stripe's ends here, with an error of ours."""

    name = "requests"

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        try:
            with self._session.request(
                method,
                url,
                headers={**(headers or {}), "Accept-Encoding": "identity"},
                data=post_data,
                timeout=_TIMEOUT,
                stream=True,
            ) as answer:
                body = body_of(answer, monotonic() + _WHOLE_SECONDS)
        except (EgressError, requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise GatewayUnreachable(_plain(f"{urlsplit(url).hostname} could not be asked: {error}")) from error
        answer.headers.pop("Stripe-Notice", None)  # the SDK would make it a warning of this process
        return _checked(answer.status_code, body), answer.status_code, answer.headers


def _checked(status: int, body: bytes) -> str:
    """The text of a JSON object, which tells of an error where the status does."""
    if 300 <= status < 400:
        raise GatewayRefused(f"Stripe answered with a redirect ({status}), which is not followed.")
    try:
        text = body.decode()
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or (status >= 400 and not isinstance(values.get("error"), dict)):
        raise GatewayUnreachable(f"The answer ({status}) is not one of Stripe's.")
    return text


def _translated(error: stripe.StripeError) -> GatewayRefused | GatewayUnreachable:
    status, text = error.http_status, _plain(f"Stripe answered {error.http_status}: {error.user_message}")
    if isinstance(error, stripe.IdempotencyError):
        return OtherTerms(text)
    if status == 404:
        return NotThere(text)
    if status is None or status >= 500 or status in _PASSING or isinstance(error, stripe.RateLimitError):
        return GatewayUnreachable(text)
    return GatewayRefused(text)


def _plain(text: str) -> str:
    """One short line without secrets: Stripe quotes parts of a wrong key, and a false Stripe could quote all of it."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _SECRET.sub(r"\1_…", line)[:_LONGEST_TEXT]
