"""Reading recipe files, and building what they describe."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from gliolabel.errors import InputError, UnknownError
from gliolabel.networks import ResUNet2D, SegmentationNetwork, UNet
from gliolabel.recipes.schema import NetworkSection, Recipe


def list_recipes() -> list[str]:
    """Names of the recipes that come with the package, sorted."""
    return sorted(f.name.removesuffix(".yaml") for f in resources.files("gliolabel.recipes").iterdir() if f.name.endswith(".yaml"))


def load_recipe(name_or_path: str | Path, changes: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe.

    Args:
        name_or_path: name of a packaged recipe, or a path to a ``.yaml`` file.
        changes: settings that replace the file's, each as ``section.key=value`` with the value in YAML, e.g.
            ``sampling.patch=[128, 160, 128]``.

    Raises:
        UnknownError: no packaged recipe has this name.
        InputError: the file is not YAML, or it or a change breaks the schema; the message names file, key, value and what
            is allowed.

    Example:
        >>> load_recipe("resunet2d").network.out_channels
        4
    """
    text, where = _read(name_or_path)
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"recipe {where}: not valid YAML: {error}") from error
    for change in changes:
        _change(content, change)
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise InputError(_explain(error, where)) from error


def build_network(section: NetworkSection) -> SegmentationNetwork:
    """The network a recipe describes, with fresh random weights.

    Raises:
        InputError: the section misses what the network needs.
    """
    if section.kind == "resunet2d":
        return ResUNet2D(section.in_channels, section.out_channels, dropout=section.dropout[0])
    if not section.channels:
        raise InputError("recipe: network.channels is empty; a unet needs the channels of each level, e.g. [16, 32, 64]")
    dropout = section.dropout if len(section.dropout) > 1 else section.dropout[0]
    return UNet(section.spatial_dims, section.in_channels, section.out_channels, section.channels, norm=section.norm, dropout=dropout)


def _read(name_or_path: str | Path) -> tuple[str, str]:
    if isinstance(name_or_path, Path) or str(name_or_path).endswith((".yaml", ".yml")):
        path = Path(name_or_path)
        if not path.is_file():
            raise InputError(f"recipe {path}: no such file")
        return path.read_text(), str(path)
    names = list_recipes()
    if name_or_path not in names:
        raise UnknownError(f"recipe {name_or_path!r} is not known; there are: {', '.join(names)}; or give the path of a .yaml file")
    return (resources.files("gliolabel.recipes") / f"{name_or_path}.yaml").read_text(), f"{name_or_path}.yaml"


def _change(content: Any, change: str) -> None:
    key, equals, text = change.partition("=")
    *sections, last = key.strip().split(".")
    if not equals or not last or not isinstance(content, dict):
        raise InputError(f"--set {change}: expected section.key=value, e.g. optimiser.learning_rate=0.001")
    for section in sections:
        content = content.setdefault(section, {})
        if not isinstance(content, dict):
            raise InputError(f"--set {change}: {section} is a value, not a section of a recipe")
    try:
        content[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"--set {change}: the value is not valid YAML: {error}") from error


def _explain(error: ValidationError, where: str) -> str:
    lines = [f"recipe {where} cannot be used:"]
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"]) or "(whole file)"
        lines.append(f"  {key} = {problem['input']!r}: {problem['msg']}")
    return "\n".join(lines)
