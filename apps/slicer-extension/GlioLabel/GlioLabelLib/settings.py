"""The application's settings: the MONAI Label extension's own keys, so that nothing is entered twice."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import qt
import slicer

from .client import Client

_SERVER, _CLIENT_ID = "MONAILabel/serverUrl", "MONAILabel/clientId"
_ANY_CERTIFICATE = "GlioLabel/acceptAnyCertificate"
_DEFAULT_SERVER, _DEFAULT_CLIENT_ID = "http://127.0.0.1:8000", "user-xyz"


class Login(NamedTuple):
    """Who logged in."""

    username: str
    password: str
    token: Optional[str]


def server_url() -> str:
    """The server's address."""
    return str(qt.QSettings().value(_SERVER) or _DEFAULT_SERVER).strip().rstrip("/")


def set_server_url(url: str) -> None:
    """Another address, for the MONAI Label module too."""
    qt.QSettings().setValue(_SERVER, url.strip().rstrip("/"))


def client_id() -> str:
    """What this Slicer calls itself."""
    return str(qt.QSettings().value(_CLIENT_ID) or _DEFAULT_CLIENT_ID)


def any_certificate() -> bool:
    """Whether a server's certificate is believed without a check. The MONAI Label module never checks; here it has to be asked for."""
    return slicer.util.toBool(qt.QSettings().value(_ANY_CERTIFICATE) or False)


def plugins_login(url: str) -> Optional[Login]:
    """The login of the MONAI Label module, if it is open in this Slicer and logged in at the same server."""
    widget = getattr(slicer.modules, "MONAILabelWidget", None)
    logic: Any = getattr(widget, "logic", None)
    username, password = getattr(logic, "username", None), getattr(logic, "password", None)
    if not username or not password or str(getattr(logic, "server_url", "") or "").rstrip("/") != url:
        return None
    token = getattr(logic, "auth_token", None)
    found = token.get("access_token") if isinstance(token, dict) else None
    return Login(str(username), str(password), str(found) if found else None)


def make_client(login: Optional[Login] = None) -> Client:
    """A client of the server in the settings, with a login if there is one."""
    url = server_url()
    login = login or plugins_login(url) or Login("", "", None)
    return Client(
        url, client_id=client_id(), username=login.username, password=login.password, token=login.token, verify=not any_certificate()
    )
