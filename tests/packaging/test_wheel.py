"""The built wheel, installed: the package, its data, and the app where MONAI Label looks for apps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (
    "apps/gliolabel",
    "apps/brain_tumor",
    "sample-apps/lgg_flair",
    "setup.cfg",
    "pyproject.toml",
    "MANIFEST.in",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "NOTICE",
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: building leaves its own folders beside the source."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    junk = shutil.ignore_patterns("__pycache__", "bin", "lib", "logs", "model", "*.egg-info")
    for name in SOURCES:
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=junk)
        else:
            shutil.copyfile(ROOT / name, target)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel in it. Everything else it takes from the environment that runs the tests."""
    folder = tmp_path_factory.mktemp("environment") / "env"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    site = Path(
        subprocess.run(
            [python, "-c", "import site; print(site.getsitepackages()[0])"], check=True, capture_output=True, text=True
        ).stdout.strip()
    )
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "--quiet", str(wheel)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    # A plain path entry: what lies there can be imported, but its own .pth files (our editable install) are not followed.
    (site / "others.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return python


def _run(python: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "GLIOLABEL_STATE"}}
    environment["VIRTUAL_ENV"] = str(python.parents[1])
    return subprocess.run([str(python), *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_it_holds_the_package_its_data_and_the_app(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"gliolabel/py.typed", "gliolabel/cli/app.py", "gliolabel/labelserver/app.py"} <= names
    for folder, kind in (("recipes", "*.yaml"), ("weights", "*.safetensors")):
        ours = {f"gliolabel/{folder}/{path.name}" for path in (ROOT / "apps" / "gliolabel" / folder).glob(kind)}
        assert ours <= names
    for app in ("brain_tumor", "lgg_flair"):
        assert any(name.endswith(f".data/data/monailabel/sample-apps/{app}/main.py") for name in names)
    top = {name.split("/")[0] for name in names}
    assert top == {"gliolabel", *(name for name in top if name.endswith((".dist-info", ".data")))}
    assert not any("__pycache__" in name or name.endswith((".nii.gz", ".pt")) for name in names)


def test_the_installed_command_works(python: Path, tmp_path: Path) -> None:
    done = _run(python, "-c", "import gliolabel; print(gliolabel.__file__)", cwd=tmp_path)
    assert str(python.parents[1]) in done.stdout
    command = subprocess.run([str(python.parent / "gliolabel"), "--version"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert command.stdout.startswith("gliolabel ")


def test_monailabel_lists_and_copies_the_app(python: Path, tmp_path: Path) -> None:
    listed = _run(python, "-m", "monailabel.main", "apps", cwd=tmp_path)
    assert "brain_tumor" in listed.stdout, listed.stderr
    copied = _run(
        python, "-m", "monailabel.main", "apps", "--download", "--name", "brain_tumor", "--output", str(tmp_path / "out"), cwd=tmp_path
    )
    assert copied.returncode == 0, copied.stderr
    ours = (ROOT / "apps" / "brain_tumor" / "main.py").read_text()
    assert (tmp_path / "out" / "brain_tumor" / "main.py").read_text() == ours


def test_the_installed_app_folder_is_found(python: Path, tmp_path: Path) -> None:
    done = _run(python, "-c", "from gliolabel.cli.app_folder import find_app_folder; print(find_app_folder())", cwd=tmp_path)
    assert done.stdout.strip() == str(python.parents[1] / "monailabel" / "sample-apps" / "brain_tumor"), done.stderr
