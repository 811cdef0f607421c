"""A small OpenID Connect provider as a process of its own: discovery document, keys, and a token endpoint that takes passwords.

The grant, the clients and the tokens are authlib's. Beside them are two addresses for tests: after ``POST /test/rotate`` it signs with a
new key, and ``POST /test/sign`` signs any claims with the provider's own key.

Run it: ``python tests/login/provider.py PORT``
"""

from __future__ import annotations

import base64
import os
import sys
import time
import uuid
from dataclasses import dataclass
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, InvalidGrantError, grants
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask, jsonify, request
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

REALM = "/realms/hospital"
CLIENT_ID = "monailabel-app"
ROLES = ("user", "annotator", "reviewer", "admin")


@dataclass(frozen=True)
class Person:
    """Somebody who may log in, with the name as password, backwards."""

    username: str
    roles: tuple[str, ...]

    def get_user_id(self) -> str:
        return f"id-of-{self.username}"


PEOPLE = {
    person.username: person
    for person in (
        Person("ann", ("user", "annotator")),
        Person("ben", ("user", "annotator")),
        Person("vera", ("user",)),
        Person("chief", ROLES),
        Person("guest", ()),
    )
}


def password_of(username: str) -> str:
    return username[::-1]


class Client(ClientMixin):
    """A public client, as Keycloak's "direct access grants" make one."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id

    def get_client_id(self) -> str:
        return self.client_id

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""

    def check_client_secret(self, client_secret: str) -> bool:
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "none"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "password"


class Password(grants.ResourceOwnerPasswordCredentialsGrant):
    """Names and passwords."""

    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]  # noqa: RUF012 - authlib's name and kind

    def authenticate_user(self, username: str, password: str) -> Person:
        if username not in PEOPLE or password != password_of(username):
            raise InvalidGrantError("Invalid user credentials")
        return PEOPLE[username]


class Keys:
    """What is signed with: the newest key; the one before stays published, the older are withdrawn."""

    def __init__(self) -> None:
        self.keys: list[RSAKey] = []
        self.rotate()

    def rotate(self) -> None:
        self.keys = [RSAKey.generate_key(2048, {"kid": uuid.uuid4().hex, "use": "sig", "alg": "RS256"}), *self.keys[:1]]

    def published(self) -> dict[str, Any]:
        # Keycloak publishes a key for encryption beside those it signs with.
        other = {**self.keys[0].as_dict(private=False), "kid": "for-encryption", "use": "enc", "alg": "RSA-OAEP"}
        return {"keys": [other, *KeySet(self.keys).as_dict(private=False)["keys"]]}


class Tokens(JWTBearerTokenGenerator):
    """Access tokens that look like Keycloak's."""

    def __init__(self, keys: Keys, issuer: str) -> None:
        super().__init__(issuer=issuer)
        self.keys = keys

    def get_jwks(self) -> dict[str, Any]:
        return self.keys.keys[0].as_dict(private=True)

    def get_audiences(self, client: Client, user: Person, scope: str) -> list[str]:
        return ["account"]

    def get_extra_claims(self, client: Client, grant_type: str, user: Person, scope: str) -> dict[str, Any]:
        return claims_of(user, client.client_id)


def claims_of(person: Person, client_id: str = CLIENT_ID) -> dict[str, Any]:
    return {
        "azp": client_id,
        "preferred_username": person.username,
        "name": person.username.title(),
        "email": f"{person.username}@hospital.example",
        "realm_access": {"roles": [f"monailabel-{role}" for role in person.roles]},
    }


def make_provider(address: str) -> Flask:
    """The provider, known under an address."""
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # it listens on this machine only
    flask = Flask("provider")
    keys, issuer = Keys(), f"{address}{REALM}"
    server = AuthorizationServer(flask, query_client=_client, save_token=lambda token, _: None)
    server.register_grant(Password)
    server.register_token_generator("default", Tokens(keys, issuer))

    @flask.get(f"{REALM}/.well-known/openid-configuration")
    def about() -> Any:
        return jsonify(
            issuer=issuer,
            token_endpoint=f"{issuer}/token",
            jwks_uri=f"{issuer}/certs",
            grant_types_supported=["password"],
            id_token_signing_alg_values_supported=["RS256"],
        )

    @flask.get(REALM)
    def realm() -> Any:
        """Keycloak's own page, where stock MONAI Label reads the key."""
        return jsonify(realm="hospital", public_key=base64.b64encode(keys.keys[0].as_der(private=False)).decode())

    @flask.get(f"{REALM}/certs")
    def certs() -> Any:
        return jsonify(keys.published())

    @flask.post(f"{REALM}/token")
    def token() -> Any:
        return server.create_token_response()

    @flask.post("/test/rotate")
    def rotate() -> Any:
        keys.rotate()
        return jsonify({})

    @flask.post("/test/sign")
    def sign() -> Any:
        """Claims to set, on top of ann's; null leaves one out."""
        now = int(time.time())
        claims = {"iss": issuer, "aud": "account", "iat": now, "exp": now + 300, "sub": "x", **claims_of(PEOPLE["ann"])}
        claims = {name: value for name, value in {**claims, **request.get_json()}.items() if value is not None}
        return jsonify(token=jwt.encode({"alg": "RS256", "kid": keys.keys[0].kid}, claims, keys.keys[0]))

    return flask


def _client(client_id: str) -> Client | None:
    return Client(client_id) if client_id in (CLIENT_ID, "another-app") else None


if __name__ == "__main__":
    port = int(sys.argv[1])
    make_provider(f"http://127.0.0.1:{port}").run("127.0.0.1", port, threaded=True)
