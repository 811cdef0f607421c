"""Whether a port can be listened on."""

from __future__ import annotations

import errno
import socket


def port_is_free(host: str, port: int) -> bool:
    """Try to listen, and stop at once.

    Raises:
        OSError: it cannot be listened on for another reason than being in use: no such address, no permission.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: a port just left is free
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True
