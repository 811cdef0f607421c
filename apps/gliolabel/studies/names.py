"""What a file's name says: the case, and which sequence or that it is a label.

Names end in the sequence: ``BraTS2021_00000_t1ce.nii.gz``, ``BraTS-GLI-00000-000-t1c.nii.gz``, or just ``t1.nii.gz`` in
a folder named like the case. Upper and lower case are the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

#: What a label file's name ends in (one case of BraTS 2020 really ends in ``_Segm``).
SEGMENTATION: Final[str] = "seg"

#: Endings by what they stand for. The longer ones come first where one contains the other.
_ENDINGS: Final[dict[str, tuple[str, ...]]] = {
    "t1ce": ("t1ce", "t1c", "t1gd", "t1gad", "t1[_-]?post", "t1[_-](?:ce|gd|gad)"),
    "flair": ("t2[_-]?flair", "flair", "t2f"),
    "t1": ("t1n", "t1w", "t1"),
    "t2": ("t2w", "t2"),
    SEGMENTATION: ("segm", "seg"),
}

_PATTERN: Final = re.compile(
    r"^(?:(?P<case>.+?)(?P<separator>[_\-. ]))?(?:" + "|".join(f"(?P<{kind}>{'|'.join(words)})" for kind, words in _ENDINGS.items()) + ")$",
    re.IGNORECASE,
)

#: Endings of files that this software writes: they are passed over without a word.
_OUTPUTS: Final = re.compile(r"(?:^|[_\-. ])(?:mask|uncertainty|std|entropy|mutual_information|probabilities)$", re.IGNORECASE)

#: Sequence endings (with their separator) that only one period of BraTS uses, and the numbering of labels that goes with them.
_SIGNS: Final[dict[str, str]] = {"_t1ce": "brats2021", "-t1c": "brats2023", "-t1n": "brats2023", "-t2f": "brats2023"}

#: BraTS 2023 and 2024 number the labels of children's tumours another way, under the same file names.
_OTHER_TUMOURS: Final = re.compile(r"^BraTS-PED", re.IGNORECASE)


@dataclass(frozen=True)
class ParsedName:
    """A file name, understood.

    Args:
        case: name of the case; empty when the file is named after the sequence alone.
        kind: a sequence of :data:`gliolabel.vocabulary.SEQUENCES`, or :data:`SEGMENTATION`.
        sign: which numbering of labels the way of writing stands for, if any.
    """

    case: str
    kind: str
    sign: str | None


def parse_stem(stem: str) -> ParsedName | None:
    """Understand a file name without its extension; None when it names neither a sequence nor a label."""
    match = _PATTERN.match(stem)
    if match is None:
        return None
    kind = next(kind for kind in _ENDINGS if match[kind] is not None)
    case = match["case"] or ""
    sign = None if _OTHER_TUMOURS.match(case) else _SIGNS.get(((match["separator"] or "") + match[kind]).lower())
    return ParsedName(case, kind, sign)


def is_output(stem: str) -> bool:
    """Whether the name is one that this software gives to its results (mask, uncertainty map)."""
    return _OUTPUTS.search(stem) is not None


def sequence_of_word(word: str) -> str | None:
    """The sequence a data set's description means: ``"T1gd"`` -> ``"t1ce"``, ``"FLAIR"`` -> ``"flair"``."""
    parsed = parse_stem(word.strip())
    return None if parsed is None or parsed.kind == SEGMENTATION else parsed.kind
