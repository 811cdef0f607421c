"""Segmenting cases slice by slice, in the shape the workbench asks for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gliolabel.errors import InputError, UnavailableError
from gliolabel.inference import Segmentation, UncertaintyMaps
from gliolabel.inference.scoring import agreement_scores
from gliolabel.inference.slices import SliceSegmenter
from gliolabel.preprocessing.orientation import Turn, turn_to_lps
from gliolabel.recipes import ModelVersion
from gliolabel.studies import Case, CaseImages, Grid
from gliolabel.studies.reading import missing_note
from gliolabel.uncertainty.maps import expected_error_map
from gliolabel.uncertainty.running import RunningMaps
from gliolabel.uncertainty.scores import band_mean
from gliolabel.vocabulary import LabelSet

#: Largest value of a slice of the LGG set; other images are brought to this range.
BYTE = 255.0


@dataclass(frozen=True)
class PreparedSlices:
    """A case, read.

    Args:
        case_id: its id.
        grid: its grid.
        image: float32 (channels, z, y, x), axes superior, posterior, left.
        turn: how the axes were turned.
        warnings: sentences for the reader.
    """

    case_id: str
    grid: Grid
    image: np.ndarray
    turn: Turn
    warnings: tuple[str, ...] = ()


def channels_of(images: CaseImages, names: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The channels a network reads, from the sequences that a case has.

    A missing sequence is replaced by FLAIR: the LGG set itself does so for the 15 patients who lack one, so the networks have seen it.
    Values outside 0..255, which are not those of the set's 8-bit files, are brought to that range (0.1 % of the brightest are cut off).

    Args:
        images: the case.
        names: the channels, in order.

    Returns:
        float32 (channels, z, y, x) on the case's grid, and sentences for the reader.

    Raises:
        InputError: there is no FLAIR.
    """
    if "flair" not in images.arrays:
        raise InputError(f"case {images.case_id}: has no FLAIR sequence, which this app needs")
    # Said here in other words.
    warnings = [warning for warning in images.warnings if warning != missing_note(images.case_id, images.missing)]
    missing = [name for name in names if name not in images.arrays]
    if missing:
        warnings.append(f"There is no {' and no '.join(missing)}: FLAIR stands in for it, as in the slices the networks are trained on.")
    return np.stack([_in_bytes(images.arrays.get(name, images.arrays["flair"])) for name in names]), tuple(warnings)


class SliceCaseSegmenter:
    """:class:`SliceSegmenter` over cases.

    Args:
        model_version: the model.
        device: where it runs.
        memory_gib: not needed: a batch of slices is small.
        label_set: one label, one region.
    """

    def __init__(
        self, model_version: ModelVersion, *, label_set: LabelSet, device: str | None = None, memory_gib: float | None = None
    ) -> None:
        self._slices = SliceSegmenter(model_version, device=device)
        self._version = model_version
        self._label_set = label_set

    @property
    def has_dropout(self) -> bool:
        """Whether Monte-Carlo passes differ at all."""
        return self._slices.has_dropout

    def prepare(self, case: Case) -> tuple[PreparedSlices, dict[str, float]]:
        """Read a case and turn it so that its slices are axial.

        Raises:
            InputError: a file cannot be used.
        """
        began = time.perf_counter()
        images = case.read()
        read = time.perf_counter()
        image, warnings = channels_of(images, self._version.recipe.data.channels)
        turn = turn_to_lps(images.grid.direction)
        prepared = PreparedSlices(images.case_id, images.grid, np.ascontiguousarray(turn.apply(image)), turn, warnings)
        return prepared, {"read": read - began, "prepare": time.perf_counter() - read}

    def mask(self, prepared: PreparedSlices, *, cancel: Callable[[], None] | None = None) -> Segmentation:
        """The mask: 1 where the probability is above the recipe's threshold. No dropout. Calls ``cancel`` between batches."""
        began = time.perf_counter()
        turned = self._slices.probabilities(prepared.image, cancel=cancel)
        ran = time.perf_counter()
        probabilities = np.ascontiguousarray(prepared.turn.undo(turned))
        mask = (probabilities[0] > self._slices.threshold).astype(np.uint8)
        warnings = list(prepared.warnings)
        if not self.has_dropout:
            warnings.append("These weights have no dropout, so there is no uncertainty map. Train with network.dropout above 0.")
        return Segmentation(
            case_id=prepared.case_id,
            mask=mask,
            probabilities=probabilities,
            grid=prepared.grid,
            volumes_ml=self._label_set.volumes_ml({1: int(mask.sum())}, voxel_ml=prepared.grid.voxel_ml),
            model=self._version.name,
            model_version=self._version.version,
            device=self._slices.device,
            latencies={"network": ran - began, "restore": time.perf_counter() - ran},
            warnings=tuple(warnings),
        )

    def maps(
        self, prepared: PreparedSlices, mask: np.ndarray, *, passes: int, seed: int, cancel: Callable[[], None] | None = None
    ) -> UncertaintyMaps:
        """Maps from Monte-Carlo dropout, on the case's own grid.

        Args:
            prepared: the case.
            mask: uint8 (z, y, x), the served mask.
            passes: how many.
            seed: of the dropped channels.
            cancel: called between passes.

        Raises:
            UnavailableError: the network has no dropout, so passes would only seem sure.
        """
        if not self.has_dropout:
            raise UnavailableError(
                f"The weights {self._version.version} have no dropout, so there is no uncertainty map. Train with network.dropout above 0."
            )
        began = time.perf_counter()
        running = RunningMaps(1, prepared.image.shape[1:], threshold=self._slices.threshold)
        for sample in self._slices.samples(prepared.image, passes=passes, seed=seed, cancel=cancel):
            running.add(sample)
        turned = {"std": running.std(), "entropy": running.entropy(), "mutual_information": running.mutual_information()}
        by_region = {name: np.ascontiguousarray(prepared.turn.undo(values)) for name, values in turned.items()}
        return UncertaintyMaps(
            measures={name: values[0] for name, values in by_region.items()},
            by_region=by_region,
            expected_error=expected_error_map(np.ascontiguousarray(prepared.turn.undo(running.mean())), mask[None] > 0),
            scores=self._scores(running, by_region["std"][0], mask, prepared.grid),
            passes=passes,
            seed=seed,
            seconds=time.perf_counter() - began,
        )

    def _scores(self, running: RunningMaps, std: np.ndarray, mask: np.ndarray, grid: Grid) -> dict[str, dict[str, float | None]]:
        (region,) = self._label_set.regions
        (found,) = agreement_scores(running, voxel_ml=grid.voxel_ml)
        return {region: {"band_mean": band_mean(std, mask > 0, spacing=grid.spacing[::-1]), **found}}


def _in_bytes(array: np.ndarray) -> np.ndarray:
    """float32, in 0..255."""
    low, high = float(array.min()), float(array.max())
    if low >= 0 and high <= BYTE:
        return array.astype(np.float32)
    bright = float(np.percentile(array, 99.9))
    top = bright if bright > low else high
    return (np.clip((array - low) / (top - low), 0, 1) * BYTE).astype(np.float32)
