"""How the values of a label file are numbered, and their way to ours (1 necrosis, 2 edema, 3 enhancing tumor).

The same voxel value means different tissue in different years: 4 is enhancing tumour until BraTS 2021 and a resection
cavity in BraTS 2024, 1 is edema in MSD and necrosis in BraTS. So the numbering is decided once for a folder, by signs
that do not depend on the voxels (see :mod:`gliolabel.studies.layout`), and values outside it are refused, not guessed.

Sources: BraTS 2021 (Baid et al., arXiv 2107.02314), BraTS 2023 and 2024 (adult glioma, pre- and post-treatment; de
Verdier et al., arXiv 2405.18368), Medical Segmentation Decathlon Task01 ``dataset.json`` (Antonelli et al., 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np

from gliolabel.errors import InputError
from gliolabel.vocabulary import LABELS

_NECROSIS, _EDEMA, _ENHANCING = LABELS["necrosis"], LABELS["edema"], LABELS["enhancing tumor"]

#: Marks a raw value that the numbering does not know, in the lookup table.
_REFUSED: Final[int] = 255


@dataclass(frozen=True)
class Numbering:
    """What each value in a label file means.

    Args:
        name: the word for it in ``--conf labels`` and in messages.
        meaning: how a person would say it.
        values: our value by the file's value; background (0) is always there.
        ignored: values that are known and read as background, with the tissue's name: their voxels are warned about.
    """

    name: str
    meaning: str
    values: Mapping[int, int] = field(default_factory=dict, hash=False)
    ignored: Mapping[int, str] = field(default_factory=dict, hash=False)

    @property
    def decided(self) -> bool:
        """False when nothing tells how the values are numbered: :meth:`to_ours` then refuses every label."""
        return bool(self.values)

    def to_ours(self, raw: np.ndarray, *, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
        """Our label values for the file's.

        Args:
            raw: the values of the file, any shape and number type.
            where: the case and the file, for messages.

        Returns:
            A uint8 array of the same shape with values 0..3, and a warning for each ignored value that occurs.

        Raises:
            InputError: the numbering is not decided, or a value is not part of it.
        """
        if not self.decided:
            raise InputError(f"{where}: how the label is numbered is not known: {self.meaning}. {WAY_OUT}")
        if raw.size == 0:
            return raw.astype(np.uint8), ()
        low, high = raw.min(), raw.max()
        if not (low >= 0 and high < _REFUSED) or (raw.dtype.kind == "f" and bool((raw != np.rint(raw)).any())):
            raise InputError(f"{where}: holds label values from {low:g} to {high:g}, expected whole numbers {self._expected()}. {WAY_OUT}")
        table = np.full(256, _REFUSED, np.uint8)
        table[0] = 0
        for value, ours in self.values.items():
            table[value] = ours
        for value in self.ignored:
            table[value] = 0
        small = raw.astype(np.uint8, copy=False)
        ours_array = table[small]
        if ours_array.max() == _REFUSED:
            wrong = np.unique(small[ours_array == _REFUSED]).tolist()
            raise InputError(
                f"{where}: holds the label value{'s' if len(wrong) > 1 else ''} {', '.join(map(str, wrong))}, "
                f"expected {self._expected()}. {WAY_OUT}"
            )
        warnings = tuple(
            f"{where}: {count} voxels of value {value} ({tissue}) are read as background"
            for value, tissue in self.ignored.items()
            if (count := int(np.count_nonzero(small == value)))
        )
        return ours_array, warnings

    def _expected(self) -> str:
        known = sorted({0, *self.values, *self.ignored})
        return f"{', '.join(map(str, known))} ({self.meaning})"


def _numbering(name: str, meaning: str, values: Mapping[int, int], ignored: Mapping[int, str] | None = None) -> Numbering:
    return Numbering(name, meaning, dict(values), dict(ignored or {}))


BRATS_2021: Final = _numbering(
    "brats2021",
    "BraTS until 2021: 1 necrosis, 2 edema, 4 enhancing tumor",
    {1: _NECROSIS, 2: _EDEMA, 4: _ENHANCING},
)
BRATS_2023: Final = _numbering(
    "brats2023",
    "BraTS from 2023: 1 necrosis, 2 edema, 3 enhancing tumor, 4 resection cavity",
    {1: _NECROSIS, 2: _EDEMA, 3: _ENHANCING},
    {4: "resection cavity"},
)
MSD: Final = _numbering(
    "msd",
    "MSD Task01: 1 edema, 2 non-enhancing tumor, 3 enhancing tumor",
    {1: _EDEMA, 2: _NECROSIS, 3: _ENHANCING},
)
GLIOLABEL: Final = _numbering(
    "gliolabel",
    "GlioLabel: 1 necrosis, 2 edema, 3 enhancing tumor",
    {1: _NECROSIS, 2: _EDEMA, 3: _ENHANCING},
)

#: The numberings a person can choose, by name.
NUMBERINGS: Final[Mapping[str, Numbering]] = MappingProxyType({n.name: n for n in (BRATS_2021, BRATS_2023, MSD, GLIOLABEL)})

#: What to do about a label that is refused.
WAY_OUT: Final[str] = "Say how the labels of this folder are numbered: `--conf labels NAME` with NAME one of " + ", ".join(
    f"{n.name} ({'; '.join(n.meaning.split(': ', 1)[1:])})" for n in NUMBERINGS.values()
)


def undecided(why: str) -> Numbering:
    """The numbering of a folder whose signs are missing or contradict each other; it refuses every label."""
    return Numbering("undecided", why)


def numbering_named(name: str) -> Numbering:
    """The numbering a person chose.

    Raises:
        InputError: there is none of that name.
    """
    try:
        return NUMBERINGS[name.strip().lower()]
    except KeyError:
        raise InputError(f"labels: {name!r} is not a numbering that is known. {WAY_OUT}") from None


def numbering_of_names(names: Mapping[str, object]) -> Numbering:
    """The numbering that a ``dataset.json`` states, by the names of its labels.

    Args:
        names: ``{"1": "edema", ...}`` as in MSD, or ``{"edema": 1, ...}`` as in nnU-Net.

    Returns:
        The numbering; an undecided one when a name or number is not understood.
    """
    values: dict[int, int] = {}
    ignored: dict[int, str] = {}
    for key, entry in names.items():
        number, name = (key, entry) if str(key).strip().isdigit() else (entry, key)
        if isinstance(number, bool) or not str(number).strip().isdigit() or not isinstance(name, str) or int(str(number)) >= _REFUSED:
            return undecided(f"dataset.json gives the label {key!r}: {entry!r}, expected a number and a name")
        value, words = int(str(number)), name.lower().replace("_", " ").replace("oedema", "edema")
        if value == 0 or "background" in words:
            if value != 0 or "background" not in words:
                return undecided(f"dataset.json numbers {name!r} as {value}; background must be 0 and nothing else may")
        elif "edema" in words:
            values[value] = _EDEMA
        elif "non" in words or "necro" in words or words in ("ncr", "net", "ncr/net"):
            values[value] = _NECROSIS
        elif "enhanc" in words or words == "et":
            values[value] = _ENHANCING
        elif "cavity" in words or words == "rc":
            ignored[value] = name
        else:
            return undecided(f"dataset.json names a label {name!r}, expected edema, non-enhancing tumor and enhancing tumor")
    if not values:
        return undecided("dataset.json names no label")
    said = ", ".join(f"{v} {n}" for v, n in sorted({**{v: _our_name(o) for v, o in values.items()}, **ignored}.items()))
    return _numbering("dataset.json", f"dataset.json: {said}", values, ignored)


def _our_name(value: int) -> str:
    return next(name for name, ours in LABELS.items() if ours == value)
