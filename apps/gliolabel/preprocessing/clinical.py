"""The ``clinical`` step: from whole heads, as hospitals have them, to brains, as the networks know them."""

from __future__ import annotations

import hashlib
import logging
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from gliolabel.errors import InputError, UnavailableError
from gliolabel.preprocessing.bias import without_bias
from gliolabel.preprocessing.extraction import Extractor, ExtractorName, find_extractor
from gliolabel.preprocessing.raw import raw_signs
from gliolabel.preprocessing.resampling import resampled, working_grid
from gliolabel.registration import Mode
from gliolabel.state.files import write_for_good
from gliolabel.studies.grid import Grid
from gliolabel.studies.images import CaseImages
from gliolabel.studies.processing import Processing

_LOG = logging.getLogger(__name__)

#: What ``preprocess`` may be: nothing beside what every case gets, or the step for raw clinical data.
Preprocess = Literal["off", "clinical"]
#: A brain has so many litres; a mask outside of that is none.
_BRAIN_LITRES: Final = (0.6, 2.2)


def processing_for(
    preprocess: Preprocess, *, register: Mode = "auto", extractor: ExtractorName = "auto", n4: bool = False, cache: Path | None = None
) -> Processing:
    """What a site chose, as cases take it.

    Args:
        preprocess: ``off`` or ``clinical``.
        register: when sequences are registered.
        extractor: the program for brain extraction of ``clinical``.
        n4: ``clinical`` also corrects the bias field.
        cache: folder for what was found once; None: nothing is kept.

    Raises:
        InputError: the program is not installed.
    """
    step = None if preprocess == "off" else ClinicalStep(find_extractor(extractor), n4=n4, cache=cache)
    return Processing(register=register, cache=cache, step=step)


@dataclass(frozen=True)
class ClinicalStep:
    """Brain extraction, and the bias field if asked for. Cases whose brain was extracted before stay as they are.

    Args:
        extractor: finds the brain; None: the images are taken as they are.
        n4: correct the bias field.
        cache: folder for brain masks, some 50 KB a case; None: nothing is kept.
    """

    extractor: Extractor | None
    n4: bool = False
    cache: Path | None = None

    @property
    def mark(self) -> str:
        """See :class:`~gliolabel.studies.processing.Step`."""
        return f"clinical 1, {'none' if self.extractor is None else self.extractor.version}{', n4' if self.n4 else ''}"

    def __call__(self, images: CaseImages, *, content: str) -> CaseImages:
        """See :class:`~gliolabel.studies.processing.Step`."""
        images = self._extracted(images, content=content)
        if not self.n4:
            return images
        brain = np.logical_or.reduce([array != 0 for array in images.arrays.values()])
        arrays = {name: np.where(brain, without_bias(array, images.grid, brain), 0) for name, array in images.arrays.items()}
        return replace(images, arrays=arrays, processed={**images.processed, "bias_correction": {"method": "N4"}})

    def _extracted(self, images: CaseImages, *, content: str) -> CaseImages:
        signs = raw_signs(images)
        if not signs.whole_head:
            return _told(images, applied=False, why="the brain was extracted before")
        if self.extractor is None:
            return _told(images, applied=False, why="not asked for")
        name = next((name for name in self.extractor.sequences if name in images.arrays), None)
        if name is None:
            why = f"{self.extractor.name} needs {' or '.join(self.extractor.sequences)}, which the case does not have"
            return _told(images, applied=False, why=why, warn=True)
        try:
            brain = self._brain(images.arrays[name], images.grid, content=f"{content}\n{name}")
        except InputError as error:
            return _told(images, applied=False, why=str(error), warn=True)
        litres = float(np.count_nonzero(brain)) * images.grid.voxel_ml / 1000.0
        if not _BRAIN_LITRES[0] <= litres <= _BRAIN_LITRES[1]:
            why = f"{self.extractor.name} finds {litres:.2f} litres in {name}, which is no brain"
            return _told(images, applied=False, why=why, warn=True)
        arrays = {sequence: np.where(brain, array, np.float32(0)) for sequence, array in images.arrays.items()}
        done: dict[str, Any] = {"program": self.extractor.version, "sequence": name, "brain_litres": round(litres, 3)}
        return _told(replace(images, arrays=arrays), applied=True, why=signs.sentence(), **done)

    def _brain(self, volume: np.ndarray, grid: Grid, *, content: str) -> np.ndarray:
        """The brain on the reference grid, from the cache if it was found before."""
        extractor = self.extractor
        assert extractor is not None

        def find() -> np.ndarray:
            fine = working_grid(grid)
            if fine is grid:
                return extractor.brain(volume, grid)
            found = extractor.brain(resampled(volume, grid, fine, outside=float(volume.min())), fine)
            return resampled(found.astype(np.float32), fine, grid, outside=0.0) > 0.5

        if self.cache is None:
            return find()
        digest = hashlib.sha256(f"brain 1\n{self.mark}\n{content}".encode()).hexdigest()
        return _kept(self.cache / "brains" / f"{digest[:32]}.bits", grid.shape, find)


def _kept(path: Path, shape: tuple[int, int, int], find: Callable[[], np.ndarray]) -> np.ndarray:
    count = int(np.prod(shape))
    try:
        bits = np.frombuffer(zlib.decompress(path.read_bytes()), np.uint8)
        if bits.size == (count + 7) // 8:
            return np.unpackbits(bits, count=count).reshape(shape).astype(bool)
        _LOG.warning("The brain mask %s is damaged and is made again", path.name)
    except FileNotFoundError:
        pass
    except (OSError, zlib.error):
        _LOG.warning("The brain mask %s cannot be read and is made again", path.name)
    brain = find()
    temporary = path.with_name(f".{path.name}-{threading.get_ident()}")
    try:
        write_for_good(temporary, lambda to: to.write_bytes(zlib.compress(np.packbits(brain).tobytes())))
        temporary.replace(path)
    except (OSError, UnavailableError) as error:  # the disk is full: the mask can be made all the same
        _LOG.warning("The brain mask cannot be kept: %s", error)
    return brain


def _told(images: CaseImages, *, applied: bool, why: str, warn: bool = False, **details: Any) -> CaseImages:
    processed = {**images.processed, "brain_extraction": {"applied": applied, "why": why, **details}}
    notes = list(images.warnings)
    if warn:
        notes.append(f"case {images.case_id}: the brain was not extracted: {why}. The networks expect images without the skull")
    if applied:
        notes.append(f"case {images.case_id}: the brain was extracted by {details['program']} from {details['sequence']}")
    return replace(images, processed=processed, warnings=tuple(notes))
