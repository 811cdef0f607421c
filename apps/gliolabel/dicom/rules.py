"""The rule file: which series of a study is which sequence."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gliolabel.errors import InputError

SequenceName = Literal["t1", "t1ce", "t2", "flair"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Range(_Part):
    """A number in a range."""

    at_least: float | None = None
    below: float | None = None


def _expressions(value: Any) -> Any:
    """Texts as a list of expressions, each tried, so that a wrong one is named when the file is read."""
    texts = [value] if isinstance(value, str) else value
    if isinstance(texts, list):
        for text in texts:
            try:
                re.compile(str(text))
            except re.error as error:
                raise ValueError(f"{text!r} is no regular expression ({error})") from error
        return tuple(str(text) for text in texts)
    return value


#: What a rule asks of a tag: it is there or not, a range, or expressions of which one is found.
Condition = Annotated[bool | Range | tuple[str, ...], BeforeValidator(_expressions)]
Conditions = dict[str, Condition]


class Reason(_Part):
    """Series for which the conditions hold, and why that matters."""

    reason: str
    when: Conditions = Field(min_length=1)


class Recognition(_Part):
    """Series for which the conditions hold are this sequence."""

    sequence: SequenceName
    when: Conditions = Field(min_length=1)
    #: What it is when a contrast agent was given.
    with_contrast: SequenceName | None = None
    #: What the other source, tags or description, may say without contradicting.
    may_be: tuple[SequenceName, ...] = ()


class Rules(_Part):
    """How series are recognised; see the comments of ``rules.yaml``."""

    frames: Literal["separate", "together"]
    fewest_slices: int = Field(ge=2)
    leave_out: tuple[Reason, ...]
    contrast: Conditions
    by_tags: tuple[Recognition, ...]
    by_description: tuple[Recognition, ...]
    prefer: tuple[Reason, ...]
    studies: dict[str, dict[SequenceName, int | None]]


def load_rules(path: Path | None = None) -> Rules:
    """The rules of the package, with the sections of a site's own file in their place.

    Args:
        path: the site's file.

    Raises:
        InputError: the file cannot be read, is not YAML, or breaks the schema; the message names the section and what is wrong.

    Example:
        >>> load_rules().frames
        'separate'
    """
    content = dict(_packaged())
    where = "rules.yaml of the package"
    if path is not None:
        where = f"rule file {path}"
        content |= _read(path, where=where)
    try:
        return Rules.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if not (isinstance(part, str) and part.startswith(("function", "tuple"))))
        known = f" Known sections: {', '.join(Rules.model_fields)}." if first["type"] == "extra_forbidden" else ""
        raise InputError(f"{where}: {place}: {first['msg']}.{known} The comments of {packaged_path()} say what is understood") from error


def packaged_path() -> str:
    """Where the package's own rule file lies, for people."""
    return str(resources.files("gliolabel.dicom").joinpath("rules.yaml"))


def _read(path: Path, *, where: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{where}: cannot be read ({error}). Check the path") from error
    except yaml.YAMLError as error:
        raise InputError(f"{where}: is not YAML ({str(error).splitlines()[0]}). Expected sections such as leave_out:") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{where}: holds {type(content).__name__}, expected sections such as leave_out:")
    return content


@cache
def _packaged() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(resources.files("gliolabel.dicom").joinpath("rules.yaml").read_text(encoding="utf-8"))
    return content
