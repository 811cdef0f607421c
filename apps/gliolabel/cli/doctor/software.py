"""Python, the packages, and the files MONAI Label needs beside them."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from gliolabel import __version__
from gliolabel.cli.app_folder import find_app_folder
from gliolabel.cli.doctor.check import Check, Level

_REINSTALL = "python -m pip install --no-deps --force-reinstall monailabel==0.8.5"


def python_version() -> Check:
    """Whether this Python is one that we support."""
    wanted = SpecifierSet(metadata.metadata("gliolabel")["Requires-Python"])
    found = platform.python_version()
    details = {"python": found, "executable": sys.executable, "platform": platform.platform(), "gliolabel": __version__}
    if found not in wanted:
        fix = "Make a virtual environment with Python 3.11 or 3.12 and install again."
        return Check("Python", Level.BAD, f"{found} ({sys.executable}); expected {wanted}", fix, details)
    return Check("Python", Level.OK, f"{found}, gliolabel {__version__}, {platform.system()} {platform.machine()}", details=details)


def packages() -> Check:
    """Whether every package we need is there in a version that works."""
    wrong, found = [], {}
    for line in metadata.requires("gliolabel") or ():
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing, expected {requirement.specifier or 'any version'}")
            continue
        found[requirement.name] = version
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version}, expected {requirement.specifier}")
    if wrong:
        fix = f"Install the tested set: pip install -c constraints/py3{sys.version_info.minor}.txt . (in the folder of the source)."
        return Check("Packages", Level.BAD, "; ".join(wrong), fix, found)
    shown = ", ".join(
        f"{name} {found[name]}" for name in ("monailabel", "monai", "torch", "numpy", "pydicom", "SimpleITK") if name in found
    )
    return Check("Packages", Level.OK, shown, details=found)


def monailabel_files() -> Check:
    """Whether the ``monailabel`` command is there, and starts this Python.

    Its wheel names its data folder in a way that pip installs and uv leaves out, with the command and the Slicer plugin in it.
    """
    command = shutil.which("monailabel", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    app = find_app_folder()
    details = {"command": command, "app": None if app is None else str(app)}
    if command is None:
        return Check(
            "MONAI Label command",
            Level.BAD,
            "there is no `monailabel` command: uv leaves it out of MONAI Label's wheel",
            _REINSTALL,
            details,
        )
    if app is None:
        fix = "Install gliolabel again with pip, or name the app by its path: monailabel start_server --app apps/brain_tumor ..."
        return Check("MONAI Label command", Level.BAD, f"{command}, but no app folder brain_tumor", fix, details)
    # The command is a shell script that runs whatever `python` is on the path.
    python = os.environ.get("MONAILABEL_PYEXE") or shutil.which("python")
    details["starts"] = python
    if python is None or not _same_environment(python):
        fix = f"Activate the environment first, or set MONAILABEL_PYEXE={sys.executable}."
        return Check(
            "MONAI Label command", Level.WARNING, f"{command} would start {python or 'no Python'}, not {sys.executable}", fix, details
        )
    return Check("MONAI Label command", Level.OK, f"{command}; app {app}", details=details)


def _same_environment(python: str) -> bool:
    # Not resolved: in a virtual environment `python` is a link to the system's, and only where the link lies tells them apart.
    found = shutil.which(python)
    return found is not None and Path(found).parent == Path(sys.executable).parent
