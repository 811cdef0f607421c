"""Reading recipe files, with their variants and other changes applied."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gliolabel.errors import InputError, UnknownError
from gliolabel.recipes.explaining import explain
from gliolabel.recipes.network_keys import check_network, divisor
from gliolabel.recipes.schema import Recipe
from gliolabel.recipes.yaml_reading import read_yaml


def list_recipes() -> list[str]:
    """Names of the recipes that come with the package, sorted."""
    return sorted(f.name.removesuffix(".yaml") for f in resources.files("gliolabel.recipes").iterdir() if f.name.endswith(".yaml"))


def recipe_text(name_or_path: str | Path) -> str:
    """A recipe's file as it stands, comments included.

    Raises:
        UnknownError: no packaged recipe has this name.
        InputError: the file cannot be read.
    """
    return _read(name_or_path)[0]


def load_recipe(name_or_path: str | Path, changes: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe.

    Args:
        name_or_path: name of a packaged recipe, or a path to a ``.yaml`` file.
        changes: settings that replace the file's, in order, each either ``section.key=value`` with the value in YAML, e.g.
            ``sampling.patch=[128, 160, 128]``, or the name of one of the recipe's variants. A number as key counts in a list
            (``preprocessing.0.per=slice``). A new ``kind`` of a section drops what the file set for the old kind.

    Raises:
        UnknownError: no packaged recipe has this name.
        InputError: the file is not YAML, a variant is not known, or file or change break the schema; the message names file, key,
            value and what is allowed.

    Example:
        >>> load_recipe("resunet2d").network.out_channels
        4
        >>> load_recipe("resunet2d", ["steps=10"]).steps
        10
        >>> load_recipe("topcu2023_unet3d_brats21", ["cross_entropy", "constant"]).loss.alpha
        0.0
    """
    text, where = _read(name_or_path)
    content = copy.deepcopy(_parse(text, where))
    if not isinstance(content, dict):
        raise InputError(f"recipe {where}: holds {type(content).__name__}; expected sections such as network: and loss:")
    changed: dict[str, str] = {}
    for change in changes:
        for key, value in _settings(content, change):
            _set(content, key, copy.deepcopy(value), change)
            changed[key] = change
    try:
        recipe = Recipe.model_validate(content)
    except ValidationError as error:
        raise InputError(explain(error, where=f"recipe {where}", changes=changed)) from error
    try:
        _check(recipe)
    except InputError as error:
        added = f" (with --set {', --set '.join(changes)})" if changes else ""
        raise InputError(f"recipe {where} cannot be used{added}:\n  {error}") from error
    return recipe


def _check(recipe: Recipe) -> None:
    """What no section can know alone."""
    check_network(recipe.network)
    multiple = divisor(recipe.network)
    patch = list(recipe.sampling.patch)
    if any(edge % multiple for edge in patch):
        raise InputError(f"sampling.patch = {patch}: the network halves its input again and again; expected multiples of {multiple}")


@functools.lru_cache(maxsize=32)
def _parse(text: str, where: str) -> Any:
    return read_yaml(text, f"recipe {where}")


def _read(name_or_path: str | Path) -> tuple[str, str]:
    if isinstance(name_or_path, Path) or str(name_or_path).endswith((".yaml", ".yml")):
        path = Path(name_or_path)
        if not path.is_file():
            raise InputError(f"recipe {path}: no such file")
        try:
            return path.read_text(encoding="utf-8"), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"recipe {path}: cannot be read as UTF-8 text: {error}") from error
    names = list_recipes()
    if name_or_path not in names:
        close = get_close_matches(str(name_or_path), names, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UnknownError(f"recipe {name_or_path!r} is not known; there are: {', '.join(names)}; or give the path of a .yaml file{hint}")
    return (resources.files("gliolabel.recipes") / f"{name_or_path}.yaml").read_text(encoding="utf-8"), f"{name_or_path}.yaml"


def _settings(content: dict[str, Any], change: str) -> list[tuple[str, Any]]:
    """The keys and values that a change means: one for ``key=value``, several for the name of a variant."""
    key, equals, text = change.partition("=")
    if equals and key.strip():
        return [(key.strip(), read_yaml(text, f"recipe --set {change}"))]
    variants = content.get("variants") or {}
    if change in variants:
        return list((variants[change].get("set") or {}).items())
    known = f"its variants are: {', '.join(variants)}" if variants else "this recipe has no variants"
    close = get_close_matches(change, [str(name) for name in variants], n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise InputError(
        f"--set {change}: expected section.key=value, e.g. optimiser.learning_rate=0.001, or the name of a variant; {known}{hint}"
    )


def _set(content: Any, key: str, value: Any, change: str) -> None:
    *sections, last = key.split(".")
    for section in sections:
        content = _step_into(content, section, change)
    if isinstance(content, list):
        content[_index(content, last, change)] = value
    elif last == "kind" and content.get("kind") not in (None, value):
        content.clear()
        content["kind"] = value
    else:
        content[last] = value


def _step_into(content: Any, section: str, change: str) -> Any:
    inner = content[_index(content, section, change)] if isinstance(content, list) else content.setdefault(section, {})
    if not isinstance(inner, dict | list):
        raise InputError(f"--set {change}: {section} is a value, not a section of a recipe")
    return inner


def _index(content: list[Any], key: str, change: str) -> int:
    if not key.isdigit() or int(key) >= len(content):
        raise InputError(f"--set {change}: {key!r} is no place in a list of {len(content)}; expected 0 to {len(content) - 1}")
    return int(key)
