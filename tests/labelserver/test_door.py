"""The door's guards, each before a small application: who may ask, how much may come, what is told."""

from __future__ import annotations

import gzip
import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import nibabel
import numpy as np
import pytest
import requests
import SimpleITK as sitk
from fastapi import Body, FastAPI, File, UploadFile
from monailabel.config import settings
from pydantic import AnyHttpUrl
from starlette.types import Scope
from tests.labelserver.threads import Site, site
from tests.memory import at_most_more

from gliolabel.errors import InputError, TooLargeError
from gliolabel.labelserver.configuration import read_configuration
from gliolabel.labelserver.door import exposure
from gliolabel.labelserver.door.addresses import from_here
from gliolabel.labelserver.door.install import allowed_origins, install_door
from gliolabel.labelserver.door.limits import check_unpacked

VIEWER = "https://viewer.example"
#: uvicorn believes a proxy on this machine.
ELSEWHERE = {"X-Forwarded-For": "192.0.2.7"}


@pytest.fixture(scope="module")
def door() -> Iterator[Site]:
    server = FastAPI()

    @server.put("/volume")
    def volume(file: Annotated[UploadFile, File()]) -> int:
        return len(file.file.read())

    @server.put("/words")
    def words(params: Annotated[dict[str, Any], Body()]) -> int:
        return len(params)

    @server.get("/where")
    def where() -> dict[str, str]:
        return {"path": "/srv/studies/Case_001/t1.nii.gz", "other": "/srv/studies-2/x", "page": "http://pacs/srv/studies/1"}

    with site(server, install_door, upload_limit="8", cors_origins=f"{VIEWER}/") as running:
        yield running


# --- how much may come


def test_an_upload_within_the_limit_comes_through(door: Site) -> None:
    answer = requests.put(f"{door.url}/volume", files={"file": ("a", bytes(6 << 20))}, timeout=30)
    assert (answer.status_code, answer.json()) == (200, 6 << 20)


@pytest.mark.parametrize("declared", [True, False])
def test_an_upload_over_the_limit_is_told_so(door: Site, declared: bool) -> None:
    """Also a client that sends all of it first, as MONAI Label's does, reads the sentence and no broken connection."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.nii.gz"\r\n\r\n'
    body = head + bytes(20 << 20) + b"\r\n--x--\r\n"
    pieces = (body[start : start + (1 << 20)] for start in range(0, len(body), 1 << 20))  # without a length: sent in chunks
    content = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = requests.put(f"{door.url}/volume", data=body if declared else pieces, headers=content, timeout=60)
    assert answer.status_code == 413
    assert "8 MiB" in answer.json()["detail"]
    assert "--conf upload_limit" in answer.json()["detail"]


def test_words_are_short(door: Site) -> None:
    answer = requests.put(f"{door.url}/words", json={"x": "y" * (5 << 20)}, timeout=30)
    assert answer.status_code == 413
    assert "4 MiB" in answer.json()["detail"]


def test_who_waits_to_be_asked_is_not_asked(door: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=10)
    connection.putrequest("PUT", "/volume")
    for name, value in {
        "Content-Type": "multipart/form-data; boundary=x",
        "Content-Length": str(1 << 50),
        "Expect": "100-continue",
    }.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


# --- which pages may ask


def test_only_named_origins_may_read_answers(door: Site) -> None:
    def allowed(origin: str) -> str | None:
        return requests.get(f"{door.url}/where", headers={"Origin": origin}, timeout=10).headers.get("Access-Control-Allow-Origin")

    assert allowed(VIEWER) == VIEWER
    assert allowed("https://evil.example") is None
    failed = requests.get(f"{door.url}/nowhere", headers={"Origin": VIEWER}, timeout=10)
    assert failed.headers["Access-Control-Allow-Origin"] == VIEWER, "a viewer may read what went wrong"


def test_pages_of_other_sites_change_nothing(door: Site) -> None:
    def change(**headers: str) -> int:
        return requests.put(f"{door.url}/words", json={}, headers=headers, timeout=10).status_code

    assert change() == 200, "Slicer names no origin"
    assert change(Origin=VIEWER) == 200
    assert change(Origin=door.url) == 200
    for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example", "http://[", ""):
        assert change(Origin=origin) == 403, origin


def test_every_origin_is_no_origin() -> None:
    for text in ("*", "viewer.example", "https://viewer.example/path", "https://*.example", "ftp://x"):
        with pytest.raises(InputError, match="cors_origins"):
            read_configuration({"cors_origins": text})
    assert read_configuration({"cors_origins": "https://A.example/,http://b:3000"})[0].cors_origins == (
        "https://a.example",
        "http://b:3000",
    )
    assert read_configuration({})[0].cors_origins == ()


def test_monailabels_own_setting_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "MONAI_LABEL_CORS_ORIGINS", [AnyHttpUrl("http://viewer.example:3000")])
    assert allowed_origins(read_configuration({})[0]) == ("http://viewer.example:3000",)
    assert allowed_origins(read_configuration({"cors_origins": VIEWER})[0]) == (VIEWER,)


@pytest.mark.parametrize(("name", "value"), [("upload_limit", "0"), ("upload_limit", "much"), ("require_login", "perhaps")])
def test_bad_configuration_is_named(name: str, value: str) -> None:
    with pytest.raises(InputError, match=name):
        read_configuration({name: value})


# --- what is told


def test_paths_are_told_on_this_machine_only(door: Site) -> None:
    here = requests.get(f"{door.url}/where", timeout=10).json()
    assert here["path"] == "/srv/studies/Case_001/t1.nii.gz"
    there = requests.get(f"{door.url}/where", headers=ELSEWHERE, timeout=10).json()
    assert there == {"path": "(study folder)/Case_001/t1.nii.gz", "other": here["other"], "page": here["page"]}


@pytest.mark.parametrize(
    ("client", "headers", "here"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("192.0.2.7", {}, False),
        (None, {}, False),
        ("127.0.0.1", {"x-forwarded-for": "192.0.2.7"}, False),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1, 192.0.2.7"}, False),
        ("127.0.0.1", {"x-real-ip": "192.0.2.7"}, False),
        ("127.0.0.1", {"forwarded": "for=127.0.0.1"}, False),
        ("192.0.2.7", {"x-forwarded-for": "127.0.0.1"}, False),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, True),
    ],
)
def test_a_proxy_never_makes_a_request_more_trusted(client: str | None, headers: dict[str, str], here: bool) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope: Scope = {"type": "http", "client": None if client is None else (client, 1), "headers": raw}
    assert from_here(scope) is here


# --- who can reach it


@pytest.mark.parametrize(
    ("arguments", "address"),
    [
        (["start_server", "--app", "x"], "0.0.0.0"),
        (["start_server", "-i", "192.0.2.7"], "192.0.2.7"),
        (["start_server", "--host=::"], "::"),
        (["start_server", "--host", "127.0.0.1"], ""),
        (["start_server", "--host", "localhost"], ""),
        (["monailabel.app:app", "--port", "8000"], ""),
    ],
)
def test_the_address_is_what_the_command_says(arguments: list[str], address: str) -> None:
    assert exposure.open_to(arguments) == address
    assert bool(exposure.sentence(address)) == bool(address)


def test_a_required_login_that_is_missing() -> None:
    exposure.check_login(False)
    with pytest.raises(InputError, match="MONAI_LABEL_AUTH_ENABLE"):
        exposure.check_login(True)


# --- what a volume unpacks to


def nifti(*lengths: int, bits: int = 16, voxels: bytes = b"") -> bytes:
    """A NIfTI-1 file of a header and whatever."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype({8: np.uint8, 16: np.int16}[bits])
    header.set_data_shape(lengths)
    header.set_sform(np.eye(4), code=1)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    return bytes(header.binaryblock) + bytes(4) + voxels


@pytest.mark.parametrize("extension", [".nii.gz", ".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("packed", [True, False])
def test_a_volume_has_its_limit_unpacked(tmp_path: Path, extension: str, dtype: type, packed: bool) -> None:
    path = tmp_path / f"volume{extension}"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((20, 30, 40), dtype)), str(path), useCompression=packed)
    check_unpacked(path, name="ann's volume", most_mib=0.1)
    with pytest.raises(TooLargeError, match=r"ann's volume.* 24000 voxels"):
        check_unpacked(path, name="ann's volume", most_mib=0.05)


@pytest.mark.parametrize("lengths", [(600, 600, 600), (32767, 32767, 32767), (32767,) * 7])
def test_promised_terabytes_are_refused_by_the_header(tmp_path: Path, lengths: tuple[int, ...]) -> None:
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(gzip.compress(nifti(*lengths)))
    with at_most_more(256), pytest.raises(InputError, match="voxels"):
        check_unpacked(path, name="bomb", most_mib=512)
