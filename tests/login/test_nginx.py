"""The reverse proxy of docs/how-to/log-in.md: nginx with that very file, a self-signed certificate, and a reader behind it."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from monailabel.client import MONAILabelClient
from tests.certificates import self_signed
from tests.labelserver.conftest import REPOSITORY, Server, serving, wait_until, write_small_studies
from tests.login.provider import password_of
from tests.login.running import RunningProvider
from tests.login.test_login_server import label_for, submissions

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed (Debian: apt-get install nginx)"),
]

RECIPE = REPOSITORY / "docs" / "how-to" / "nginx.conf"
#: What a distribution's own nginx.conf says around the recipe, as far as it is needed to run it from a folder.
AROUND = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;
{user}
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/gliolabel.conf;
}}
"""


@dataclass
class Proxied:
    """A server behind nginx."""

    url: str
    plain: str
    server: Server
    certificate: Path
    folder: Path

    def log_in(self, user: str) -> MONAILabelClient:
        client = MONAILabelClient(self.url, tmpdir=str(self.folder), client_id="user-xyz")
        client.update_auth(client.auth_token(user, password_of(user)))
        return client

    def download(self, image: str, *, source: str = "127.0.0.1", **headers: str) -> tuple[int, bytes]:
        """As Slicer does, but with the certificate checked, from an address of this machine."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        port = int(self.url.rpartition(":")[2])
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, source_address=(source, 0), timeout=60)
        connection.request("GET", f"/datastore/image?image={image}", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="module")
def proxied(provider: RunningProvider, tmp_path_factory: pytest.TempPathFactory, small_weights: Path) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp("proxied")
    with serving(folder, small_weights) as start:
        studies = write_small_studies(folder / "studies", cases=4)
        server = start(studies, conf={"trusted_proxies": "127.0.0.1"}, env=provider.environment())
        certificate, key = self_signed(folder)
        tls, plain = _free_ports(2)
        recipe = RECIPE.read_text()
        for text, here in (
            ("listen 443 ssl;", f"listen {tls} ssl;"),
            ("listen 80;", f"listen {plain};"),
            ("http://127.0.0.1:8000", server.url),
            ("/etc/ssl/certs/labels.hospital.example.pem", str(certificate)),
            ("/etc/ssl/private/labels.hospital.example.key", str(key)),
        ):
            assert text in recipe, f"{RECIPE.name} no longer has {text!r}"
            recipe = recipe.replace(text, here)
        (folder / "gliolabel.conf").write_text(recipe)
        main = AROUND.format(folder=folder, user="user root;" if os.geteuid() == 0 else "")
        (folder / "nginx.conf").write_text(main)
        command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        subprocess.run([*command, "-t"], check=True, capture_output=True, timeout=30)
        process = subprocess.Popen(command)
        try:
            wait_until(lambda: _answers(tls), seconds=20)
            yield Proxied(f"https://127.0.0.1:{tls}", f"http://127.0.0.1:{plain}", server, certificate, folder)
        finally:
            process.terminate()
            process.wait(20)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_reader_logs_in_downloads_segments_and_submits(proxied: Proxied, tmp_path: Path) -> None:
    client = proxied.log_in("ann")
    case_id = client.next_sample("sequential", {})["id"]
    reference = proxied.server.studies / case_id / f"{case_id}_t1ce.nii.gz"
    assert proxied.download(case_id) == (200, reference.read_bytes())
    mask, _ = client.infer("unet3d", case_id, {"result_extension": ".nrrd", "passes": 0})
    assert Path(mask).stat().st_size > 0
    client.save_label(case_id, str(label_for(proxied.server, case_id, tmp_path)), params={"label_info": []})
    (entry,) = submissions(proxied.server, case_id)
    assert entry.actor == "ann"


def test_an_open_image_is_open_for_one_address_behind_the_proxy(proxied: Proxied) -> None:
    case_id = proxied.log_in("ben").next_sample("sequential", {})["id"]
    assert proxied.download(case_id)[0] == 200
    assert proxied.download(case_id, source="127.0.0.3")[0] == 401
    # nginx says who it hears, whatever the client says.
    assert proxied.download(case_id, source="127.0.0.3", **{"X-Forwarded-For": "127.0.0.1"})[0] == 401


def test_without_a_token_nothing_is_answered(proxied: Proxied) -> None:
    answer = requests.get(f"{proxied.url}/info/", verify=str(proxied.certificate), timeout=60)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_request_number_is_the_proxys(proxied: Proxied) -> None:
    answer = requests.get(f"{proxied.url}/info/", verify=str(proxied.certificate), timeout=60)
    assert len(answer.headers["x-request-id"]) == 32


def test_a_volume_larger_than_nginx_allows_by_default_comes_through(proxied: Proxied, tmp_path: Path) -> None:
    """By default nginx refuses what is larger than 1 MiB."""
    import numpy as np
    import SimpleITK as sitk

    volume = sitk.GetImageFromArray(np.random.default_rng(0).integers(0, 4000, (40, 160, 160)).astype(np.int16))
    sitk.WriteImage(volume, str(tmp_path / "large.nii.gz"))
    assert (tmp_path / "large.nii.gz").stat().st_size > 1_200_000
    assert proxied.log_in("ann").upload_image(str(tmp_path / "large.nii.gz"), "Opened") is not None


def test_unencrypted_requests_are_sent_on(proxied: Proxied) -> None:
    answer = requests.get(f"{proxied.plain}/info/", allow_redirects=False, timeout=60)
    assert (answer.status_code, answer.headers["location"]) == (301, "https://127.0.0.1/info/")
    # An address without its last slash leads to the same place, still encrypted.
    moved = requests.get(f"{proxied.url}/info", allow_redirects=False, verify=str(proxied.certificate), timeout=60)
    assert moved.headers["location"] == f"{proxied.url}/info/"


def test_guessing_passwords_is_slowed_down(proxied: Proxied) -> None:
    """The last test: afterwards this address has to wait."""
    form = {"grant_type": "password", "username": "ann", "password": "guess"}
    statuses = [
        requests.post(f"{proxied.url}/auth/token", data=form, verify=str(proxied.certificate), timeout=60).status_code for _ in range(30)
    ]
    assert set(statuses) == {401, 429}
    assert urllib.request.urlopen(f"{proxied.server.url}/auth/", timeout=20).status == 200
