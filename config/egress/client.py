"""The asynchronous way out: one pooled client whose sockets reach only what the guard lets pass."""

import io
import socket
from collections.abc import Callable
from contextvars import ContextVar
from errno import ECONNRESET, EPIPE

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType

from config.egress.certificates import certificate_fault, tls_context
from config.egress.errors import EgressError
from config.egress.guard import Guard, guard
from config.sockets import forget_the_vanished

KEPT_ALIVE_SECONDS = 30
KNOWN_SECONDS = 30
VANISHED_SECONDS = 30
REPORTED_CHARACTERS = 120
AT_ONCE_BYTES = 1024 * 1024  # more is written piece by piece, so that other requests have their turn meanwhile


# Of the request that is being sent. The list is shared with the tasks in which several addresses are tried at once.
_sockets_made: ContextVar[list[object]] = ContextVar("sockets made")


class Client:
    """Sends requests and nothing else: redirects, proxies and lax TLS cannot even be asked for."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def send(
        self, method: str, url: str, *, headers: dict[str, str], body: bytes | None = None
    ) -> aiohttp.ClientResponse:
        """The answer with its body unread. Raises aiohttp.ClientError, TimeoutError or EgressError.

        A server may close a connection that was kept alive just when it is used again, without a byte of an answer:
        then the request is sent once more. What a fresh connection does is the server's answer.
        """
        while True:
            made: list[object] = []
            _sockets_made.set(made)
            data = io.BytesIO(body) if body is not None and len(body) > AT_ONCE_BYTES else body
            try:
                return await self._session.request(method, url, data=data, headers=headers, allow_redirects=False)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                if made or not _was_closed(error):
                    raise

    async def close(self) -> None:
        await self._session.close()


def _was_closed(error: aiohttp.ServerDisconnectedError | aiohttp.ClientOSError) -> bool:
    """Whether the other side hung up before it said anything."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)  # else it holds half of an answer's head
    return error.errno in (ECONNRESET, EPIPE)


def open_client(*, timeout: aiohttp.ClientTimeout, read_buffer: int) -> Client:
    """Keep-alive, no cookies, no limit on connections but file handles. Call it inside the event loop."""
    doorman = guard()
    connector = aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=KEPT_ALIVE_SECONDS,
        ttl_dns_cache=KNOWN_SECONDS,  # of addresses that passed, so what is dialled later passed as well
        ssl=tls_context(),
        resolver=_Resolver(doorman),
        socket_factory=_socket_factory(doorman),
    )
    return Client(
        aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # aiohttp sets no limit to how much a body grows; see relay/decoding.py
            read_bufsize=read_buffer,
        )
    )


class _Resolver(AbstractResolver):
    """Answers aiohttp with addresses that passed. Hosts that are addresses never come here: see `_socket_factory`."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in await self._guard.addresses_soon(host, port)
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _socket_factory(guard: Guard) -> Callable[[AddrInfoType], socket.socket]:
    """Makes the socket for the address it is given, which is the one that is dialled next; or refuses to."""

    def make(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        guard.check(address[0], address[1])
        _sockets_made.get().append(address)
        made = socket.socket(family=family, type=kind, proto=protocol)
        forget_the_vanished(made, seconds=VANISHED_SECONDS)
        return made

    return make


def told(error: Exception) -> str:
    """Why sending failed, for the operator; it may name hosts and addresses."""
    match error:
        case EgressError():
            return str(error)
        case aiohttp.ClientConnectorCertificateError():
            return f"The certificate is not accepted: {certificate_fault(error)}."
        case aiohttp.ClientSSLError():
            return "There is no secure connection: TLS failed."
        case aiohttp.ConnectionTimeoutError():
            return "There was no connection in time: the server is silent, or stalls before TLS is up."
        case TimeoutError():
            return "There was no answer in time."
        case aiohttp.ClientConnectorError():
            return f"The connection was refused: {error.strerror or error.os_error}."
        case aiohttp.ClientResponseError():
            return f"The answer is not proper HTTP: {error.message[:REPORTED_CHARACTERS]}"
    return "The connection was lost."
