"""Testing a model on cases that it never saw: Dice, HD95, volumes, calibration, and what each missing sequence costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from gliolabel.errors import InputError
from gliolabel.inference import Segmenter
from gliolabel.metrics import dice, hausdorff95, region_masks
from gliolabel.preprocessing import Prepared
from gliolabel.studies import Case
from gliolabel.uncertainty.calibration import Reliability
from gliolabel.vocabulary import REGIONS, SEQUENCES


def evaluate_cases(
    segmenter: Segmenter, cases: Sequence[Case], *, without: Sequence[str] = SEQUENCES, report: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Segment labelled cases and compare with their labels.

    Args:
        segmenter: the model.
        cases: labelled cases, none of which the model was trained on.
        without: sequences that are left out in turn, for the accuracy without each.
        report: called with the id of each finished case.

    Returns:
        A table as JSON: ``cases`` (by case and region: ``dice``, ``hd95_mm`` or None where one mask is empty, ``volume_ml``,
        ``true_volume_ml``), ``mean_dice`` by region, ``without`` (mean Dice by sequence and region), ``reliability`` (counts
        for calibration by region, brain voxels only) with ``temperature``, ``ece_before`` and ``ece_after``.

    Raises:
        InputError: a case has no label, or stands in the model's training list.
    """
    trained_on = segmenter.model_version.metadata.get("trained_on", {})
    table: dict[str, Any] = {"cases": {}}
    sparse: dict[str, list[np.ndarray]] = {name: [] for name in without}
    counts: dict[str, Reliability] = {}
    for case in cases:
        if case.id in trained_on:
            raise InputError(f"case {case.id}: the model was trained on it; a test needs cases it never saw")
        label = case.read_label()
        if label is None:
            raise InputError(f"case {case.id}: has no label; a test needs one")
        truth = region_masks(label)
        prepared, _ = segmenter.prepare(case)
        result = segmenter.mask(prepared)
        table["cases"][case.id] = _rows(region_masks(result.mask), truth, prepared)
        brain = prepared.restore(prepared.brain.numpy().astype(np.float32)) > 0.5
        for index, region in enumerate(REGIONS):
            counted = Reliability.count(result.probabilities[index][brain], truth[index][brain])
            counts[region] = counts[region] + counted if region in counts else counted
        for name in without:
            if name in prepared.present and len(prepared.present) > 1:
                sparse[name].append(dice(region_masks(segmenter.mask(_without(prepared, name)).mask), truth))
        if report is not None:
            report(case.id)
    scores = np.array([[row[region]["dice"] for region in REGIONS] for row in table["cases"].values()])
    table["mean_dice"] = _by_region(scores.mean(axis=0))
    table["without"] = {name: _by_region(np.mean(rows, axis=0)) for name, rows in sparse.items() if rows}
    table["reliability"] = {region: counted.as_json() for region, counted in counts.items()}
    table["temperature"] = {region: round(counted.temperature(), 4) for region, counted in counts.items()}
    table["ece_before"] = {region: round(counted.calibration_error(), 5) for region, counted in counts.items()}
    table["ece_after"] = {r: round(counted.calibration_error(table["temperature"][r]), 5) for r, counted in counts.items()}
    return table


def precision_cost(segmenter: Segmenter, cases: Sequence[Case]) -> dict[str, Any]:
    """What computing in the device's fast format costs, against float32.

    Args:
        segmenter: the model on its device.
        cases: labelled cases.

    Returns:
        ``format``; ``differing_per_million``, the voxels of the whole volume whose label differs, in a million;
        ``largest_dice_change`` over cases and regions.
    """
    exact = Segmenter(segmenter.model_version, device=segmenter.device.split(" ")[0], precision=torch.float32)
    differing, voxels, largest = 0, 0, 0.0
    for case in cases:
        prepared, _ = segmenter.prepare(case)
        label = case.read_label()
        fast, slow = segmenter.mask(prepared).mask, exact.mask(prepared).mask
        differing += int((fast != slow).sum())
        voxels += fast.size
        if label is not None:
            truth = region_masks(label)
            largest = max(largest, float(np.abs(dice(region_masks(fast), truth) - dice(region_masks(slow), truth)).max()))
    return {
        "format": segmenter.device,
        "differing_per_million": round(1e6 * differing / voxels, 1),
        "largest_dice_change": round(largest, 4),
    }


def _without(prepared: Prepared, name: str) -> Prepared:
    image = prepared.image.clone()
    image[SEQUENCES.index(name)] = 0
    return replace(prepared, image=image, present=tuple(s for s in prepared.present if s != name))


def _rows(predicted: np.ndarray, truth: np.ndarray, prepared: Prepared) -> dict[str, dict[str, float | None]]:
    overlap = dice(predicted, truth)
    distance = hausdorff95(predicted, truth, spacing=prepared.grid.spacing[::-1])
    voxel = prepared.grid.voxel_ml
    return {
        region: {
            "dice": round(float(overlap[i]), 4),
            "hd95_mm": round(float(distance[i]), 2) if math.isfinite(distance[i]) else None,
            "volume_ml": round(float(predicted[i].sum()) * voxel, 2),
            "true_volume_ml": round(float(truth[i].sum()) * voxel, 2),
        }
        for i, region in enumerate(REGIONS)
    }


def _by_region(values: np.ndarray) -> dict[str, float]:
    return {region: round(float(value), 4) for region, value in zip(REGIONS, values, strict=True)}
