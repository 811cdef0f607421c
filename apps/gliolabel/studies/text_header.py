"""The text at the beginning of an NRRD or MetaImage file, as lines that every reader of it splits in the same way."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from gliolabel.errors import InputError
from gliolabel.studies.refusals import not_an_image

#: A header that goes on for longer than this is none.
LIMIT: Final[int] = 1 << 20
#: A line that is longer overflows what other readers keep for it.
_LINE_LIMIT: Final[int] = 1 << 14


def text_header(path: Path, end: re.Pattern[bytes], *, where: str) -> tuple[list[str], int]:
    """The lines of the header, and the byte behind it.

    Args:
        path: the file.
        end: what the header ends with; group 1, where there is one, is part of the last line.
        where: the case and the file, for messages.

    Raises:
        InputError: no such end, or something in it that is no text or that readers would split in different ways.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(LIMIT)
    except OSError as error:
        raise InputError(f"{where}: cannot be read: {error.strerror or error}") from error
    found = end.search(start)
    if found is None:
        raise not_an_image(where, "its header does not end")
    text = start[: found.end(1) if end.groups else found.start()].decode("utf-8", errors="replace")
    lines = text.replace("\r\n", "\n").split("\n")
    if any("\r" in line or "\0" in line for line in lines):
        raise not_an_image(where, "its header holds signs that no text holds")
    if max(map(len, lines)) > _LINE_LIMIT:
        raise not_an_image(where, "its header holds a line of more than 16,384 signs")
    return lines, found.end()


def whole_numbers(text: str) -> list[int] | None:
    """The whole numbers of a field, or None when there is anything else in it."""
    words = text.split()
    return [int(word) for word in words] if all(re.fullmatch(r"[+-]?[0-9]{1,18}", word) for word in words) else None
