"""The page of the Python names: what the docstrings of the public packages say."""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
import types
from typing import Any, Final

from fields import plain

#: The packages whose names are a promise, in the order of use.
PACKAGES: Final = ("studies", "inference", "uncertainty", "registry", "recipes", "networks", "losses", "metrics", "phantoms", "errors")
#: Longer signatures are broken.
_WIDTH: Final = 84
_HEADINGS: Final = {"Args", "Returns", "Raises", "Yields", "Attributes", "Source", "Example", "Examples", "Note"}


def python_names() -> str:
    """Every public name with its signature and docstring."""
    return "\n\n".join(_package(name) for name in PACKAGES)


def public_names(package: types.ModuleType) -> list[str]:
    """The names that a package promises: its ``__all__``, else what is defined in it."""
    defined = [name for name, value in vars(package).items() if getattr(value, "__module__", "") == package.__name__ and name[0] != "_"]
    return list(getattr(package, "__all__", defined))


def _package(name: str) -> str:
    package = importlib.import_module(f"gliolabel.{name}")
    parts = [f"## gliolabel.{name} {{#{name}}}", plain(inspect.getdoc(package) or "")]
    for public in public_names(package):
        parts.append(_name(f"{name}-{public}".lower(), public, getattr(package, public)))
    return "\n\n".join(parts)


def _name(anchor: str, name: str, value: Any) -> str:
    if not callable(value):
        return f"### {name} {{#{anchor}}}\n\n`{value!r}`"
    parts = [f"### {name} {{#{anchor}}}", f"```text\n{_signature(name, value)}\n```", docstring(inspect.getdoc(value) or "")]
    if inspect.isclass(value):
        for method, what in vars(value).items():
            function = what.__func__ if isinstance(what, classmethod | staticmethod) else what
            documented = inspect.isfunction(function) and not method.startswith("_") and function.__doc__
            if documented:
                parts.append(
                    f"#### {method} {{#{anchor}-{method}}}\n\n```text\n{_signature(method, function)}\n```\n\n"
                    + docstring(inspect.getdoc(function) or "")
                )
    return "\n\n".join(parts)


def _signature(name: str, value: Any) -> str:
    try:
        signature = inspect.signature(value)
    except ValueError:
        return name
    parameters = [one.replace(annotation=_short(one.annotation)) for one in signature.parameters.values() if one.name != "self"]
    result = inspect.Signature.empty if inspect.isclass(value) else _short(signature.return_annotation)
    text = name + str(signature.replace(parameters=parameters, return_annotation=result))
    if len(text) <= _WIDTH or not parameters:
        return text
    # One parameter a line.
    keywords_only = False
    lines = []
    for one in parameters:
        if one.kind is inspect.Parameter.KEYWORD_ONLY and not keywords_only:
            lines.append("    *,")
            keywords_only = True
        lines.append(f"    {one},")
    return "\n".join([f"{name}(", *lines, ")" + ("" if result is inspect.Signature.empty else f" -> {result}")])


def _short(annotation: Any) -> Any:
    """Types by their last name, as one writes them."""
    if annotation is inspect.Signature.empty:
        return annotation
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return _Words(re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", text))


class _Words(str):
    """An annotation that is shown without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def docstring(text: str) -> str:
    """A Google-style docstring in Markdown: sections become lists, examples become code.

    >>> print(docstring("Adds.\\n\\nArgs:\\n    a: a number,\\n        or two."))
    Adds.
    <BLANKLINE>
    **Args**
    <BLANKLINE>
    * `a`: a number, or two.
    """
    out: list[str] = []
    for block in re.split(r"\n\n(?=\S)", text):
        heading, _, body = block.partition(":\n")
        if heading in _HEADINGS and body:
            out += [f"**{heading}**", _section(textwrap.dedent(body))]
        elif block.startswith(">>>"):
            out.append(f"```pycon\n{block}\n```")
        else:
            out.append(plain(block))
    return "\n\n".join(out)


def _section(body: str) -> str:
    if ">>>" in body:
        return f"```pycon\n{body}\n```"
    items = re.split(r"\n(?=\S)", body)
    joined = [" ".join(line.strip() for line in item.splitlines()) for item in items]
    return "\n".join(re.sub(r"^([\w.*, ]+):", r"* `\1`:", plain(item)) for item in joined)
