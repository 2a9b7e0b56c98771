"""The blocking way out: sessions of `requests` for channel tests and payment gateways."""

import socket
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import create_connection

from config.egress.certificates import tls_context
from config.egress.guard import Guard, guard

CONNECT_SECONDS, SILENCE_SECONDS = 5.0, 30.0


class Session(requests.Session):
    """No redirects, no cookies, no proxies or passwords from the environment, addresses checked when dialled.

    Besides what `requests` raises, sending may raise EgressError.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = _Adapter(guard())
        for scheme in ("http://", "https://"):
            self.mount(scheme, adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None, so that requests hands a redirect out like any other answer."""
        return


class _Adapter(HTTPAdapter):
    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, ssl_context=tls_context(), **options)
        self.poolmanager.pool_classes_by_scheme = _pools(self._guard)

    def cert_verify(self, conn: Any, url: str, verify: bool | str, cert: Any) -> None:
        """The context checks; here would only be asked not to, or to trust other authorities."""
        if verify is not True or cert:
            raise ValueError("certificates are checked as EGRESS_CA_FILE says, and in no other way")

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """As requests does it, but never through a proxy and never without a time limit."""
        if proxies:
            raise ValueError("nothing is sent through a proxy: it would dial in our place")
        limits = timeout or (CONNECT_SECONDS, SILENCE_SECONDS)
        return super().send(request, stream=stream, timeout=limits, verify=verify, cert=cert)


def _pools(guard: Guard) -> dict[str, type[HTTPConnectionPool]]:
    """Pools whose connections dial addresses that passed. Host header, SNI and certificate stay those of the name."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _dial(guard, self)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _dial(guard, self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _dial(guard: Guard, connection: HTTPConnection) -> socket.socket:
    """The first address that answers."""
    problem: Exception | None = None
    for address in guard.addresses(connection.host, connection.port):
        try:
            return create_connection(
                (address, connection.port), connection.timeout, socket_options=connection.socket_options
            )
        except TimeoutError:
            problem = ConnectTimeoutError(connection, f"{connection.host} did not answer in time")
        except OSError as error:
            problem = NewConnectionError(connection, f"{connection.host} could not be reached: {error}")
    raise problem or NewConnectionError(connection, f"{connection.host} has no address")
