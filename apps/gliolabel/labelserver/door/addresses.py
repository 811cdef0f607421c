"""Where a request comes from."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from gliolabel.labelserver.login.proxies import came_through_stranger

#: Headers by which proxies say for whom they ask.
_FORWARDED: Final = ("x-forwarded-for", "x-real-ip")


def from_here(scope: Scope) -> bool:
    """Whether a request comes from the machine the server runs on.

    A proxy on this machine asks for others: what it says of them counts, as long as it makes the request less trusted.

    Args:
        scope: of the request.
    """
    client, headers = scope.get("client"), Headers(scope=scope)
    if client is None or "forwarded" in headers or came_through_stranger(Request(scope)):
        return False
    named = [address for name in _FORWARDED for value in headers.getlist(name) for address in value.split(",")]
    return all(is_loopback(address) for address in (client[0], *named))


def is_loopback(address: str) -> bool:
    """Whether an address is one under which a machine reaches itself.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("192.0.2.7"), is_loopback("0.0.0.0"), is_loopback("localhost")
        (True, True, False, False, False)
    """
    try:
        return ipaddress.ip_address(address.strip()).is_loopback
    except ValueError:
        return False


def only_here(host: str) -> bool:
    """Whether a server that listens on a host is reached from its own machine only.

    Args:
        host: an address or a name.
    """
    if is_loopback(host):
        return True
    try:
        return all(is_loopback(str(found[4][0])) for found in socket.getaddrinfo(host, None))
    except OSError:
        return False
