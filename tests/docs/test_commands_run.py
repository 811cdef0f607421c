"""The commands of each page, run as they stand there, one page after the other from its first block to its last.

What a page calls `/data/brats` is a folder of phantoms; port 8000 is a free one; `DIR` is the state folder and `CASE` a case. A page that
asks a server, or its state, without starting one finds one. Everything lies in a folder of the test.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from tests.docs.blocks import ALL, ROOT, Block

from gliolabel.phantoms import write_phantom_folder

_SERVER = "monailabel start_server"
_PATIENCE_S = 240


def runnable(block: Block) -> bool:
    return block.mark != "not run" and (block.language == "bash" or block.mark in ("file", "slow"))


PAGES = sorted({block.page for block in ALL if block.language == "bash" and runnable(block)})


class Shell:
    """Runs blocks.

    Args:
        folder: in which everything happens.
        studies: what ``/data/brats`` stands for.
        slices: what ``/data/lgg`` stands for.
    """

    def __init__(self, folder: Path, *, studies: Path, slices: Path) -> None:
        self.folder, self.server = folder, None
        self.state = folder / "state"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        for name in ("apps", "sample-apps"):  # a copy: MONAI Label writes its log into the app folder
            junk = shutil.ignore_patterns("gliolabel", "slicer-extension", "__pycache__", "logs", "model", "bin", "lib")
            shutil.copytree(ROOT / name, folder / name, ignore=junk)
        paths = os.pathsep.join([str(ROOT / "apps"), *filter(None, [os.environ.get("PYTHONPATH")])])
        (folder / ".curlrc").write_text("fail\nsilent\nshow-error\nmax-time = 120\n")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("GLIOLABEL_", "MONAI_LABEL_"))},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": paths,
            "GLIOLABEL_STATE": str(self.state),
            "XDG_DATA_HOME": str(folder / "data"),
            "MONAI_LABEL_AUTO_UPDATE_SCORING": "false",
            "CURL_HOME": str(folder),
        }
        self._words = {"/data/brats": str(studies), "/data/lgg": str(slices), ":8000": f":{self.port}", "--port 8000": ""}

    def run(self, block: Block) -> None:
        """Run a block; a server goes on running until the page ends or starts another."""
        if block.mark == "file":
            (self.folder / block.reason).write_text(block.text)
            return
        if block.language == "python":
            self._python(block)
            return
        if self.server is None and ("curl " in block.text or "--state DIR" in block.text):
            self.start(f"{_SERVER} --app apps/brain_tumor --studies /data/brats --host 127.0.0.1")
        lines = []
        for command in block.commands():
            if command.startswith(_SERVER):
                self.start(command)
            else:
                lines.append(self._meant(command))
        done = subprocess.run(
            ["bash", "-euo", "pipefail"],
            input="\n".join(lines),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}: {block.text}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"

    def start(self, command: str) -> None:
        """Start a server with the words of a page, and wait until it is well."""
        self.stop()
        words = shlex.split(self._meant(command))[1:]
        if "state" not in words:
            words += ["--conf", "state", str(self.state)]
        command_line = [sys.executable, "-m", "monailabel.main", *words, "--port", str(self.port)]
        log = self.folder / "server.log"
        with log.open("wb") as stream:
            self.server = subprocess.Popen(command_line, cwd=self.folder, env=self.environment, stdout=stream, stderr=subprocess.STDOUT)
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            assert self.server.poll() is None, f"{command}\n{log.read_text()[-3000:]}"
            try:
                answer = requests.get(f"http://127.0.0.1:{self.port}/healthz", timeout=5)
            except requests.RequestException:
                time.sleep(0.2)
                continue
            assert answer.json() == {"status": "ok", "problems": {}}
            return
        raise AssertionError(f"{command}: no answer within {_PATIENCE_S} s\n{log.read_text()[-3000:]}")

    def stop(self) -> None:
        if self.server is not None:
            self.server.send_signal(signal.SIGTERM)
            self.server.wait(60)
            self.server = None

    def _python(self, block: Block) -> None:
        path = self.folder / "block.py"
        path.write_text(block.text)
        done = subprocess.run(
            [sys.executable, str(path)], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{block}\n{done.stderr[-3000:]}"

    def _meant(self, command: str) -> str:
        for word, stands_for in self._words.items():
            command = command.replace(word, stands_for)
        command = re.sub(r"(--state|--conf state) DIR\b", rf"\1 {self.state}", command)
        return re.sub(r"\bCASE\b", "Phantom_000", command)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "brats"
    write_phantom_folder(folder, cases=4, shape=(24, 48, 48))
    return folder


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import numpy as np
    from PIL import Image

    folder = tmp_path_factory.mktemp("data") / "lgg" / "TCGA_XX_0000"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(1, 4):
        Image.fromarray(random.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(folder / f"TCGA_XX_0000_{number}.tif")
    return folder.parent


@pytest.fixture
def shell(tmp_path: Path, studies: Path, slices: Path) -> Iterator[Shell]:
    made = Shell(tmp_path, studies=studies, slices=slices)
    yield made
    made.stop()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_works_as_it_stands(page: str, shell: Shell) -> None:
    blocks = [block for block in ALL if block.page == page and runnable(block)]
    if any("curl " in block.text for block in blocks) and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    for block in blocks:
        shell.run(block)
