"""A case made of one volume that a reader opened in Slicer: which sequence it is comes from its name or from an option."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from gliolabel.errors import InputError
from gliolabel.studies.case import Case
from gliolabel.studies.files import VolumeFile, split_extension
from gliolabel.studies.ids import safe_id
from gliolabel.vocabulary import SEQUENCES

#: Values of the option ``sequence``; the first is the default (the plugin sends the first of a list).
SEQUENCE_OPTIONS: Final[tuple[str, ...]] = ("auto", *SEQUENCES)

_FLAIR: Final = re.compile(r"flair|(?<![a-z0-9])t2f(?![a-z0-9])")
# "t1", "t1w", "t1_mprage", "t1mprage", "T1post", "3DT1", but not "t10" or "part1"
_T1: Final = re.compile(r"(?:(?<![a-z0-9])|(?<=\dd))t1(?![0-9])")
_T2: Final = re.compile(r"(?:(?<![a-z0-9])|(?<=\dd))t2(?![0-9]|f(?![a-z0-9]))")
_CONTRAST: Final = re.compile(
    r"t1[ _-]?(?:ce|c|gd|gad|post|km|kontrast)(?![a-z0-9])"
    r"|(?<![a-z])(?:post|gd|gad|gado\w*|ce|contrast|postcontrast|enhanced|km)(?![a-z])"
    r"|\+ ?(?:c|gd|gad|km|contrast)(?![a-z])|(?<![a-z])c ?\+"
)
_NO_CONTRAST: Final = re.compile(
    r"(?<![a-z])(?:pre|non|no|without|w/o|wo|ohne|nativ|native|unenhanced|precontrast|noncontrast)(?![a-z])"
    r"|(?<![a-z0-9])t1n(?![a-z0-9])|(?<![a-z])c ?-(?![a-z0-9])"
)
#: Images that carry T1 or T2 in their name and are none of our sequences.
_OTHER: Final = re.compile(
    r"t[12] ?\*|(?<![a-z])t[12][ _-]?(?:star|map)|(?<![a-z])(?:map|adc|dwi|dti|swi|gre|asl|dsc|dce|perf\w*)(?![a-z])"
    r"|(?<![a-z])(?:sub|subtraction|diff|seg|mask)(?![a-z])"
)


def sequence_of_name(name: str) -> str | None:
    """Which sequence the name of a volume stands for, or None when it says nothing, two things, or something else.

    Examples: ``"5: t1_mprage post gad"`` is t1ce, ``"BraTS_001_flair"`` and ``"Ax T2 FLAIR"`` are flair, ``"Sag T1"`` is t1,
    ``"T2 TSE"`` is t2; ``"MPRAGE"``, ``"T1 FLAIR"``, ``"T2*"`` and ``"Ax T1 pre and post"`` are doubtful.
    """
    parts = split_extension(name)
    words = re.sub(r"[\s_]+", " ", (parts[0] if parts else name).lower()).strip()
    if _OTHER.search(words):
        return None
    t1, t2, flair = (pattern.search(words) is not None for pattern in (_T1, _T2, _FLAIR))
    contrast, no_contrast = _CONTRAST.search(words) is not None, _NO_CONTRAST.search(words) is not None
    if flair:
        return None if t1 or contrast else "flair"
    if t1 == t2:
        return None
    if t2:
        return None if contrast and not no_contrast else "t2"
    if not contrast:
        return "t1"
    return None if no_contrast and not _negated(words) else "t1" if no_contrast else "t1ce"


def _negated(words: str) -> bool:
    """Whether every mention of contrast is denied: ``"pre contrast"``, ``"non-contrast"``, ``"w/o gd"``."""
    denied = re.sub(
        r"(?<![a-z])(?:pre|non|no|without|w/o|wo|ohne)[ -]?(?:iv )?(?:gd|gad|gado\w*|ce|contrast|km|enhanced|c)(?![a-z])", " ", words
    )
    return _CONTRAST.search(denied) is None


def case_from_volume(path: Path, *, name: str, sequence: str = "auto") -> Case:
    """A case of one sequence from a volume file.

    Args:
        path: the volume, as it was uploaded.
        name: what the reader calls it (the node's name in Slicer).
        sequence: ``t1``, ``t1ce``, ``t2`` or ``flair``; ``auto``: by ``name``.

    Raises:
        InputError: ``sequence`` is none of the options, or ``auto`` and the name does not tell.
    """
    chosen = sequence.strip().lower() or "auto"
    if chosen not in SEQUENCE_OPTIONS:
        raise InputError(f"option sequence: {sequence!r} is unknown, expected one of {', '.join(SEQUENCE_OPTIONS)}")
    if chosen == "auto":
        told = sequence_of_name(name)
        if told is None:
            raise InputError(
                f"volume {name!r}: its name does not tell which MRI sequence it is. Set the option `sequence` to one of "
                f"{', '.join(SEQUENCES)} (in Slicer: MONAI Label, Options) and run again"
            )
        chosen = told
    parts = split_extension(name)
    return Case(safe_id(parts[0] if parts else name), {chosen: VolumeFile(path)})
