"""`gliolabel doctor` says whether logins are on and whether the provider answers."""

from __future__ import annotations

import pytest
from monailabel.config import settings
from tests.login.running import RunningProvider

from gliolabel.cli.doctor.check import Level
from gliolabel.cli.doctor.login import login
from gliolabel.labelserver.login import login_is_on
from gliolabel.labelserver.login.provider import LoginProvider


@pytest.fixture
def _on(provider: RunningProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "MONAI_LABEL_AUTH_ENABLE", True)
    monkeypatch.setattr(settings, "MONAI_LABEL_AUTH_REALM_URI", f"{provider.realm}/")


def test_off() -> None:
    check = login()
    assert (login_is_on(), check.level, check.details["on"]) == (False, Level.OK, False)


@pytest.mark.usefixtures("_on")
def test_on_and_the_provider_answers(provider: RunningProvider) -> None:
    check = login()
    assert (login_is_on(), check.level) == (True, Level.OK)
    assert provider.realm in check.message
    assert check.details["answers"] is True


@pytest.mark.usefixtures("_on")
def test_on_and_the_provider_is_away(provider: RunningProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "MONAI_LABEL_AUTH_REALM_URI", f"{provider.url}/realms/none")
    check = login()
    assert check.level is Level.BAD
    assert "status 404" in check.message
    assert "MONAI_LABEL_AUTH_REALM_URI" in check.fix
    assert check.details["answers"] is False


@pytest.mark.usefixtures("_on")
def test_on_and_the_provider_takes_no_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = LoginProvider._get

    def other(self: LoginProvider, address: str) -> dict[str, object]:
        found = ask(self, address)
        return {**found, "grant_types_supported": ["authorization_code"]} if "token_endpoint" in found else found

    monkeypatch.setattr(LoginProvider, "_get", other)
    check = login()
    assert check.level is Level.WARNING
    assert "password grant" in check.message
    assert "monailabel-app" in check.fix
