"""Where a request comes from, also behind a reverse proxy.

A proxy writes its client's address into ``X-Forwarded-For``, and so can anybody. uvicorn, which runs MONAI Label's server, believes
whatever comes from 127.0.0.1: behind an SSH tunnel or any other forwarder that is everybody. Here only the proxies of
``--conf trusted_proxies`` are believed.
"""

from __future__ import annotations

import ipaddress
import logging
import os
from collections.abc import Sequence
from typing import Final

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gliolabel.errors import InputError

_LOG = logging.getLogger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: What uvicorn believes if nobody says otherwise.
_UVICORNS: Final = "127.0.0.1"
_VARIABLE: Final = "FORWARDED_ALLOW_IPS"
#: Where a request keeps the address of a proxy that is not believed.
_STRANGER: Final = "unknown_proxy"


class ClientAddresses:
    """ASGI middleware that sets a request's client to whom the proxies vouch for.

    Args:
        app: what comes next.
        trusted: the proxies that are believed.
    """

    def __init__(self, app: ASGIApp, *, trusted: Sequence[Network] = ()) -> None:
        self.app = app
        self._trusted = tuple(trusted)
        self._told: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set ``scope["client"]`` and pass the request on."""
        if scope["type"] in ("http", "websocket"):
            self._look(scope)
        await self.app(scope, receive, send)

    def _look(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        hosts = [_host(part) for part in ",".join(headers.getlist("x-forwarded-for")).split(",") if part.strip()]
        client = scope.get("client")
        if not hosts or client is None:
            return
        peer = _peer(client[0], hosts)
        address = forwarded_address(hosts, self._trusted) if is_among(peer, self._trusted) else None
        if address is not None and headers.get("x-forwarded-proto") in ("http", "https") and scope["type"] == "http":
            scope["scheme"] = headers["x-forwarded-proto"]  # addresses in answers, such as those of redirections, are built with it
        if address is None:
            scope.setdefault("state", {})[_STRANGER] = peer
            if peer not in self._told and len(self._told) < 100:
                self._told.add(peer)
                _LOG.warning(
                    "Requests come through a proxy at %s whose X-Forwarded-For is not believed: readers behind it share its address. "
                    "If it is yours, start the server with --conf trusted_proxies %s",
                    peer,
                    peer,
                )
        scope["client"] = (address or peer, 0)


def came_through_stranger(http: Request) -> str:
    """The address of an unknown proxy through which a request came, or an empty text."""
    return str(getattr(http.state, _STRANGER, ""))


def forwarded_address(hosts: Sequence[str], trusted: Sequence[Network]) -> str | None:
    """The client that the proxies vouch for, or None where there is none.

    Each proxy appends whom it heard; what stands left of the first stranger anybody may have made up.

    Example:
        >>> proxies = [ipaddress.ip_network("10.0.0.0/8")]
        >>> forwarded_address(["1.1.1.1", "192.0.2.7", "10.0.0.2"], proxies)
        '192.0.2.7'
    """
    for host in reversed(hosts):
        if not is_among(host, trusted):
            return host if _is_address(host) else None
    return hosts[0]


def is_among(host: str, networks: Sequence[Network]) -> bool:
    """Whether an address lies in one of the networks."""
    return _is_address(host) and any(ipaddress.ip_address(host) in network for network in networks)


def check_uvicorn() -> None:
    """Refuse a setting by which uvicorn would overwrite addresses before they can be looked at.

    Raises:
        InputError: it is set.
    """
    value = os.environ.get(_VARIABLE, "")
    if value not in ("", _UVICORNS):
        raise InputError(
            f"{_VARIABLE}={value} cannot be used here. Unset it and name the proxies by --conf trusted_proxies ADDRESS,ADDRESS."
        )


def _peer(client: str, hosts: Sequence[str]) -> str:
    # If uvicorn believed the header, it has put this in the place of the sender's address.
    theirs = next((host for host in reversed(hosts) if host != _UVICORNS), hosts[0])
    return _UVICORNS if client == theirs else client


def _host(part: str) -> str:
    """The host of ``host``, ``host:port`` (IPv4) or ``[host]:port`` (IPv6)."""
    text = part.strip()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, colon, port = text.rpartition(":")
    return host if colon and ":" not in host and port.isdigit() else text


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
