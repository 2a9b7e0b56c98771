"""Who calls the relay: a key in one of the three headers that clients use."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from config.client_address import client_address
from config.kernel.errors import NotAuthenticated, PermissionRefused, Unavailable
from relay.runtime import Runtime, current
from tokens import refusals
from tokens.keys import is_well_formed, key_hash
from tokens.passes import is_pass, read_pass
from tokens.selectors import TokenSnapshot, token_by_id, token_by_key

T = TypeVar("T")
READ_SECONDS = 2.0


class KeyAuthentication(BaseAuthentication):
    """DRF authentication by API key; `identify` is awaited by the relay's own dispatch.

    A change of the key is known within a second, and the hold re-checks key and wallet in the database.
    """

    def authenticate(self, request: Request) -> None:
        """Nothing to do synchronously."""
        return None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'

    async def identify(self, request: HttpRequest) -> TokenSnapshot:
        """The caller's token. Raises NotAuthenticated or PermissionRefused."""
        key = _key_of(request)
        token = await (_token_of_pass if is_pass(key) else _token_of)(current(), key)
        refusal = token.refusal()
        if refusal is not None:
            raise refusal
        _check_address(token, request)
        return token


def _key_of(request: HttpRequest) -> str:
    headers = request.META
    scheme, _, credential = headers.get("HTTP_AUTHORIZATION", "").partition(" ")
    key = credential.strip() if scheme.lower() == "bearer" else ""
    key = key or headers.get("HTTP_X_API_KEY", "") or headers.get("HTTP_API_KEY", "")
    if not key:
        raise NotAuthenticated("You did not provide an API key. Send it as: Authorization: Bearer sk-…")
    if not is_well_formed(key) and not is_pass(key):
        raise refusals.unknown()
    return key


async def _token_of(runtime: Runtime, key: str) -> TokenSnapshot:
    keys, digest = runtime.keys, key_hash(key, pepper=settings.KEY_PEPPER)
    token = keys.get(digest)
    if token is not None:
        return token
    generation = keys.generation
    token = await read_soon(runtime, token_by_key, key, refusal="Keys cannot be checked for a moment.")
    if token is None:
        raise refusals.unknown()
    keys.keep(digest, token, generation=generation)
    return token


async def _token_of_pass(runtime: Runtime, text: str) -> TokenSnapshot:
    """Read anew for each call: a pass is used once or twice, and must be forgotten when its minute is over."""
    leave = read_pass(text)
    token = await read_soon(
        runtime, token_by_id, leave.token, leave.group, refusal="Passes cannot be checked for a moment."
    )
    if token is None:
        raise refusals.unknown()
    return token


async def read_soon(runtime: Runtime, query: Callable[..., T], *arguments: Any, refusal: str) -> T:
    """Who cannot be looked up soon is asked to come back: a database that is away must not keep callers waiting."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await runtime.read(query, *arguments)
    except (TimeoutError, DatabaseError, InterfaceError):
        raise Unavailable(f"{refusal} Please retry.", code="service_unavailable", retry_after=2) from None


def _check_address(token: TokenSnapshot, request: HttpRequest) -> None:
    if not token.networks:
        return
    address = client_address(request)
    if address is None or not any(address in network for network in token.networks):
        raise PermissionRefused("This key may not be used from your address.", code="ip_not_allowed")
