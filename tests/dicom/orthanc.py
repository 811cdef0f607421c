"""A real PACS: Orthanc with its DICOMweb plugin, as an ordinary process."""

from __future__ import annotations

import functools
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
import requests
from pydicom.dataset import Dataset

_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
#: Debian's packages: the server, its plugin, DCMTK's compressors and its sender, and a validator.
_PACKAGES = ("orthanc", "orthanc-dicomweb", "dcmtk", "dicom3tools")
_PROGRAMS = ("Orthanc", "dcmcjpls", "dciodvfy")
#: Where Debian puts it: pynetdicom brings another program of that name.
_STORESCU = Path("/usr/bin/storescu")


@functools.cache
def missing() -> str:
    """Why there is no Orthanc; empty when there is one. Installed from Debian's packages where that is possible."""
    if _complete():
        return ""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return f"Orthanc is not installed; as root on Debian: apt-get install {' '.join(_PACKAGES)}"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *_PACKAGES]):
        try:
            run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
        except subprocess.TimeoutExpired:
            return f"{' '.join(command)} did not end within 240 s"
        if run.returncode != 0:
            return f"{' '.join(command)} failed: {(run.stderr or run.stdout).strip().splitlines()[-1:]}"
    return "" if _complete() else "apt-get installed Orthanc, but not all of it is there"


def _complete() -> bool:
    return _PLUGIN.is_file() and _STORESCU.is_file() and all(shutil.which(program) is not None for program in _PROGRAMS)


@dataclass
class Orthanc:
    """A PACS. It can be stopped and started again with what it holds.

    Args:
        folder: where it keeps its images.
        login: whether it asks for ``reader`` / ``secret``.
    """

    folder: Path
    login: bool = False

    def __post_init__(self) -> None:
        self.port, self.dicom_port = _free_ports(2)
        self.process: subprocess.Popen[bytes] | None = None
        configuration = {
            "Name": "test",
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "storage"),
            "HttpPort": self.port,
            "DicomPort": self.dicom_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": self.login,
            "RegisteredUsers": {"reader": "secret"},
            "Plugins": [str(_PLUGIN)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            "StoreMD5ForAttachments": False,
        }
        (self.folder / "storage").mkdir(parents=True, exist_ok=True)
        (self.folder / "orthanc.json").write_text(json.dumps(configuration))

    @property
    def url(self) -> str:
        """What a server is started with."""
        return f"http://127.0.0.1:{self.port}/dicom-web"

    def start(self) -> Orthanc:
        with (self.folder / "orthanc.log").open("ab") as log:
            self.process = subprocess.Popen(["Orthanc", str(self.folder / "orthanc.json")], stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while True:
            assert self.process.poll() is None, (self.folder / "orthanc.log").read_text()[-2000:]
            try:
                if requests.get(f"{self.url}/studies", params={"limit": "1"}, timeout=5, auth=self._auth).ok:
                    return self
            except requests.RequestException:
                pass
            assert time.monotonic() < deadline, "Orthanc does not answer"
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(20)

    def send(self, files: Iterable[Path]) -> None:
        """Store images, as a scanner would."""
        session = requests.Session()
        for file in files:
            answer = session.post(f"http://127.0.0.1:{self.port}/instances", data=file.read_bytes(), timeout=60, auth=self._auth)
            answer.raise_for_status()

    def push(self, folder: Path) -> None:
        """Store the images of a folder over the DICOM network, with DCMTK's storescu."""
        options = ["--scan-directories", "--aetitle", "SCANNER", "--call", "ORTHANC"]
        command = [str(_STORESCU), *options, "127.0.0.1", str(self.dicom_port), str(folder)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert run.returncode == 0, (run.stderr or run.stdout)[-2000:]

    def instances(self, study: str) -> list[tuple[str, str]]:
        """Modality and SOPInstanceUID of every object of a study, as QIDO-RS tells them."""
        parameters = {"includefield": "Modality", "limit": "10000"}
        found = requests.get(f"{self.url}/studies/{study}/instances", params=parameters, timeout=60, auth=self._auth)
        found.raise_for_status()
        return sorted((one["00080060"]["Value"][0], one["00080018"]["Value"][0]) for one in found.json())

    def fetch(self, instance: str) -> Dataset:
        """An object, as it is stored."""
        root = f"http://127.0.0.1:{self.port}"
        (found,) = requests.post(f"{root}/tools/lookup", data=instance, timeout=60, auth=self._auth).json()
        answer = requests.get(f"{root}{found['Path']}/file", timeout=60, auth=self._auth)
        answer.raise_for_status()
        return pydicom.dcmread(BytesIO(answer.content))

    def delete(self, study: str) -> None:
        """Remove a study."""
        root = f"http://127.0.0.1:{self.port}"
        (found,) = requests.post(f"{root}/tools/lookup", data=study, timeout=60, auth=self._auth).json()
        requests.delete(f"{root}{found['Path']}", timeout=60, auth=self._auth).raise_for_status()

    @property
    def _auth(self) -> tuple[str, str] | None:
        return ("reader", "secret") if self.login else None


def faults(file: Path) -> list[str]:
    """What dicom3tools' validator calls an error in an object."""
    run = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True, timeout=120)
    return [line for line in (run.stdout + run.stderr).splitlines() if line.startswith("Error")]


def require_orthanc() -> None:
    """Skip the test, with the reason, where there is no Orthanc."""
    reason = missing()
    if reason:
        pytest.skip(reason)


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
