"""Whose X-Forwarded-For is believed, also behind uvicorn, which believes 127.0.0.1 on its own."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from gliolabel.errors import InputError
from gliolabel.labelserver.configuration import read_configuration
from gliolabel.labelserver.login.proxies import ClientAddresses, check_uvicorn


def seen(peer: str, forwarded: str | None, *trusted: str) -> tuple[str, str]:
    """The client's address, and the unknown proxy, that the app sees of a request from ``peer`` to uvicorn."""
    told: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        told.update(scope)

    networks = [ipaddress.ip_network(text) for text in trusted]
    # As uvicorn puts its own in front, in the way it does by default.
    whole = ProxyHeadersMiddleware(ClientAddresses(app, trusted=networks), trusted_hosts="127.0.0.1")
    headers = [(b"host", b"x")] + [(b"x-forwarded-for", part.encode()) for part in (forwarded or "").split("|") if forwarded is not None]
    scope = {"type": "http", "client": (peer, 50000), "headers": headers}
    asyncio.run(whole(scope, None, None))  # type: ignore[arg-type]
    return told["client"][0], told.get("state", {}).get("unknown_proxy", "")


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "client", "stranger"),
    [
        ("192.0.2.7", None, [], "192.0.2.7", ""),
        ("127.0.0.1", None, ["127.0.0.1"], "127.0.0.1", ""),
        # Nobody is believed by default, not even this machine.
        ("127.0.0.1", "192.0.2.7", [], "127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.7:1234", [], "127.0.0.1", "127.0.0.1"),
        ("192.0.2.1", "192.0.2.7", [], "192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "127.0.0.1", ["127.0.0.1"], "192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.7, 192.0.2.1", ["127.0.0.1"], "192.0.2.1", ""),
        # Known proxies.
        ("127.0.0.1", "192.0.2.7", ["127.0.0.1"], "192.0.2.7", ""),
        ("127.0.0.1", "192.0.2.7:1234", ["127.0.0.1"], "192.0.2.7", ""),
        ("127.0.0.1", "[2001:db8::7]:1234", ["127.0.0.1"], "2001:db8::7", ""),
        ("::1", "2001:db8::7", ["::1"], "2001:db8::7", ""),
        ("127.0.0.1", "1.1.1.1, 192.0.2.7", ["127.0.0.1"], "192.0.2.7", ""),
        ("127.0.0.1", "1.1.1.1|192.0.2.7", ["127.0.0.1"], "192.0.2.7", ""),
        ("127.0.0.1", "1.1.1.1, 192.0.2.7, 10.0.0.3", ["127.0.0.1", "10.0.0.0/8"], "192.0.2.7", ""),
        ("10.0.0.3", "1.1.1.1, 192.0.2.7", ["10.0.0.0/8"], "192.0.2.7", ""),
        ("10.0.0.3", "10.0.0.9", ["10.0.0.0/8"], "10.0.0.9", ""),
        # What is no address is nobody's.
        ("127.0.0.1", "unknown", ["127.0.0.1"], "127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.7, _hidden", ["127.0.0.1"], "127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "", ["127.0.0.1"], "127.0.0.1", ""),
        ("127.0.0.1", " , ", ["127.0.0.1"], "127.0.0.1", ""),
    ],
)
def test_the_address_of_the_client(peer: str, forwarded: str | None, trusted: list[str], client: str, stranger: str) -> None:
    assert seen(peer, forwarded, *trusted) == (client, stranger)


def test_a_known_proxy_also_says_whether_the_client_came_encrypted() -> None:
    said: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        said.append(scope["scheme"])

    for peer in ("10.0.0.3", "10.0.0.4"):
        headers = [(b"x-forwarded-for", b"192.0.2.7"), (b"x-forwarded-proto", b"https")]
        scope = {"type": "http", "scheme": "http", "client": (peer, 50000), "headers": headers}
        asyncio.run(ClientAddresses(app, trusted=[ipaddress.ip_network("10.0.0.3")])(scope, None, None))  # type: ignore[arg-type]
    assert said == ["https", "http"]


def test_the_proxies_are_given_as_addresses_and_networks() -> None:
    configuration, _ = read_configuration({"trusted_proxies": "127.0.0.1, 10.0.0.0/8 2001:db8::/32"})
    assert [str(network) for network in configuration.trusted_proxies] == ["127.0.0.1/32", "10.0.0.0/8", "2001:db8::/32"]
    assert read_configuration({})[0].trusted_proxies == ()
    with pytest.raises(InputError, match=r"trusted_proxies 'proxy\.hospital\.example'"):
        read_configuration({"trusted_proxies": "proxy.hospital.example"})


@pytest.mark.parametrize("value", ["*", "10.0.0.1", "127.0.0.1,10.0.0.1"])
def test_uvicorns_own_setting_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", value)
    with pytest.raises(InputError, match="trusted_proxies"):
        check_uvicorn()
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1")
    check_uvicorn()
