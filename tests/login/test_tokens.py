"""Which tokens are believed: those of a real provider, for us, and not expired."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.login.provider import CLIENT_ID, password_of
from tests.login.running import RunningProvider

from gliolabel.errors import UnavailableError
from gliolabel.labelserver.login.errors import LoginError
from gliolabel.labelserver.login.provider import KEYS_LAST_S, LoginProvider, Published
from gliolabel.labelserver.login.tokens import ClaimNames, read_token, user_of


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def known(running: RunningProvider, clock: Callable[[], float] = time.monotonic) -> LoginProvider:
    return LoginProvider(running.realm, client_id=CLIENT_ID, timeout=10, clock=clock)


def test_a_login_gives_a_token_that_names_the_user(provider: RunningProvider) -> None:
    login = known(provider)
    user = user_of(read_token(login.log_in("ann", password_of("ann")), login), ClaimNames())
    assert (user.username, user.name, user.email) == ("ann", "Ann", "ann@hospital.example")
    assert user.roles == ["monailabel-user", "monailabel-annotator"]


@pytest.mark.parametrize(("username", "password"), [("ann", "wrong"), ("nobody", "x"), ("ann", ""), ("", "")])
def test_a_wrong_password_is_refused_in_words(provider: RunningProvider, username: str, password: str) -> None:
    with pytest.raises(LoginError, match="user name and password"):
        known(provider).log_in(username, password)


def test_a_client_that_the_provider_does_not_know_is_not_the_users_fault(provider: RunningProvider) -> None:
    login = LoginProvider(provider.realm, client_id="never-heard-of", timeout=10)
    with pytest.raises(UnavailableError, match="never-heard-of"):
        login.log_in("ann", password_of("ann"))


def _refused(token: str, provider: RunningProvider) -> str:
    with pytest.raises(LoginError) as error:
        read_token(token, known(provider))
    return str(error.value)


def test_an_expired_token_is_refused(provider: RunningProvider) -> None:
    assert "expired" in _refused(provider.sign(exp=int(time.time()) - 1), provider)


def test_a_token_that_never_expires_is_refused(provider: RunningProvider) -> None:
    assert "exp" in _refused(provider.sign(exp=None), provider)
    assert "expired" in _refused(provider.sign(exp=True), provider)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another-app", "azp": "another-app"},
        {"aud": ["another-app"], "azp": CLIENT_ID},
        {"aud": "account", "azp": "another-app"},
        {"aud": None, "azp": None},
        {"aud": {"monailabel-app": 1}, "azp": None},
    ],
)
def test_a_token_for_another_program_is_refused(provider: RunningProvider, claims: dict[str, object]) -> None:
    _refused(provider.sign(**claims), provider)


def test_a_token_that_another_program_got_for_itself_is_refused(provider: RunningProvider) -> None:
    assert "another program" in _refused(provider.token("ann", client_id="another-app"), provider)


def test_a_token_of_another_realm_of_the_same_keys_is_refused(provider: RunningProvider) -> None:
    assert "issuer" in _refused(provider.sign(iss=f"{provider.url}/realms/other"), provider).lower()


def test_a_token_that_is_not_yet_valid_is_refused_but_clocks_may_differ(provider: RunningProvider) -> None:
    _refused(provider.sign(nbf=int(time.time()) + 600), provider)
    read_token(provider.sign(iat=int(time.time()) + 5, nbf=int(time.time()) + 5), known(provider))


def _unsigned(token: str, header: dict[str, object]) -> str:
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE"])
def test_an_unsigned_token_is_refused(provider: RunningProvider, name: str) -> None:
    good = provider.sign()
    kid = jwt.get_unverified_header(good)["kid"]
    assert "proves nothing" in _refused(_unsigned(good, {"alg": name, "kid": kid}), provider)


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(provider: RunningProvider) -> None:
    good = provider.sign()
    header = jwt.get_unverified_header(good)
    (key,) = [found.key for found in known(provider).published().keys if found.key_id == header["kid"]]
    secret = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    claims = jwt.decode(good, options={"verify_signature": False})
    parts = [json.dumps({"alg": "HS256", "typ": "JWT", "kid": header["kid"]}).encode(), json.dumps(claims).encode()]
    text = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(secret, text.encode(), hashlib.sha256)).rstrip(b"=").decode()
    assert "HS256" in _refused(f"{text}.{signature}", provider)


def test_a_forged_token_is_refused(provider: RunningProvider) -> None:
    good = provider.sign()
    claims = jwt.decode(good, options={"verify_signature": False})
    forger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kid = jwt.get_unverified_header(good)["kid"]
    assert "not signed by" in _refused(jwt.encode(claims, forger, algorithm="RS256", headers={"kid": kid}), provider)
    assert "not signed by" in _refused(jwt.encode(claims, forger, algorithm="RS256"), provider)
    assert "not signed by" in _refused(jwt.encode(claims, forger, algorithm="RS256", headers={"kid": "my-own"}), provider)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(forger.public_key()))
    _refused(jwt.encode(claims, forger, algorithm="RS256", headers={"jwk": public, "jku": "https://forger.example/keys"}), provider)
    head, _, signature = good.split(".")
    other = base64.urlsafe_b64encode(json.dumps({**claims, "preferred_username": "chief"}).encode()).rstrip(b"=").decode()
    assert "not signed by" in _refused(f"{head}.{other}.{signature}", provider)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "....", "é.é.é", "bnVsbA.bnVsbA.", "e30.e30.", "A" * 100_000])
def test_what_is_no_token_is_refused(provider: RunningProvider, token: str) -> None:
    _refused(token, provider)


def test_a_key_for_encryption_signs_nothing(provider: RunningProvider) -> None:
    assert "for-encryption" not in {key.key_id for key in known(provider).published().keys}


def test_new_keys_of_the_provider_are_read_at_once_and_withdrawn_ones_are_forgotten(provider: RunningProvider) -> None:
    clock = Clock()
    login = known(provider, clock)
    old = provider.sign()
    read_token(old, login)
    provider.rotate()
    read_token(provider.sign(), login)  # nobody waits for a time to pass
    read_token(old, login)  # still published
    provider.rotate()
    read_token(old, login)  # withdrawn, which is not known yet
    clock.now += KEYS_LAST_S
    with pytest.raises(LoginError):
        read_token(old, login)


def test_a_token_need_not_name_its_key(provider: RunningProvider) -> None:
    """authlib's tokens do not."""
    login = known(provider)
    for _ in range(3):
        token = provider.token("ann")
        assert "kid" not in jwt.get_unverified_header(token)
        assert read_token(token, login)["preferred_username"] == "ann"
        provider.rotate()


def test_forged_tokens_do_not_make_the_server_ask_again_and_again(provider: RunningProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    login = known(provider, clock)
    asked = []
    ask = login._ask
    monkeypatch.setattr(login, "_ask", lambda: asked.append(1) or ask())
    forger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forged = [jwt.encode({"exp": 2e9}, forger, algorithm="RS256", headers={"kid": f"made-up-{number}"}) for number in range(30)]

    def send() -> None:
        for token in forged:
            with pytest.raises(LoginError, match="not signed by"):
                read_token(token, login)

    send()
    assert len(asked) == 11
    provider.rotate()
    with pytest.raises(LoginError):
        read_token(provider.sign(), login)  # whoever came with a new key while somebody plays has to wait a minute at most
    clock.now += 60
    read_token(provider.sign(), login)
    assert len(asked) == 12


def test_a_provider_that_is_away_lets_nobody_in_and_is_asked_again_later(tmp_path: Path) -> None:
    clock = Clock()
    running = RunningProvider(tmp_path)
    login = known(running, clock)
    token = running.sign()
    read_token(token, login)
    running.stop()
    read_token(token, login)  # its keys are known
    with pytest.raises(UnavailableError, match="does not answer"):
        login.log_in("ann", password_of("ann"))
    clock.now += KEYS_LAST_S
    for _ in range(2):
        with pytest.raises(UnavailableError, match="does not answer"):
            read_token(token, login)
    with pytest.raises(UnavailableError, match=running.realm):
        read_token(token, known(running))
    running.start()
    try:
        clock.now += 10
        with pytest.raises(LoginError):
            read_token(token, login)  # it has other keys now
        read_token(running.sign(), login)
    finally:
        running.stop()


def test_a_provider_that_hangs_takes_one_thread_and_not_all() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connections are made, and nothing is said
        clock = Clock()
        login = LoginProvider(f"http://127.0.0.1:{silent.getsockname()[1]}", client_id=CLIENT_ID, timeout=1, clock=clock)
        with pytest.raises(UnavailableError, match="Timeout"):
            login.published()
        clock.now += 60
        asking = threading.Event()
        ask = login._ask

        def slowly() -> Published:
            asking.set()
            return ask()

        login._ask = slowly  # type: ignore[method-assign]

        def look() -> None:
            with contextlib.suppress(UnavailableError):
                login.published()

        other = threading.Thread(target=look)
        other.start()
        assert asking.wait(5)
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="Timeout"):
            login.published()
        assert time.monotonic() - started < 0.5
        other.join()


def test_many_logins_at_once_do_not_take_all_threads(provider: RunningProvider) -> None:
    login = known(provider)
    for _ in range(8):
        login._logins.acquire()
    with pytest.raises(UnavailableError, match="Try again"):
        login.log_in("ann", password_of("ann"))
    login._logins.release()
    login.log_in("ann", password_of("ann"))
    login.log_in("ann", password_of("ann"))


def test_what_is_no_provider_lets_nobody_in(provider: RunningProvider) -> None:
    for realm in (f"{provider.url}/realms/none", f"{provider.realm}/certs", "http://127.0.0.1:1"):
        with pytest.raises(UnavailableError, match="Nobody can be let in"):
            LoginProvider(realm, client_id=CLIENT_ID, timeout=5).published()


@pytest.mark.parametrize("name", [None, "", "  ", 7, "x" * 200, "ann\nben"])
def test_a_token_without_a_usable_name_is_nobodys(provider: RunningProvider, name: object) -> None:
    claims = read_token(provider.sign(preferred_username=name), known(provider))
    with pytest.raises(LoginError, match="preferred_username"):
        user_of(claims, ClaimNames())


@pytest.mark.parametrize(
    ("access", "roles"),
    [(None, []), ({}, []), ("x", []), ({"roles": None}, []), ({"roles": "one"}, ["one"]), ({"roles": ["one", 2, "two"]}, ["one", "two"])],
)
def test_roles_are_where_the_settings_say_and_odd_ones_are_none(access: object, roles: list[str]) -> None:
    assert user_of({"preferred_username": "ann", "realm_access": access}, ClaimNames()).roles == roles


def test_roles_may_stand_at_the_top() -> None:
    assert user_of({"upn": "ann", "groups": ["a"]}, ClaimNames(username="upn", roles="groups")).roles == ["a"]
