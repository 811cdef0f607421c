"""Brain extraction by programs that others keep: which are installed, and running them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import nibabel
import numpy as np

from gliolabel.errors import InputError, UnavailableError
from gliolabel.studies.grid import Grid
from gliolabel.studies.voxels import read_volume
from gliolabel.studies.writing import write_volume

#: What a site may choose. ``auto``: the first that is installed. ``none``: the images are taken as they are.
ExtractorName = Literal["auto", "deepbet", "synthstrip", "none"]

#: What to do without one.
INSTALL: Final = "install deepbet, which brings its weights (pip install 'gliolabel[clinical]'), or FreeSurfer's mri_synthstrip on the PATH"
_SYNTHSTRIP: Final = "mri_synthstrip"
#: Longer than this (seconds) nobody waits for a brain.
_LONGEST_S: Final = 600.0
#: From SimpleITK's LPS to nibabel's RAS.
_RAS: Final = np.diag([-1.0, -1.0, 1.0, 1.0])


class Extractor(Protocol):
    """A program that finds the brain in a whole head."""

    name: str
    #: The sequences it was made for, the best first.
    sequences: tuple[str, ...]

    @property
    def version(self) -> str:
        """Name and version; the same version finds the same brain."""

    def brain(self, volume: np.ndarray, grid: Grid) -> np.ndarray:
        """The brain, boolean (z, y, x).

        Args:
            volume: float32 (z, y, x), voxels of about 1 mm.
            grid: its grid.

        Raises:
            InputError: it found none.
            UnavailableError: the program failed.
        """


class Deepbet:
    """deepbet (Fisch et al. 2024, doi:10.1016/j.compbiomed.2024.108845): for T1, the weights are in its wheel. Runs on the CPU."""

    name = "deepbet"
    sequences: tuple[str, ...] = ("t1", "t1ce")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: Any = None

    @property
    def version(self) -> str:
        """See :class:`Extractor`."""
        return f"deepbet {installed_version('deepbet')}"

    def brain(self, volume: np.ndarray, grid: Grid) -> np.ndarray:
        """See :class:`Extractor`."""
        image = nibabel.Nifti1Image(np.ascontiguousarray(volume.T), _RAS @ grid.affine)
        with self._lock:
            if self._model is None:
                from deepbet import BrainExtraction

                self._model = BrainExtraction(no_gpu=True)
            try:
                _, mask, _ = self._model.run(image)
            except (AssertionError, ValueError) as error:  # its words for an empty mask
                raise InputError("deepbet finds no brain in it") from error
        return np.ascontiguousarray(np.asarray(mask.dataobj).T > 0)


class SynthStrip:
    """FreeSurfer's ``mri_synthstrip`` (Hoopes et al. 2022, doi:10.1016/j.neuroimage.2022.119474): for any sequence."""

    name = "synthstrip"
    sequences: tuple[str, ...] = ("t1", "t1ce", "t2", "flair")

    @property
    def version(self) -> str:
        """See :class:`Extractor`."""
        return f"synthstrip {shutil.which(_SYNTHSTRIP)}"

    def brain(self, volume: np.ndarray, grid: Grid) -> np.ndarray:
        """See :class:`Extractor`."""
        with tempfile.TemporaryDirectory(prefix="gliolabel-") as folder:
            head, mask = Path(folder, "head.nii.gz"), Path(folder, "brain.nii.gz")
            write_volume(volume, grid, head)
            try:
                done = subprocess.run(
                    [_SYNTHSTRIP, "-i", str(head), "-m", str(mask)], capture_output=True, text=True, timeout=_LONGEST_S, check=False
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise UnavailableError(f"{_SYNTHSTRIP} failed ({type(error).__name__}). Try it by hand") from error
            if done.returncode or not mask.is_file():
                last = (done.stderr.strip().splitlines() or ["no message"])[-1]
                raise UnavailableError(f"{_SYNTHSTRIP} failed with exit code {done.returncode} ({last[:200]}). Try it by hand")
            found = read_volume(mask, where=f"the mask of {_SYNTHSTRIP}")
            if not found.header.grid.same_as(grid):
                raise UnavailableError(f"{_SYNTHSTRIP} returned a mask on another grid ({found.header.grid}), expected {grid}")
            return found.array > 0


_KINDS: Final[dict[str, type[Deepbet] | type[SynthStrip]]] = {"deepbet": Deepbet, "synthstrip": SynthStrip}
_MADE: Final[dict[str, Extractor]] = {}
_MAKING: Final = threading.Lock()


def installed() -> Sequence[str]:
    """Names of the programs that can be used here, the preferred first."""
    there = {"deepbet": find_spec("deepbet") is not None, "synthstrip": shutil.which(_SYNTHSTRIP) is not None}
    return [name for name in _KINDS if there[name]]


def find_extractor(name: ExtractorName) -> Extractor | None:
    """The program of that name, one for the whole process; None for ``none``.

    Raises:
        InputError: it is not installed.
    """
    if name == "none":
        return None
    there = installed()
    chosen = there[0] if name == "auto" and there else name
    if chosen not in there:
        what = "no program for brain extraction" if name == "auto" else f"the brain extraction {name}"
        raise InputError(f"{what} is installed here: {INSTALL}; or take the images as they are (brain extraction: none)")
    with _MAKING:
        return _MADE.setdefault(chosen, _KINDS[chosen]())
