"""Servers that answer every request with the same bytes and remember what reached them."""

import socket
import ssl
import threading
from contextlib import contextmanager, suppress

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Listener:
    """Where it listens, how many connected, and the head of every request."""

    def __init__(self, sock):
        self.address, self.port = sock.getsockname()[:2]
        self.connections = 0
        self.heads = []


@contextmanager
def listening(answer=OK, *, address="127.0.0.1", port=0, tls=None, speaks_first=False):
    """`answer` None: connections are accepted and left alone, TLS or not."""
    sock = socket.create_server((address, port))
    listener = Listener(sock)
    opened = []

    def serve():
        with suppress(OSError):
            while True:
                connection, _ = sock.accept()
                opened.append(connection)
                listener.connections += 1
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    def talk(connection):
        if answer is None:
            return
        with suppress(OSError):
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)
                opened.append(connection)
            head = b""
            while b"\r\n\r\n" not in head and not speaks_first:
                if not (read := connection.recv(65536)):
                    return
                head += read
            listener.heads.append(head.decode())
            connection.sendall(answer)
            with suppress(OSError, ssl.SSLError):
                connection.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()
        thread.join(timeout=5)
        for connection in opened:
            connection.close()


def redirect_to(url):
    return f"HTTP/1.1 307 Elsewhere\r\nLocation: {url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
