"""Reading an access token: whether it is to be believed, and who it says is asking."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jwt
from monailabel.endpoints.user.auth import User

from gliolabel.labelserver.login.errors import LoginError
from gliolabel.labelserver.login.provider import LoginProvider, Published

#: Signatures that only who has the provider's private key can make: no shared secret, and never "none".
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
#: The audience of every Keycloak token unless somebody adds another; who it was made for is then in ``azp``.
_KEYCLOAKS_OWN: Final = "account"
#: Seconds by which the provider's clock may be ahead. A token that has expired is never accepted longer.
_CLOCKS_DIFFER_S: Final = 60
_NAME_LENGTH: Final = 128


@dataclass(frozen=True)
class ClaimNames:
    """Where a token says who it is for.

    Args:
        username: claim with the name by which a user is known.
        email: claim with the mail address.
        name: claim with the name for people.
        roles: claim with the list of roles; ``a#b`` is ``b`` within ``a``.
    """

    username: str = "preferred_username"
    email: str = "email"
    name: str = "name"
    roles: str = "realm_access#roles"


def read_token(token: str, provider: LoginProvider) -> dict[str, Any]:
    """The claims of a token that the provider made for this server and that has not expired.

    Raises:
        LoginError: any other token; the message says why.
        UnavailableError: the provider's keys cannot be read.
    """
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as error:
        raise LoginError("What was sent as a token is none. Log in again.") from error
    if header.get("alg") not in ALGORITHMS:
        raise LoginError(f"The token is signed by {str(header.get('alg'))[:16]!r}, which proves nothing. Log in again.")
    published = provider.published()
    claims = _claims(token, published, header.get("kid"))
    if claims is None:
        claims = _claims(token, provider.published_since(published), header.get("kid"))
    if claims is None:
        raise LoginError("The token was not signed by this server's login provider. Log in again.")
    expires = claims["exp"]
    if isinstance(expires, bool) or not isinstance(expires, int | float) or not expires > time.time():
        raise LoginError("The login has expired. Log in again.")
    if not made_for(claims, provider.client_id):
        raise LoginError(f"The token was made for another program, not for {provider.client_id!r}. Log in again.")
    return claims


def _claims(token: str, published: Published, key_id: str | None) -> dict[str, Any] | None:
    """The claims of a token, or None if none of the keys has signed it."""
    for key in published.signed_by(key_id):
        try:
            return jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                issuer=published.issuer,
                leeway=_CLOCKS_DIFFER_S,
                options={"require": ["exp", "iss"], "verify_aud": False, "verify_exp": False},
            )
        except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
            continue
        except jwt.InvalidTokenError as error:
            raise LoginError(f"The token cannot be accepted: {error}. Log in again.") from error
    return None


def made_for(claims: Mapping[str, Any], client_id: str) -> bool:
    """Whether a token was made for that client.

    Example:
        >>> made_for({"aud": ["account", "us"]}, "us"), made_for({"aud": "account", "azp": "us"}, "us"), made_for({"azp": "us"}, "us")
        (True, True, True)
        >>> made_for({"aud": "them"}, "us"), made_for({"aud": "them", "azp": "us"}, "us"), made_for({"aud": "account"}, "us")
        (False, False, False)
        >>> made_for({}, "us")
        False
    """
    audience = claims.get("aud", [])
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list):
        return False
    return client_id in named or (all(name == _KEYCLOAKS_OWN for name in named) and claims.get("azp") == client_id)


def user_of(claims: Mapping[str, Any], names: ClaimNames) -> User:
    """The user a token stands for.

    Raises:
        LoginError: the token names nobody.

    Example:
        >>> user_of({"preferred_username": "ann", "realm_access": {"roles": ["monailabel-user"]}}, ClaimNames()).roles
        ['monailabel-user']
    """
    username = claims.get(names.username)
    if not isinstance(username, str) or not 0 < len(username.strip()) <= _NAME_LENGTH or not username.isprintable():
        raise LoginError(
            f"The token names no user: its claim {names.username!r} is missing or no name of at most {_NAME_LENGTH} characters. "
            "The login provider must be set up to send it, or MONAI_LABEL_AUTH_TOKEN_USERNAME must name another claim."
        )
    email, name = (_text(claims.get(key)) for key in (names.email, names.name))
    return User(username=username, email=email, name=name, roles=_roles(claims, names.roles.split("#")))


def _roles(claims: object, path: Sequence[str]) -> list[str]:
    for key in path:
        claims = claims.get(key) if isinstance(claims, Mapping) else None
    if isinstance(claims, str):
        return [claims]
    return [role for role in claims if isinstance(role, str)] if isinstance(claims, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
