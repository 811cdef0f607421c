"""From pydantic's errors to sentences that name the key as the file spells it, the value, and what is allowed."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from gliolabel.recipes.schema import Recipe
from gliolabel.recipes.schema.base import Section

#: A longer value is cut off in messages.
_LONGEST_VALUE = 60


def explain(
    error: ValidationError, *, where: str, changes: Mapping[str, str] = types.MappingProxyType({}), schema: type[Section] = Recipe
) -> str:
    """All that is wrong with a recipe, or with another file of sections, one line each.

    Args:
        error: what the schema said.
        where: what the file is and which, for the first line, e.g. ``recipe my.yaml``.
        changes: keys that were changed, each with the change that did it, e.g. ``{"steps": "steps=0"}``.
        schema: what the file is read as.
    """
    lines = [f"{where} cannot be used:"]
    for problem in error.errors():
        key, text = _sentence(problem, schema)
        changed_by = [change for changed, change in changes.items() if _within(key, changed) or _within(changed, key)]
        origin = f" (changed by --set {changed_by[-1]})" if changed_by else ""
        lines.append(f"  {key}{text}{origin}")
    return "\n".join(lines)


@dataclass(frozen=True)
class _Place:
    """Where in a recipe a problem lies: the key without pydantic's own steps, the section around it, and what may stand there."""

    key: str
    around: type[Section] | None
    kinds: tuple[type[Section], ...]
    limits: tuple[object, ...]


def _place(steps: Sequence[int | str], schema: type[Section]) -> _Place:
    parts: list[str] = []
    annotation: Any = schema
    around: type[Section] | None = None
    kinds: tuple[type[Section], ...] = ()
    limits: tuple[object, ...] = ()
    for step in steps:
        members = _sections(annotation)
        tagged = next((member for member in members if len(members) > 1 and _kind(member) == step), None)
        if tagged is not None:  # pydantic names the kind as a step of its own
            annotation, kinds = tagged, members
            continue
        parts.append(str(step))
        annotation, limits, inside = _inside(members[0] if len(members) == 1 else annotation, step)
        if inside is not None:
            around = inside
            kinds = kinds if around in kinds else ()
    return _Place(".".join(parts), around, kinds or _sections(annotation), limits)


def _inside(annotation: Any, step: int | str) -> tuple[Any, tuple[object, ...], type[Section] | None]:
    """What may stand at one step below an annotation, its limits, and the section if the annotation is one."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        field = annotation.model_fields.get(str(step))
        return (field.annotation, tuple(field.metadata), annotation) if field else (None, (), annotation)
    items = typing.get_args(_bare(annotation))
    if not items:
        return None, (), None
    item = items[min(int(step), len(items) - 1)] if isinstance(step, int) and Ellipsis not in items else items[0]
    return item, _metadata(item), None


def _bare(annotation: Any) -> Any:
    """Without ``Annotated`` and ``| None``."""
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        rest = [member for member in typing.get_args(annotation) if member is not type(None)]
        if len(rest) == 1:
            return _bare(rest[0])
    return annotation


def _metadata(annotation: Any) -> tuple[object, ...]:
    if typing.get_origin(annotation) is not typing.Annotated:
        return ()
    found: list[object] = []
    for item in typing.get_args(annotation)[1:]:
        found += item.metadata if isinstance(item, FieldInfo) else [item]
    return tuple(found)


def _sections(annotation: Any) -> tuple[type[Section], ...]:
    """The kinds of section that may stand here."""
    bare = _bare(annotation)
    members = typing.get_args(bare) if typing.get_origin(bare) in (typing.Union, types.UnionType) else (bare,)
    return tuple(member for member in members if isinstance(member, type) and issubclass(member, Section))


def _kind(section: type[Section]) -> object:
    field = section.model_fields.get("kind")
    return None if field is None else field.default


def _sentence(problem: Any, schema: type[Section]) -> tuple[str, str]:
    """The key, and what follows it: the value, what is wrong, and what is allowed."""
    place = _place(problem["loc"], schema)
    kind, value = problem["type"], problem["input"]
    tags = ", ".join(str(_kind(section)) for section in place.kinds)
    if kind == "extra_forbidden":
        return place.key, f" = {_short(value)}: {_unknown_key(place)}"
    if kind == "missing":
        return place.key, ": is missing"
    if kind == "union_tag_not_found":
        return _join(place.key, "kind"), f": is missing; expected one of {tags}"
    if kind == "union_tag_invalid":
        return _join(place.key, "kind"), f" = {_short(problem['ctx']['tag'])}: expected one of {tags}"
    if kind == "value_error":
        text = str(problem["ctx"]["error"])
        return ("", text) if not place.key else (place.key, f" = {_short(value)}: {text}")
    if kind in {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}:
        return place.key, f" = {_short(value)}: expected a number {_limits(place.limits)}".rstrip()
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        return place.key or "(the whole file)", f" = {_short(value)}: expected a section, that is keys with values"
    text = problem["msg"].replace("Input should be", "expected", 1)
    return place.key or "(the whole file)", f" = {_short(value)}: {text}"


def _unknown_key(place: _Place) -> str:
    assert place.around is not None
    name = place.key.rpartition(".")[2]
    known = list(place.around.model_fields)
    others = [str(_kind(section)) for section in place.kinds if name in section.model_fields]
    what = f"kind {_kind(place.around)} has no such key" if place.kinds else "there is no such key"
    here = f"here are: {', '.join(known)}"
    if others:
        return f"{what}; it belongs to kind {' and '.join(others)}; {here}"
    close = get_close_matches(name, known, n=1)
    return f"{what}; did you mean {close[0]}? Here are: {', '.join(known)}" if close else f"{what}; {here}"


def _limits(metadata: Sequence[object]) -> str:
    """E.g. "from 0 to 1", "above 0", "of at least 1"."""
    low, high = "", ""
    for limit in metadata:
        if isinstance(limit, Ge):
            low = f"from {limit.ge:g}"
        elif isinstance(limit, Gt):
            low = f"above {limit.gt:g}"
        elif isinstance(limit, Le):
            high = f"to {limit.le:g}"
        elif isinstance(limit, Lt):
            high = f"below {limit.lt:g}"
    if not high:
        low = low.replace("from", "of at least", 1)
    return " ".join(word for word in (low, high) if word)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def _join(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def _within(key: str, outer: str) -> bool:
    return key == outer or key.startswith(f"{outer}.")
