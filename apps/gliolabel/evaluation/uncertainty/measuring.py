"""One case: segmented once, its maps taken at several numbers of passes of one run, each judged against the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from gliolabel.evaluation.cases import OpenedCase
from gliolabel.evaluation.uncertainty.maps import MAPS, SERVED, baselines_of, maps_of
from gliolabel.evaluation.uncertainty.numbers import Judged, best_aurc, judge_maps
from gliolabel.evaluation.uncertainty.outcome import UncertaintyOutcome
from gliolabel.evaluation.uncertainty.places import PLACES, most_seen, seen_at_random, share_seen
from gliolabel.inference import Segmentation, Segmenter, UncertaintyMaps
from gliolabel.metrics import dice, region_masks
from gliolabel.studies import Grid
from gliolabel.uncertainty import Place, places_to_look
from gliolabel.uncertainty.calibration import Reliability
from gliolabel.uncertainty.scores import band_mean
from gliolabel.vocabulary import REGIONS

#: Numbers of passes at which everything is measured, up to the one that is asked for.
COUNTS: Final = (1, 5, 10, 20, 50)

#: Rankings of cases, with their meaning. The first is what Next Sample goes by.
RANKINGS: Final[Mapping[str, str]] = {
    "disagreement": "1 less the mean pairwise Dice of the passes, of the worst region",
    "max_probability": "mean of 1 less the larger of p and 1 - p within 3 mm of the mask's border, of the worst region",
}

#: Which places are looked at, with what they are. The first is what the product shows.
PLACE_RANKINGS: Final[Mapping[str, str]] = {
    "served": "places of the served map, by expected voxels wrong",
    "std_sum": "the same, by the sum of the map",
    "std_mean": "the same, by the mean of the map",
    "expected_error": "places of the expected error, by its sum",
    "max_probability": "places of 1 - max probability, by its sum",
    "border": "drawn at random on the mask's border",
    "best": "one after the other where most of the true error is",
}


def counts_up_to(passes: int) -> tuple[int, ...]:
    """The numbers of passes at which a run of so many is measured, rising, ``passes`` the last."""
    return (*(count for count in COUNTS if count < passes), passes)


def measure_uncertainty(
    segmenter: Segmenter,
    case: OpenedCase,
    *,
    patient: str,
    counts: Sequence[int],
    seed: int = 0,
    report: Callable[[float, str], None] | None = None,
) -> UncertaintyOutcome:
    """Segment a case, take its maps and judge them.

    Args:
        segmenter: the model.
        case: the case with its truth.
        patient: the person.
        counts: numbers of passes, rising.
        seed: seed of the passes.
        report: called after every pass with the share done.

    Raises:
        InputError: the images cannot be used.
    """
    assert case.classes is not None
    prepared, _ = segmenter.prepare(case.images)
    result = segmenter.mask(prepared)
    brain = prepared.restore(prepared.brain.numpy().astype(np.float32)) > 0.5
    masks, truth = region_masks(result.mask), region_masks(case.classes)
    chosen = brain | (result.mask > 0) | (case.classes > 0)
    judged = Judged(predicted=masks[:, chosen], truth=truth[:, chosen], brain=brain[chosen])
    wrong = result.mask != case.classes

    found: dict[str, Any] = {name: {} for name in ("seconds", "scores", "change", "reliability")}
    baselines = baselines_of(result.probabilities, chosen, brain)
    numbers, curves = judge_maps(baselines, judged)
    maps: dict[str, dict[str, Any]] = {name: {"0": row} for name, row in numbers.items()}
    maps |= {name: {} for name, kind in MAPS.items() if kind.passes}
    found["reliability"]["0"] = _counted(result.probabilities, truth, brain)
    doubt: dict[str, dict[str, float]] = {"disagreement": {}, "max_probability": {"0": _band(result, brain)}}
    places: dict[str, dict[str, float | None]] = {name: {} for name in PLACE_RANKINGS}
    places |= {name: {"0": share} for name, share in _places_without_passes(result, brain, wrong).items()}
    served: dict[str, np.ndarray] = {}
    for taken in segmenter.maps_at(prepared, result.mask, counts=counts, seed=seed, progress=report):
        count = str(taken.passes)
        numbers, last = judge_maps(of_passes := maps_of(taken, chosen), judged)
        for name, row in numbers.items():
            maps[name][count] = row
        served[count] = of_passes[SERVED][:, judged.brain] / 2
        found["seconds"][count] = round(taken.seconds, 1)
        found["scores"][count] = {region: dict(row) for region, row in taken.scores.items()}
        found["reliability"][count] = _counted(np.abs(masks - taken.expected_error), truth, brain)
        doubt["disagreement"][count] = 1 - min(float(row["pairwise_dice"] or 0) for row in taken.scores.values())
        for name, share in _places_of(taken, result, wrong, compare=taken.passes == counts[-1]).items():
            places[name][count] = share
    found["change"] = {count: float(np.abs(values - served[str(counts[-1])]).mean()) for count, values in served.items()}
    voxel = prepared.grid.voxel_ml
    return UncertaintyOutcome(
        case=case.id,
        patient=patient,
        device=segmenter.device,
        seed=seed,
        dice=dict(zip(REGIONS, map(float, dice(masks, truth)), strict=True)),
        wrong_ml={
            **{region: float((m != t).sum()) * voxel for region, m, t in zip(REGIONS, masks, truth, strict=True)},
            "label": float(wrong.sum()) * voxel,
        },
        best_aurc=best_aurc(judged),
        maps=maps,
        curves={**curves, **last},
        doubt=doubt,
        places=places,
        warnings=list(result.warnings),
        **found,
    )


def _counted(probabilities: np.ndarray, truth: np.ndarray, brain: np.ndarray) -> dict[str, Any]:
    return {region: Reliability.count(probabilities[r][brain], truth[r][brain]).as_json() for r, region in enumerate(REGIONS)}


def _band(result: Segmentation, brain: np.ndarray) -> float:
    rest = 1 - np.maximum(result.probabilities, 1 - result.probabilities)
    masks = region_masks(result.mask)
    means = [band_mean(rest[r], masks[r], spacing=result.grid.spacing[::-1], within=brain) for r in range(len(REGIONS))]
    return max((mean for mean in means if mean is not None), default=0.0)


def _places_of(maps: UncertaintyMaps, result: Segmentation, wrong: np.ndarray, *, compare: bool) -> dict[str, float | None]:
    """What the places of some passes show; with ``compare`` also those that other rankings would choose."""
    mask, grid = result.mask, result.grid
    std = maps.by_region["std"]
    found = {"served": places_to_look(std, mask, grid, k=PLACES, expected_error=maps.expected_error)}
    if compare:
        found["std_sum"] = places_to_look(std, mask, grid, k=PLACES)
        found["std_mean"] = sorted(places_to_look(std, mask, grid, k=3 * PLACES), key=lambda place: -place.score)[:PLACES]
        found["expected_error"] = places_to_look(maps.expected_error, mask, grid, k=PLACES)
    return {name: _shown(places, wrong, grid) for name, places in found.items()}


def _places_without_passes(result: Segmentation, brain: np.ndarray, wrong: np.ndarray) -> dict[str, float | None]:
    mask, grid, spacing = result.mask, result.grid, result.grid.spacing[::-1]
    rest = (1 - np.maximum(result.probabilities, 1 - result.probabilities)) * brain
    return {
        "max_probability": _shown(places_to_look(rest, mask, grid, k=PLACES), wrong, grid),
        "border": seen_at_random(wrong, mask, count=PLACES, spacing=spacing),
        "best": most_seen(wrong, count=PLACES, spacing=spacing),
    }


def _shown(places: Sequence[Place], wrong: np.ndarray, grid: Grid) -> float | None:
    return share_seen(wrong, [place.index for place in places], spacing=grid.spacing[::-1])
