"""The OpenID Connect provider: where it takes passwords, and the keys it signs with.

Source: OpenID Connect Discovery 1.0, sections 3 and 4; RFC 7517 (JSON Web Key); RFC 6749, sections 4.3 and 5 (password grant).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

import requests
from jwt import PyJWK, PyJWKSet, PyJWTError

from gliolabel.errors import UnavailableError
from gliolabel.labelserver.login.errors import LoginError

_LOG = logging.getLogger(__name__)

#: Seconds after which the provider is asked again what it signs with; a key that it withdrew is accepted no longer than that.
KEYS_LAST_S: Final = 300.0
#: So often within so many seconds the provider is asked for new keys because of a token that none of its keys has signed: anybody can send
#: such a token.
_QUESTIONS: Final = 10
_WITHIN_S: Final = 60.0
#: Seconds for which a provider that did not answer is not asked again, so that a hundred requests do not each wait for it.
_AWAY_S: Final = 2.0
#: So many passwords are asked about at once: each takes a thread of the server until the provider answers.
_LOGINS: Final = 8
#: The provider's own words (RFC 6749, 5.2) for what only its administrator can change.
_MISCONFIGURED: Final = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"})


@dataclass(frozen=True)
class Published:
    """What a provider says about itself.

    Args:
        issuer: its name in its tokens.
        token_endpoint: where it takes passwords.
        keys: those it signs with.
        grants: the ways to log in that it names; empty if it names none.
        read: when this was read, on the clock of the :class:`LoginProvider`.
    """

    issuer: str
    token_endpoint: str
    keys: tuple[PyJWK, ...]
    grants: tuple[str, ...]
    read: float

    def signed_by(self, key_id: str | None) -> tuple[PyJWK, ...]:
        """The keys that a token may have been signed with: the one of that id, or any if the token names none."""
        return tuple(key for key in self.keys if key_id is None or key.key_id == key_id)


class LoginProvider:
    """An OpenID Connect provider, such as a Keycloak realm.

    Args:
        realm: its address, without ``/.well-known/openid-configuration``.
        client_id: under which name it knows this server.
        timeout: seconds to wait for an answer.
        clock: seconds that only grow.
    """

    def __init__(self, realm: str, *, client_id: str, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.realm = realm.rstrip("/")
        self.client_id = client_id
        self._timeout = timeout
        self._clock = clock
        self._lock = threading.Lock()
        self._published: Published | None = None
        self._away: tuple[float, str] | None = None
        self._asked: deque[float] = deque(maxlen=_QUESTIONS)
        self._logins = threading.BoundedSemaphore(_LOGINS)

    def published(self) -> Published:
        """What the provider says about itself, read at most :data:`KEYS_LAST_S` ago.

        Raises:
            UnavailableError: it does not answer, or not as an OpenID Connect provider does.
        """
        published = self._published
        if published is None or self._clock() - published.read >= KEYS_LAST_S:
            return self._read(unless_newer_than=published)
        return published

    def published_since(self, seen: Published) -> Published:
        """What the provider says now, if a token's key is not among those that were seen: it may sign with a new one since.

        Returns:
            The same again if the provider was asked :data:`_QUESTIONS` times within :data:`_WITHIN_S`.

        Raises:
            UnavailableError: it does not answer.
        """
        now = self._clock()
        if len(self._asked) == _QUESTIONS and now - self._asked[0] < _WITHIN_S:
            return seen
        self._asked.append(now)
        return self._read(unless_newer_than=seen)

    def log_in(self, username: str, password: str) -> str:
        """The access token for a name and a password.

        Raises:
            LoginError: the provider refuses them.
            UnavailableError: it does not answer, or does not let this server ask.
        """
        form = {"grant_type": "password", "client_id": self.client_id, "username": username, "password": password}
        address = self.published().token_endpoint
        if not self._logins.acquire(blocking=False):
            raise UnavailableError("Many people are logging in at this moment. Try again in a few seconds.")
        try:
            # A redirection would carry the password to wherever it points.
            answer = requests.post(address, data=form, timeout=self._timeout, allow_redirects=False)
        except requests.RequestException as error:
            self._unavailable(f"it does not answer ({type(error).__name__})", error)
        finally:
            self._logins.release()
        said = _json(answer)
        token = said.get("access_token")
        if answer.ok and isinstance(token, str):
            return token
        reason = f"{said.get('error_description') or said.get('error') or f'status {answer.status_code}'}"[:200]
        if 400 <= answer.status_code < 500 and answer.status_code != 429 and said.get("error") not in _MISCONFIGURED:
            raise LoginError(f"The login was refused. Check user name and password. The login provider says: {reason}")
        self._unavailable(f"it does not log anybody in for the client {self.client_id!r}: {reason}")

    def _read(self, *, unless_newer_than: Published | None) -> Published:
        # While one thread asks a provider that did not answer the last time, the others do not wait for it: they are all the server has.
        away = self._away
        if not self._lock.acquire(blocking=away is None):
            raise UnavailableError(away[1] if away else "")
        try:
            if self._published is not None and self._published is not unless_newer_than:
                return self._published  # another thread asked meanwhile
            if self._away is not None and self._clock() - self._away[0] < _AWAY_S:
                raise UnavailableError(self._away[1])
            try:
                self._published = self._ask()
            except UnavailableError as error:
                self._away = (self._clock(), str(error))
                raise
            self._away = None
            return self._published
        finally:
            self._lock.release()

    def _ask(self) -> Published:
        about = self._get(f"{self.realm}/.well-known/openid-configuration")
        issuer, token_endpoint, jwks = (about.get(name) for name in ("issuer", "token_endpoint", "jwks_uri"))
        if not (isinstance(issuer, str) and isinstance(token_endpoint, str) and isinstance(jwks, str)):
            self._unavailable("what answers there names no issuer, token_endpoint and jwks_uri, so it is no OpenID Connect provider")
        for address in (token_endpoint, jwks):
            if urlsplit(self.realm).scheme == "https" and urlsplit(address).scheme != "https":
                self._unavailable(f"it names {address}, which is not encrypted")
        try:
            keys = PyJWKSet.from_dict(self._get(jwks)).keys
        except PyJWTError as error:
            self._unavailable(f"its keys at {jwks} cannot be read ({error})", error)
        # A shared secret among them would let everybody sign who can read it.
        signing = tuple(key for key in keys if key.public_key_use in ("sig", None) and key.key_type != "oct")
        if not signing:
            self._unavailable(f"it publishes no key to sign with at {jwks}")
        grants = about.get("grant_types_supported")
        named = tuple(str(grant) for grant in grants) if isinstance(grants, list) else ()
        return Published(issuer=issuer, token_endpoint=token_endpoint, keys=signing, grants=named, read=self._clock())

    def _get(self, address: str) -> dict[str, Any]:
        try:
            answer = requests.get(address, timeout=self._timeout)
        except requests.RequestException as error:
            self._unavailable(f"it does not answer ({type(error).__name__})", error)
        if not answer.ok:
            self._unavailable(f"{address} answers with status {answer.status_code}")
        return _json(answer)

    def _unavailable(self, reason: str, cause: Exception | None = None) -> NoReturn:
        _LOG.warning("login provider %s: %s%s", self.realm, reason, f": {cause}" if cause else "")
        raise UnavailableError(
            f"Nobody can be let in now: the login provider {self.realm} is not available: {reason}. Try again in a minute."
        ) from cause


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except requests.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}
