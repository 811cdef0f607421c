"""Letting in those who are logged in: takes the place of MONAI Label's own reading of tokens."""

from __future__ import annotations

import logging
import threading
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import OAuth2PasswordBearer
from monailabel.config import settings
from monailabel.endpoints.user.auth import User, get_current_user

from gliolabel.errors import UnavailableError
from gliolabel.labelserver.login import login_is_on
from gliolabel.labelserver.login.errors import LoginError
from gliolabel.labelserver.login.images import OpenImages
from gliolabel.labelserver.login.provider import LoginProvider
from gliolabel.labelserver.login.proxies import came_through_stranger
from gliolabel.labelserver.login.tokens import ClaimNames, read_token, user_of

_LOG = logging.getLogger(__name__)
#: The token of a request, or None.
_TOKEN = OAuth2PasswordBearer(tokenUrl=f"{settings.MONAI_LABEL_API_STR}/auth/token", auto_error=False)
Token = Annotated[str | None, Depends(_TOKEN)]
_NO_TOKEN: Final = (
    "This server asks for a login, and the request carries none. In Slicer, press the button again: it asks for user name and password."
)
#: A warning for whoever runs the server.
CLEAR: Final = "Passwords travel to the login provider without encryption: give MONAI_LABEL_AUTH_REALM_URI an https address"


class Login:
    """Who asks, as MONAI Label's settings ``MONAI_LABEL_AUTH_...`` say.

    Args:
        provider: makes the tokens; by default the one of the settings.
    """

    def __init__(self, provider: LoginProvider | None = None) -> None:
        self.provider = provider or configured_provider()
        self.images = OpenImages()

    def guard(self, server: FastAPI) -> None:
        """From now on every route that asks for a role of MONAI Label's asks us who it is."""
        if login_is_on():
            server.dependency_overrides[get_current_user] = self.user

    def user(self, token: Token) -> User:
        """Who sent this token. A plain function: FastAPI runs it in a thread, and the provider may have to be asked.

        Raises:
            LoginError: nobody that is known.
            UnavailableError: the provider's keys cannot be read.
        """
        if not token:
            raise LoginError(_NO_TOKEN)
        return user_of(read_token(token, self.provider), claim_names())

    def log_in(self, username: str, password: str) -> str:
        """A token for a name and a password.

        Raises:
            LoginError: they are wrong.
            UnavailableError: the provider does not answer, or its tokens cannot be used here.
        """
        token = self.provider.log_in(username, password)
        try:
            self.user(token)
        except LoginError as error:  # told now, and not as a riddle with the next request
            _LOG.error("the login provider's own token cannot be used: %s", error)
            raise UnavailableError(
                f"The password is right, but what the login provider sends cannot be used here: {error} "
                "Whoever runs the server finds under 'Log in' in its documentation how the provider is set up."
            ) from error
        return token

    # --- the image of Next Sample

    def open_image(self, http: Request, image: str, *, user: User) -> None:
        """Let the client that sent this Next Sample download its image without a token, for a minute."""
        if login_is_on() and http.client is not None and not came_through_stranger(http):
            self.images.open(image, address=http.client.host, user=user.username)

    def may_download(self, http: Request, token: Token, image: str = "") -> None:
        """A dependency of the image download: a user's token, or a Next Sample a moment ago.

        Raises:
            LoginError: neither.
            HTTPException: 403, the user may not read.
            UnavailableError: the provider's keys cannot be read.
        """
        if not login_is_on():
            return
        if token:
            require_role(self.user(token), settings.MONAI_LABEL_AUTH_ROLE_USER)
            return
        stranger = came_through_stranger(http)
        if stranger:
            raise LoginError(
                f"{_NO_TOKEN} It came through a proxy at {stranger} that this server does not know, so it cannot tell whether Next Sample "
                f"was asked from the same place. If the proxy is yours: --conf trusted_proxies {stranger}."
            )
        user = self.images.opened_by(image, address=http.client.host if http.client else "")
        if user is None:
            raise LoginError(_NO_TOKEN)
        _LOG.info("case %s is sent without a token: %s asked for it a moment ago from the same address", image, user)

    # --- about itself

    def describe(self) -> list[str]:
        """Lines for the log."""
        if not login_is_on():
            return ["Login: off; whoever reaches this server may use it"]
        lines = [f"Login: at {self.provider.realm}, as {self.provider.client_id}"]
        return [*lines, CLEAR] if in_clear(self.provider.realm) else lines

    def look_for_provider(self) -> None:
        """Read the provider's keys in the background; a provider that is away is told in the log, and asked again when somebody comes."""

        def look() -> None:
            try:
                self.provider.published()
            except UnavailableError as error:
                _LOG.warning("%s", error)

        if login_is_on():
            threading.Thread(target=look, name="login-provider", daemon=True).start()


def configured_provider() -> LoginProvider:
    """The provider of MONAI Label's settings."""
    return LoginProvider(
        settings.MONAI_LABEL_AUTH_REALM_URI, client_id=settings.MONAI_LABEL_AUTH_CLIENT_ID, timeout=settings.MONAI_LABEL_AUTH_TIMEOUT
    )


def claim_names() -> ClaimNames:
    """The claims of MONAI Label's settings."""
    return ClaimNames(
        username=settings.MONAI_LABEL_AUTH_TOKEN_USERNAME,
        email=settings.MONAI_LABEL_AUTH_TOKEN_EMAIL,
        name=settings.MONAI_LABEL_AUTH_TOKEN_NAME,
        roles=settings.MONAI_LABEL_AUTH_TOKEN_ROLES,
    )


def require_role(user: User, role: str) -> None:
    """As MONAI Label's RBAC, which is ``async`` and cannot be asked here.

    Raises:
        HTTPException: 403, in MONAI Label's own words.
    """
    if role not in user.roles:
        raise HTTPException(status_code=403, detail=f'Role "{role}" is required to perform this action')


def in_clear(realm: str) -> bool:
    """Whether passwords travel to the provider without encryption, over a network.

    Example:
        >>> in_clear("http://login.hospital.example/realms/a"), in_clear("http://localhost:8080/realms/a")
        (True, False)
    """
    parts = urlsplit(realm)
    return parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1")
