"""Listening on a port, or the next free one."""

from __future__ import annotations

import errno
import socket

from swiftx.errors import BackendError

_TRIES = 100
_BACKLOG = 2048


def free_listener(host: str, first: int) -> socket.socket:
    """Return a listening socket on the first free port from `first` on; 0 lets the system choose.

    Raises:
        BackendError: The address is not of this machine, may not be used, or a hundred ports are taken.
    """
    try:
        (family, _, _, _, _), *_ = socket.getaddrinfo(host or None, first, type=socket.SOCK_STREAM)
    except OSError as error:
        raise BackendError(
            f"{host!r} is no address of this machine: {error}.",
            hint="0.0.0.0 means every address, 127.0.0.1 this machine alone.",
        ) from error
    last = first if first == 0 else min(first + _TRIES - 1, 65535)
    for port in range(first, last + 1):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE:
                continue
            raise BackendError(
                f"Cannot listen on {host}:{port}: {error.strerror}.",
                hint="Name another port (below 1024 only root may), or another address.",
            ) from error
        return listener
    raise BackendError(
        f"The ports {first} to {last} of {host} are all taken.", hint="Name another one."
    )
