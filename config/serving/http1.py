"""uvicorn's HTTP/1.1, but for requests that offer to go on in another protocol. Java's client offers HTTP/2 with each.

An offer may be ignored, and is (RFC 9110, 7.8). The parser however takes what follows the head for the other protocol:
uvicorn would answer a request without its body, and read the body as the next request.
"""

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HttpProtocol(HttpToolsProtocol):
    """Reads such a request once more, without the offer."""

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._read_without_offer(data[offer.args[0] :])
        except httptools.HttpParserError:
            self._refuse()

    def on_headers_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _read_without_offer(self, rest: bytes) -> None:
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":  # no offer: the request itself
            self._refuse()
            return
        kept = (b"%s: %s\r\n" % header for header in self.headers if header[0] != b"upgrade")
        self.data_received(b"%s %s HTTP/%s\r\n%s\r\n%s" % (method, self.url, version, b"".join(kept), rest))

    def _refuse(self) -> None:
        self.send_400_response("Invalid HTTP request received.")
