"""Writing the bundle's folder."""

from __future__ import annotations

import json
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from jinja2 import Environment, StrictUndefined

import gliolabel
from gliolabel.errors import InputError, UnavailableError
from gliolabel.recipes import ModelVersion
from gliolabel.registry.bundle.configs import inference_config, metadata
from gliolabel.registry.bundle.sources import copy_sources
from gliolabel.vocabulary import LABELS, RESEARCH_NOTICE, SEQUENCES

#: Network kinds whose source files stand alone.
_KINDS = {"unet": "gliolabel.networks.unet", "resunet2d": "gliolabel.networks.resunet"}


def export_bundle(version: ModelVersion, out: Path) -> Path:
    """Write a model version as a MONAI bundle.

    ``configs/`` (``inference.json``, ``metadata.json``), ``models/model.pt`` (a plain state dict), ``scripts/`` (copies of the network's
    source file and of all that segmenting needs), ``docs/README.md``, ``LICENSE``. Written whole or not at all.

    Args:
        version: the version.
        out: a new or empty folder.

    Raises:
        InputError: the folder holds something, or the model is not one of the product's kind.
        UnavailableError: the folder cannot be written.
    """
    recipe = version.recipe
    if recipe.sampling.kind != "patches" or recipe.network.kind not in _KINDS or recipe.network.out_channels != len(LABELS) + 1:
        raise InputError(
            f"{version.name} {version.version} cannot be exported: its recipe {recipe.name} has sampling.kind {recipe.sampling.kind}, "
            f"network.kind {recipe.network.kind} and {recipe.network.out_channels} outputs; expected patches, unet or resunet2d, and 4"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"OUT {out}: is there already. Name a new folder, or an empty one.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
            whole = Path(folder) / out.name
            _write(version, whole)
            if out.exists():
                out.rmdir()
            whole.rename(out)
    except OSError as error:
        raise UnavailableError(f"OUT {out} cannot be written ({error.strerror or error}). Nothing was written.") from error
    return out


def _write(version: ModelVersion, folder: Path) -> None:
    for name in ("configs", "models", "scripts", "docs"):
        (folder / name).mkdir(parents=True)
    for name, content in (("inference", inference_config(version)), ("metadata", metadata(version))):
        (folder / "configs" / f"{name}.json").write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
    torch.save(version.build().state_dict(), folder / "models" / "model.pt")
    modules = [_KINDS[version.recipe.network.kind], "gliolabel.registry.bundle.inferer", "gliolabel.registry.bundle.deciding"]
    copy_sources(modules, folder / "scripts", package="scripts")
    about = _about(version)
    for template, target in (("README.md.jinja", "docs/README.md"), ("LICENSE.jinja", "LICENSE")):
        (folder / target).write_text(_filled(template, about), encoding="utf-8")
    for name in ("LICENSE", "NOTICE"):
        found = _license_file(name)
        if found is not None:
            shutil.copyfile(found, folder / "docs" / f"{name}-gliolabel")


def _about(version: ModelVersion) -> dict[str, Any]:
    terms = version.metadata.get("terms") or {}
    return {
        "model": version.name,
        "version": version.version,
        "title": version.recipe.title,
        "gliolabel": gliolabel.__version__,
        "notice": RESEARCH_NOTICE,
        "sequences": SEQUENCES,
        "labels": LABELS,
        "sha256": version.sha256(),
        "cases": sorted(version.metadata.get("trained_on", {})),
        "terms": terms if isinstance(terms, dict) else {"training data": terms},
    }


def _filled(template: str, about: dict[str, Any]) -> str:
    text = (files("gliolabel.registry.bundle") / template).read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    return environment.from_string(text).render(about)


def _license_file(name: str) -> Path | None:
    """A licence file of ours: of the installed package, or of the clone it runs from."""
    try:
        installed = [Path(str(file.locate())) for file in distribution("gliolabel").files or () if file.name == name]
    except PackageNotFoundError:
        installed = []
    clone = Path(gliolabel.__file__).parents[2] / name
    return next((path for path in (*installed, clone) if path.is_file()), None)
