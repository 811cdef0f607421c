"""YAML without YAML's traps: a key twice is an error, and 1e-4 is a number."""

from __future__ import annotations

import re
from typing import Any

import yaml

from gliolabel.errors import InputError


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, but strict on keys and with the floats that everybody writes."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for i, key in enumerate(keys) if key in keys[:i]), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice!r} stands here twice", node.start_mark)
        return dict(super().construct_mapping(node, deep=deep))


# YAML 1.1, which PyYAML reads, takes 1e-4 for text because it has no decimal point.
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789"))


def read_yaml(text: str, where: str) -> Any:
    """The content of a YAML text.

    Args:
        text: the text.
        where: what it is, for messages, e.g. ``recipe my.yaml``.

    Raises:
        InputError: it is not YAML, or says something twice.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise InputError(f"{where}: not valid YAML: {error}") from error
