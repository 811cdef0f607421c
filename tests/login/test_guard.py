"""Who gets in: every route of the server asks for a token and a role, but for those that nobody could use otherwise."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from monailabel.endpoints.user.auth import RBAC
from starlette.routing import BaseRoute
from tests.login.conftest import Site
from tests.login.provider import password_of
from tests.login.running import RunningProvider, bearer

from gliolabel.labelserver.login.provider import LoginProvider
from gliolabel.labelserver.routes.closed import CLOSED

#: What has to answer before somebody is logged in.
OPEN = {"GET /auth/", "POST /auth/token", "GET /healthz"}
#: What is refused to everybody.
NOWHERE = {(method, path) for method, path, *_ in CLOSED}
#: What holds nobody's data: FastAPI's own pages about the interface.
PAGES = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}


def _calls(dependant: Any) -> Iterator[Any]:
    for part in dependant.dependencies:
        yield part.call
        yield from _calls(part)


def _routes(found: Iterable[BaseRoute]) -> Iterator[APIRoute]:
    for route in found:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):  # how newer FastAPIs keep what was included
            yield from _routes(route.original_router.routes)
        else:
            assert getattr(route, "path", "") in PAGES


def test_every_route_asks_who_it_is(site: Site) -> None:
    asked = 0
    for route in _routes(site.server.router.routes):
        for method in route.methods:
            path = route.path
            for name in route.param_convertors:
                path = path.replace(f"{{{name}:path}}", "x").replace(f"{{{name}}}", "x")
            name = f"{method} {path}"
            if name in OPEN or (method, route.path) in NOWHERE:
                continue
            asked += 1
            for params in ({}, {"image": "Case_000", "label": "Case_000", "tag": "final", "id": "Case_000"}):
                answer = site.http.request(method, path, params=params)
                assert answer.status_code == 401, f"{name}: {answer.status_code} {answer.text[:200]}"
                assert answer.headers["www-authenticate"] == "Bearer", name
            guards = list(_calls(route.dependant))
            assert path == "/auth/token/valid" or site.app.login.may_download in guards or any(isinstance(g, RBAC) for g in guards), name
    assert asked > 40


@pytest.mark.parametrize(
    ("user", "status"),
    [
        # read, upload, submit, train, logs
        ("guest", (403, 403, 403, 403, 403)),
        ("vera", (200, 403, 403, 403, 403)),
        ("ann", (200, 422, 422, 404, 403)),
        ("chief", (200, 422, 422, 404, 200)),
    ],
)
def test_roles_are_monailabels(site: Site, provider: RunningProvider, user: str, status: tuple[int, ...]) -> None:
    header = bearer(provider.token(user))
    asked = (
        ("GET", "/datastore/"),
        ("PUT", "/datastore/image"),
        ("PUT", "/datastore/label?image=Case_000"),
        ("POST", "/train/no-such-model"),
        ("GET", "/logs/"),
    )
    answers = [site.http.request(method, path, headers=header) for method, path in asked]
    got = [answer.status_code for answer in answers]
    # Without a log file /logs/ has nothing to show to those who may see it.
    assert got[:4] == list(status[:4])
    assert (got[4] == 403) == (status[4] == 403)
    for answer in answers:
        if answer.status_code == 403:
            assert "monailabel-" in answer.json()["detail"]


def test_the_login_of_the_plugin(site: Site, provider: RunningProvider) -> None:
    assert site.http.get("/auth/").json()["enabled"] is True
    answer = site.http.post("/auth/token", data={"username": "ann", "password": password_of("ann"), "grant_type": "password"})
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "token_type"}
    header = {"Authorization": f"{answer.json()['token_type']} {answer.json()['access_token']}"}
    assert site.http.get("/auth/token/valid", headers=header).json()["username"] == "ann"


def test_a_wrong_password_is_401_and_one_sentence(site: Site) -> None:
    answer = site.http.post("/auth/token", data={"username": "ann", "password": "wrong", "grant_type": "password"})
    assert answer.status_code == 401
    assert "Check user name and password" in answer.json()["detail"]
    assert site.http.post("/auth/token", data={}).status_code == 422


@pytest.mark.parametrize("claims", [{"exp": 1}, {"azp": "another-app"}, {"preferred_username": None}, {"iss": "https://forger.example"}])
def test_other_tokens_are_401(site: Site, provider: RunningProvider, claims: dict[str, Any]) -> None:
    answer = site.http.get("/datastore/", headers=bearer(provider.sign(**claims)))
    assert answer.status_code == 401
    assert site.http.get("/datastore/", headers=bearer(provider.sign())).status_code == 200


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic YW5uOm5uYQ==", "bearer null", "Bearer a b"])
def test_odd_headers_are_401(site: Site, header: str) -> None:
    assert site.http.get("/datastore/", headers={"Authorization": header}).status_code == 401


def test_a_provider_that_is_away_is_503_and_one_sentence(site: Site, provider: RunningProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    away = LoginProvider("http://127.0.0.1:1/realms/none", client_id="monailabel-app", timeout=5)
    monkeypatch.setattr(site.app.login, "provider", away)
    started = time.monotonic()
    for answer in (
        site.http.get("/datastore/", headers=bearer(provider.sign())),
        site.http.get("/datastore/image?image=Case_000", headers=bearer(provider.sign())),
        site.http.post("/auth/token", data={"username": "ann", "password": "x", "grant_type": "password"}),
    ):
        assert answer.status_code == 503
        assert "login provider http://127.0.0.1:1/realms/none is not available" in answer.json()["detail"]
    assert site.http.get("/datastore/").status_code == 401
    assert time.monotonic() - started < 5


def test_a_provider_whose_tokens_do_not_fit_is_told_at_the_login(
    site: Site, provider: RunningProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It hands out tokens for another program than the one that checks them.
    monkeypatch.setattr(LoginProvider, "log_in", lambda self, username, password: provider.token("ann", client_id="another-app"))
    answer = site.http.post("/auth/token", data={"username": "ann", "password": "x", "grant_type": "password"})
    assert answer.status_code == 503
    assert "another program" in answer.json()["detail"]
