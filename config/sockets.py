"""What the kernel is asked to do for a connection whose other end may lose its power or its network."""

import socket


def forget_the_vanished(connection: socket.socket, *, seconds: float) -> None:
    """Break the connection once its other end has acknowledged nothing for so long, be anything sent to it or not.

    A host that vanishes closes nothing: without this, who waits for it waits for ever. What a listening socket accepts
    inherits it. Only Linux knows how; elsewhere nothing happens.
    """
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        return
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
    # Where nothing is sent, it is asked for a sign of life: first after half of the time, then thrice.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, True)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(int(seconds / 2), 1))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(int(seconds / 6), 1))
