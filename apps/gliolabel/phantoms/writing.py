"""Writing phantoms in the layouts that study folders have."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import SimpleITK as sitk

from gliolabel.errors import InputError
from gliolabel.phantoms.phantom import BRATS_SHAPE, Phantom, make_phantom
from gliolabel.studies.grid import Grid
from gliolabel.studies.numbering import BRATS_2021, BRATS_2023, MSD, Numbering
from gliolabel.studies.resampling import onto
from gliolabel.studies.writing import write_volume
from gliolabel.vocabulary import LABELS, SEQUENCES

_UNTIL_2021: Final[dict[str, str]] = {s: f"_{s}" for s in (*SEQUENCES, "seg")}
_FROM_2023: Final[dict[str, str]] = {"t1": "-t1n", "t1ce": "-t1c", "t2": "-t2w", "flair": "-t2f", "seg": "-seg"}

#: What follows the case's name in a file name, by way of writing.
ENDINGS: Final[Mapping[str, Mapping[str, str]]] = {"2021": _UNTIL_2021, "2023": _FROM_2023, "2024": _FROM_2023}

#: Folder of the n-th case, its name, and the way of writing, by layout.
_LAYOUTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "2017": ("{grade}/{name}", "Phantom17_{n:03d}_1", "2021"),
    "2021": ("{name}", "Phantom_{n:03d}", "2021"),
    "2023": ("{name}", "Phantom-GLI-{n:05d}-000", "2023"),
    "2024": ("{name}", "Phantom-GLI-{n:05d}-100", "2024"),
    "flat": ("", "Phantom_{n:03d}", "2021"),
}

#: Order of the volumes in MSD's 4-D files.
MSD_ORDER: Final[tuple[str, ...]] = ("flair", "t1", "t1ce", "t2")
_MSD_WORDS: Final[Mapping[str, str]] = {"flair": "FLAIR", "t1": "T1w", "t1ce": "t1gd", "t2": "T2w"}


def write_phantom_folder(
    path: str | Path,
    *,
    cases: int = 4,
    seed: int = 0,
    shape: tuple[int, int, int] = BRATS_SHAPE,
    layout: str = "2021",
    extension: str = ".nii.gz",
) -> list[str]:
    """Write a study folder of synthetic cases: a brain without skull and an irregular tumour each.

    The same arguments write the same voxels. The first cases do not depend on how many follow.

    Args:
        path: the folder; made when needed. Files of the same names are replaced.
        cases: how many.
        seed: chooses all of them.
        shape: voxels along z, y, x; the field of view stays that of BraTS, so fewer are larger.
        layout: ``2017`` (HGG and LGG folders, ``_t1ce``), ``2021`` (a folder per case, ``_t1ce``), ``2023`` (a folder per
            case, ``-t1c``, 3 = enhancing tumor), ``2024`` (the same, with a resection cavity numbered 4), ``flat`` (no case
            folders) or ``msd`` (Task01, 4-D).
        extension: ``.nii.gz``, ``.nii``, ``.nrrd`` or ``.mha``; not for ``msd``.

    Returns:
        The case ids, as :func:`gliolabel.studies.open_studies` gives them.

    Raises:
        InputError: the layout is unknown.
        UnavailableError: the folder cannot be written.
    """
    root = Path(path)
    if layout == "msd":
        return write_msd_folder(root, cases=cases, seed=seed, shape=shape)
    if layout not in _LAYOUTS:
        raise InputError(f"layout {layout!r} is unknown, expected one of {', '.join((*_LAYOUTS, 'msd'))}")
    folder, naming, style = _LAYOUTS[layout]
    ids = []
    for n in range(cases):
        name = naming.format(n=n)
        here = root / folder.format(name=name, grade=("HGG", "LGG")[n % 2])
        write_phantom_case(make_phantom(shape=shape, seed=(seed, n)), here, name=name, style=style, extension=extension)
        ids.append(name)
    return ids


def write_phantom_case(
    phantom: Phantom,
    folder: Path,
    *,
    name: str,
    style: str = "2021",
    extension: str = ".nii.gz",
    sequences: Sequence[str] = SEQUENCES,
    labels: bool = True,
    grids: Mapping[str, Grid] | None = None,
) -> None:
    """Write one case.

    Args:
        phantom: the case.
        folder: where to; made when needed.
        name: name of the case.
        style: ``2021`` (``_t1ce``, 4 = enhancing tumor), ``2023`` (``-t1c``, 3 = enhancing tumor) or ``2024`` (the same, and
            the lower half of the necrosis is numbered 4, as a resection cavity is).
        extension: ``.nii.gz``, ``.nii``, ``.nrrd`` or ``.mha``.
        sequences: which to write.
        labels: whether to write the labels.
        grids: for some sequences, or ``seg``, another grid to write them on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    endings = ENDINGS[style]
    grids = grids or {}
    for sequence in sequences:
        array, grid = phantom.sequences[sequence], grids.get(sequence, phantom.grid)
        moved, _ = onto(array.astype(np.float32), of=phantom.grid, grid=grid, where=name)
        write_volume(moved.astype(array.dtype), grid, folder / f"{name}{endings[sequence]}{extension}")
    if labels:
        grid = grids.get("seg", phantom.grid)
        moved, _ = onto(phantom.labels, of=phantom.grid, grid=grid, where=name, label=True)
        numbered = renumbered(moved, BRATS_2021 if style == "2021" else BRATS_2023)
        if style == "2024":
            numbered[cavity(moved)] = 4
        write_volume(numbered, grid, folder / f"{name}{endings['seg']}{extension}")


def write_msd_folder(path: Path, *, cases: int = 2, seed: int = 0, shape: tuple[int, int, int] = BRATS_SHAPE) -> list[str]:
    """Write synthetic cases in the layout of MSD's Task01: 4-D files and ``dataset.json``.

    The last case has no label (``imagesTs``) when there is more than one.

    Args:
        path: the folder; made when needed.
        cases: how many.
        seed: chooses all of them.
        shape: voxels along z, y, x.

    Returns:
        The case ids.
    """
    for name in ("imagesTr", "labelsTr", "imagesTs"):
        (path / name).mkdir(parents=True, exist_ok=True)
    ids = [f"BRATS_{n + 1:03d}" for n in range(cases)]
    for n, name in enumerate(ids):
        phantom = make_phantom(shape=shape, seed=(seed, n))
        volumes = [phantom.grid.image(phantom.sequences[sequence]) for sequence in MSD_ORDER]
        test = n > 0 and n == cases - 1
        sitk.WriteImage(sitk.JoinSeries(volumes), str(path / ("imagesTs" if test else "imagesTr") / f"{name}.nii.gz"))
        if not test:
            write_volume(renumbered(phantom.labels, MSD), phantom.grid, path / "labelsTr" / f"{name}.nii.gz")
    description = {
        "name": "phantoms",
        "description": "Synthetic gliomas in the layout of MSD Task01",
        "modality": {str(n): _MSD_WORDS[sequence] for n, sequence in enumerate(MSD_ORDER)},
        "labels": {"0": "background", "1": "edema", "2": "non-enhancing tumor", "3": "enhancing tumour"},
    }
    (path / "dataset.json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    return ids


def cavity(labels: np.ndarray) -> np.ndarray:
    """Which voxels of our labels (z, y, x) the layout of 2024 numbers as a resection cavity: the lower half of the necrosis."""
    necrosis = labels == LABELS["necrosis"]
    slices = np.flatnonzero(necrosis.any(axis=(1, 2)))
    if slices.size:
        necrosis[slices[slices.size // 2] + 1 :] = False
    return necrosis


def renumbered(labels: np.ndarray, numbering: Numbering) -> np.ndarray:
    """Our labels 0..3 in another numbering, as it stands in files; uint8."""
    table = np.zeros(4, np.uint8)
    for value, ours in numbering.values.items():
        table[ours] = value
    return table[labels]
