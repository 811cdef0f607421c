"""The one exception: an authenticated Next Sample opens its image for the same address, for a minute."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from tests.login.conftest import Site
from tests.login.running import RunningProvider, bearer

from gliolabel.labelserver.login.images import OPEN_S, OpenImages


def next_sample(http: TestClient, token: str, **headers: str) -> str:
    answer = http.post("/activelearning/sequential", json={"client_id": "free text"}, headers={**bearer(token), **headers})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def download(http: TestClient, image: str, **headers: str) -> int:
    return http.get(f"/datastore/image?image={image}", headers=headers).status_code


def test_only_that_image_and_only_there(site: Site, provider: RunningProvider) -> None:
    image = next_sample(site.http, provider.token("ann"))
    others = [case for case in ("Case_000", "Case_001", "Case_002", "Case_003") if case != image]
    assert download(site.http, image) == 200
    assert download(site.http, image) == 200  # Slicer tries again when a download breaks
    assert [download(site.http, other) for other in others] == [401] * 3
    assert download(site.from_address("192.0.2.99"), image) == 401
    assert site.http.get(f"/datastore/label?label={image}&tag=final").status_code == 401
    assert site.http.head(f"/datastore/image?image={image}").status_code == 401
    assert download(site.http, "no-such-case") == 401  # nor is it told which cases there are
    assert download(site.http, f"{image}/../{others[0]}") == 401


def test_with_a_token_every_image_that_the_role_may_read(site: Site, provider: RunningProvider) -> None:
    elsewhere = site.from_address("192.0.2.50")
    assert download(elsewhere, "Case_003", **bearer(provider.token("vera"))) == 200
    assert download(elsewhere, "Case_003", **bearer(provider.token("guest"))) == 403
    assert download(elsewhere, "no-such-case", **bearer(provider.token("vera"))) == 404


def test_a_bad_token_is_not_helped_by_an_open_image(site: Site, provider: RunningProvider) -> None:
    image = next_sample(site.http, provider.token("ann"))
    assert download(site.http, image, **bearer(provider.sign(exp=1))) == 401


def test_a_next_sample_that_was_refused_opens_nothing(site: Site, provider: RunningProvider) -> None:
    http = site.from_address("192.0.2.60")
    assert http.post("/activelearning/sequential", json={}).status_code == 401
    assert http.post("/activelearning/sequential", json={}, headers=bearer(provider.token("guest"))).status_code == 403
    assert [download(http, f"Case_00{number}") for number in range(4)] == [401] * 4


def test_it_ends_after_a_minute() -> None:
    now = [100.0]
    images = OpenImages(clock=lambda: now[0])
    images.open("Case_1", address="192.0.2.7", user="ann")
    now[0] += OPEN_S - 0.1
    assert images.opened_by("Case_1", address="192.0.2.7") == "ann"
    assert images.opened_by("Case_2", address="192.0.2.7") is None
    now[0] += 0.1
    assert images.opened_by("Case_1", address="192.0.2.7") is None
    images.open("Case_2", address="192.0.2.7", user="ann")
    assert len(images._open) == 1, "what has ended is forgotten"


@pytest.mark.parametrize("proxy", ["10.0.0.1", "10.200.0.1"])
def test_behind_a_known_proxy_its_clients_are_told_apart(site: Site, provider: RunningProvider, proxy: str) -> None:
    http = site.from_address(proxy)
    image = next_sample(http, provider.token("ben"), **{"X-Forwarded-For": "198.51.100.4"})
    assert download(http, image, **{"X-Forwarded-For": "198.51.100.5"}) == 401
    assert download(http, image) == 401
    assert download(site.from_address("198.51.100.5"), image, **{"X-Forwarded-For": "198.51.100.4"}) == 401
    assert download(http, image, **{"X-Forwarded-For": "203.0.113.1, 198.51.100.4"}) == 200  # the proxy vouches for the last
    assert download(http, image, **{"X-Forwarded-For": "198.51.100.4, 203.0.113.1"}) == 401


def test_behind_an_unknown_proxy_nothing_is_open(site: Site, provider: RunningProvider) -> None:
    """All its clients have its address."""
    http = site.from_address("172.16.0.1")
    image = next_sample(http, provider.token("ben"), **{"X-Forwarded-For": "198.51.100.8"})
    for said in ("198.51.100.8", "198.51.100.9"):
        answer = http.get(f"/datastore/image?image={image}", headers={"X-Forwarded-For": said})
        assert answer.status_code == 401
        assert "--conf trusted_proxies 172.16.0.1" in answer.json()["detail"]
    assert download(http, image) == 401
