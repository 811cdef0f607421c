"""Unique identifiers that are made from what they name, so that an object that is made again is the same object."""

from __future__ import annotations

import uuid
from typing import Final

#: Another one when objects of the same content are written another way.
_FORMAT: Final = 1
_NAMESPACE: Final = uuid.UUID("6a1c9a3e-52f4-5f0e-9d53-0d6c3d1f7b58")


def derived_uid(*parts: object) -> str:
    """A UID that is the same for the same parts, and for no others. PS3.5 B.2: 2.25 and a UUID as a number.

    Example:
        >>> derived_uid("series", "1.2.3") == derived_uid("series", "1.2.3") != derived_uid("series", "1.2.4")
        True
        >>> derived_uid("a", "bc") == derived_uid("ab", "c")
        False
    """
    text = "\0".join(f"{len(str(part))}:{part}" for part in (_FORMAT, *parts))
    return f"2.25.{uuid.uuid5(_NAMESPACE, text).int}"
