"""A pydantic model as a table: each field's name, what it may be, its default, and what it means."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel


def field_table(kind: type[BaseModel], *, head: str = "Name", speaking: bool = False) -> str:
    """The table in Markdown.

    Args:
        kind: the model.
        head: of the first column.
        speaking: names may stand without words.

    Raises:
        ValueError: the code does not say what a field means.
    """
    schema = kind.model_json_schema()
    meanings = _comments(kind)
    lines = [f"| {head} | May be | By default | Meaning |", "|---|---|---|---|"]
    for name, field in schema["properties"].items():
        meaning = field.get("description") or meanings.get(name) or ("–" if speaking else "")
        if not meaning:
            raise ValueError(f"{kind.__module__}.{kind.__name__}.{name} has neither a description nor a `#:` comment above it")
        default = default_of(field, name in schema.get("required", ()))
        lines.append(row(f"`{name}`", in_words(field, schema.get("$defs", {})), default, meaning))
    return "\n".join(lines)


def row(*cells: str) -> str:
    """A row of a table: bars within a cell are escaped, and reST's double backticks become single ones."""
    return "| " + " | ".join(plain(cell).replace("|", "\\|") for cell in cells) + " |"


def plain(text: str) -> str:
    """Docstrings and comments in Markdown: roles and double backticks are written as code.

    >>> plain("``cpu`` of :class:`~gliolabel.studies.Case`")
    '`cpu` of `Case`'
    """
    text = re.sub(r":\w+:`~?([^`<]*?)`", lambda match: f"`{match[1].rsplit('.', 1)[-1]}`", text)
    return text.replace("``", "`")


def in_words(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """What a field may be, from its JSON schema.

    >>> in_words({"type": "integer", "minimum": 1, "maximum": 8}, {})
    'whole number, 1 to 8'
    >>> in_words({"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]}, {})
    '`a`, `b`'
    """
    choices = field.get("anyOf") or field.get("oneOf")
    if choices:
        return " or ".join(dict.fromkeys(in_words(choice, definitions) for choice in choices if choice.get("type") != "null"))
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return _named(name, definitions.get(name, {}), definitions)
    if "const" in field or "enum" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    kind = field.get("type", "")
    if kind == "array":
        return _array(field, definitions)
    if kind == "object":
        return "names and values"
    words = {"integer": "whole number", "number": "number", "boolean": "`true`, `false`", "string": "text"}.get(kind, "text")
    words = {"path": "file or folder", "time": "time"}.get(str(field.get("format")), words)
    return ", ".join(filter(None, [words, _limits(field)]))


def default_of(field: Mapping[str, Any], required: bool) -> str:
    """The default as it is written in a file or on the command line."""
    if required:
        return "must be given"
    value = field.get("default")
    if value in (None, "", [], {}):
        return "–"
    if isinstance(value, dict):
        return "see there"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`".replace("'", "")


def _named(name: str, definition: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    return f"[{name}](#{name.lower()})" if "properties" in definition else in_words(definition, definitions)


def _array(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "prefixItems" in field:
        return f"{len(field['prefixItems'])} of: {in_words(field['prefixItems'][0], definitions)}"
    return f"list of: {in_words(field.get('items', {}), definitions)}"


def _limits(field: Mapping[str, Any]) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    parts = [
        f"at least {low:g}" if low is not None else "",
        f"above {field['exclusiveMinimum']:g}" if "exclusiveMinimum" in field else "",
        f"at most {high:g}" if high is not None else "",
        f"below {field['exclusiveMaximum']:g}" if "exclusiveMaximum" in field else "",
    ]
    return ", ".join(filter(None, parts))


def _comments(kind: type[BaseModel]) -> dict[str, str]:
    """What the docstring says of the fields, and the `#:` comments above those of a class and of those it is made from."""
    arguments = (inspect.getdoc(kind) or "").partition("Args:\n")[2].partition("\n\n")[0]
    found = dict(re.findall(r"^    (\w+): (.*)$", arguments, re.MULTILINE))
    for one in reversed([base for base in kind.__mro__ if issubclass(base, BaseModel) and base is not BaseModel]):
        for comment, name in re.findall(r"((?:^ {4}#: .*\n)+) {4}(\w+):", inspect.getsource(one), re.MULTILINE):
            found[name] = " ".join(line.strip().removeprefix("#:").strip() for line in comment.splitlines())
    return found
