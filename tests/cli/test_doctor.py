"""The doctor finds what is wrong and names the fix."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
import torch

from gliolabel.cli.doctor import data, hardware, server, software
from gliolabel.cli.doctor.check import Check, Level
from gliolabel.phantoms import make_phantom, with_skull, write_phantom_case
from gliolabel.registry import Registry


def _needs_fix(check: Check, *words: str) -> None:
    assert check.level is not Level.OK
    assert check.fix
    for word in words:
        assert word in check.message, check.message


def test_this_environment_has_the_right_python_and_packages() -> None:
    assert software.python_version().level is Level.OK
    assert software.packages().level is Level.OK, software.packages().message


def test_another_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software.platform, "python_version", lambda: "3.13.0")
    _needs_fix(software.python_version(), "3.13.0", "<3.13")


def test_a_package_in_a_wrong_version_and_a_missing_one_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name == "safetensors":
            raise metadata.PackageNotFoundError(name)
        return "3.0.1" if name == "pydicom" else real(name)

    monkeypatch.setattr(software.metadata, "version", version)
    _needs_fix(software.packages(), "pydicom 3.0.1, expected <3", "safetensors is missing")


def test_a_missing_monailabel_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software.shutil, "which", lambda name, path=None: None)
    check = software.monailabel_files()
    _needs_fix(check, "no `monailabel` command")
    assert "pip install" in check.fix


def test_the_command_of_another_python_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "bin" / "python"
    found = {"monailabel": str(Path(sys.executable).parent / "monailabel"), "python": str(other), str(other): str(other)}
    monkeypatch.delenv("MONAILABEL_PYEXE", raising=False)
    monkeypatch.setattr(software.shutil, "which", lambda name, path=None: found.get(name))
    check = software.monailabel_files()
    _needs_fix(check, str(other))
    assert sys.executable in check.fix


def test_a_lost_gpu_must_be_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(hardware.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(torch.version, "cuda", None)
    check = hardware.torch_build()
    _needs_fix(check, "CPU build")
    assert check.level is Level.BAD
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    _needs_fix(hardware.torch_build(), "cannot use it")


def test_little_memory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    for gib, level in ((2, Level.BAD), (4, Level.WARNING), (32, Level.OK)):
        fake = type("Memory", (), {"available": gib * 2**30})
        monkeypatch.setattr(psutil, "virtual_memory", lambda fake=fake: fake)
        assert hardware.memory().level is level


def test_a_port_in_use_is_named_with_another() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        check = server.port_free("127.0.0.1", port)
    _needs_fix(check, f"127.0.0.1:{port} is in use")
    assert f"--port {port + 1}" in check.fix
    assert server.port_free("127.0.0.1", port).level is Level.OK


def test_an_address_of_no_interface_is_named() -> None:
    _needs_fix(server.port_free("192.0.2.1", 8000), "192.0.2.1:8000 cannot be used")


@pytest.mark.parametrize(
    ("host", "login", "level"),
    [
        ("0.0.0.0", "false", Level.WARNING),
        ("127.0.0.1", "false", Level.OK),
        ("localhost", "false", Level.OK),
        ("0.0.0.0", "true", Level.OK),
    ],
)
def test_listening_for_everybody_without_login_is_a_warning(monkeypatch: pytest.MonkeyPatch, host: str, login: str, level: Level) -> None:
    monkeypatch.setenv("MONAI_LABEL_AUTH_ENABLE", login)
    assert server.access(host).level is level


def test_no_weights_and_broken_weights_must_be_fixed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("gliolabel.cli.model_choice.open_registry", lambda: Registry(tmp_path))
    _needs_fix(data.weights(), "no weights")
    (tmp_path / "unet3d.safetensors").write_bytes(b"not weights")
    _needs_fix(data.weights(), "unet3d.safetensors")


def test_study_folders(phantom_folder: Path, tmp_path: Path) -> None:
    good = list(data.study_folder(phantom_folder, labels=None))
    assert [(check.name, check.level) for check in good] == [("Studies", Level.OK), ("Images", Level.WARNING)]
    assert "slices of 3.9 mm" in good[1].message  # of these small phantoms
    assert "less accurate" in good[1].fix
    assert "3 cases" in good[0].message
    _needs_fix(next(data.study_folder(tmp_path / "none", labels=None)), "no such folder")
    _needs_fix(next(data.study_folder(tmp_path, labels=None)), "no case found")
    _needs_fix(next(data.study_folder(phantom_folder, labels="nonsense")), "nonsense")


def test_the_state_folder_of_a_study_folder_is_named_but_not_made(phantom_folder: Path, tmp_path: Path) -> None:
    check = data.state_folder(phantom_folder)
    assert check.level is Level.OK
    assert not Path(check.details["path"]).exists()


def test_json_and_exit_code(gliolabel: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = [Check("A", Level.OK, "fine"), Check("B", Level.BAD, "broken", "mend it", {"value": 1})]
    monkeypatch.setattr("gliolabel.cli.doctor.run_checks", lambda **options: checks)
    answer = gliolabel("doctor", "--json")
    assert answer.code == 1
    content = json.loads(answer.out)
    assert content["ok"] is False
    assert content["checks"][1] == {"name": "B", "level": "bad", "message": "broken", "fix": "mend it", "details": {"value": 1}}
    for_people = gliolabel("doctor")
    assert for_people.code == 1
    assert "-> mend it" in for_people.out
    monkeypatch.setattr("gliolabel.cli.doctor.run_checks", lambda **options: checks[:1])
    assert gliolabel("doctor").code == 0


def test_whole_heads_are_noticed_and_the_step_for_them_is_named(tmp_path: Path) -> None:
    write_phantom_case(with_skull(make_phantom(shape=(40, 64, 64), seed=2)), tmp_path, name="x")
    check = next(check for check in data.study_folder(tmp_path, labels=None) if check.name == "Images")
    _needs_fix(check, "case x: the skull is still in t1, t1ce, t2, flair", "litres")
    assert "--conf preprocess clinical" in check.fix
    assert "--preprocess clinical" in check.fix
    assert "deepbet" in check.fix
    assert check.details["x"]["whole_head"] == ["t1", "t1ce", "t2", "flair"]
