"""The single conditions, each a pure function of the cases and the criteria."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add

import numpy as np

from gliolabel.evaluation.statistics import mean_interval
from gliolabel.training.gate.cases import CaseMeasures
from gliolabel.training.gate.criteria import GateCriteria
from gliolabel.training.gate.pairing import Pair, columns, patients
from gliolabel.training.gate.verdict import Check

#: Cases named in a sentence before "and n more".
_NAMED = 3

#: Differences smaller than this come from the order of additions.
_NOTHING = 1e-9


def evidence(pairs: Sequence[Pair], criteria: GateCriteria) -> Iterator[Check]:
    """Whether there are patients enough, in all and in each region."""
    found, least = patients(pairs), criteria.least_patients
    words = f"{found} locked patient{'' if found == 1 else 's'} that neither version was trained on; {least} are needed."
    yield Check("patients", found >= least, found, least, words, of="evidence")
    for region in criteria.regions:
        found, least = patients(large(pairs, region, criteria)), criteria.least_patients_per_region
        words = f"{found} of them with at least {criteria.least_region_ml:g} mL of {region}; {least} are needed to judge {region}."
        yield Check(f"patients with {region}", found >= least, found, least, words, of="evidence")


def large(pairs: Sequence[Pair], region: str, criteria: GateCriteria) -> list[Pair]:
    """The cases in which a region is large enough for Dice and HD95."""
    return [pair for pair in pairs if pair.true_volume_ml(region) >= criteria.least_region_ml]


def primary(pairs: Sequence[Pair], criteria: GateCriteria) -> Iterator[Check]:
    """The number that must not fall at all."""
    regions = criteria.regions if criteria.primary == "mean" else (criteria.primary,)
    tables = [columns(large(pairs, region, criteria), region, "dice")[0] for region in regions]
    if not all(len(table) for table in tables):
        return
    before, after = np.mean([table.mean(axis=0) for table in tables], axis=0)
    change = float(after - before)
    passed = change >= -_NOTHING
    words = f"Mean Dice of {', '.join(regions)} {before:.3f} to {after:.3f} ({change:+.4f}); it {'does' if passed else 'must'} not fall."
    yield Check("primary metric", passed, change, 0.0, words)


def dice(pairs: Sequence[Pair], criteria: GateCriteria, *, seed: int) -> Iterator[Check]:
    """No region's mean Dice falls by more than the margin: the lower end of the paired interval says so."""
    for region in criteria.regions:
        table, used = columns(large(pairs, region, criteria), region, "dice")
        bounds = mean_interval(
            table[:, 1] - table[:, 0],
            [pair.patient for pair in used],
            seed=seed,
            coverage=criteria.confidence,
            count=criteria.bootstrap_samples,
        )
        if bounds is None:
            continue
        (before, after), limit = table.mean(axis=0), -criteria.dice_margin
        passed = bounds.low >= limit - _NOTHING
        words = (
            f"{region} Dice {before:.3f} to {after:.3f} in {len(used)} cases ({after - before:+.3f}, "
            f"{100 * criteria.confidence:g} % interval {bounds.low:+.3f} to {bounds.high:+.3f}); "
        )
        if passed:
            words += f"a fall of more than {criteria.dice_margin:g} is ruled out."
        elif after - before < limit:
            words += f"it may not fall by more than {criteria.dice_margin:g}."
        else:
            words += f"a fall of more than {criteria.dice_margin:g} cannot be ruled out."
        yield Check(f"Dice {region}", passed, bounds.low, limit, words)


def floor(pairs: Sequence[Pair], criteria: GateCriteria) -> Iterator[Check]:
    """No case that was above the floor falls under it."""
    fallen: list[str] = []
    for region in criteria.regions:
        least = criteria.floor[region]
        table, used = columns(large(pairs, region, criteria), region, "dice")
        for (before, after), pair in zip(table, used, strict=True):
            if after < least <= before and before - after > criteria.floor_fall:
                fallen.append(f"{pair.case_id} ({region} {before:.2f} to {after:.2f})")
    floors = ", ".join(f"{region} {criteria.floor[region]:g}" for region in criteria.regions)
    words = f"No case falls under the Dice below which a mask is useless ({floors})."
    if fallen:
        words = f"{_named(fallen)} fell under the Dice below which a mask is useless ({floors})."
    yield Check("floor", not fallen, len(fallen), 0, words)


def hd95(pairs: Sequence[Pair], criteria: GateCriteria) -> Iterator[Check]:
    """The borders are not further off."""
    for region in criteria.regions:
        table, used = columns(large(pairs, region, criteria), region, "hd95_mm")
        if not used:
            continue
        before, after = table.mean(axis=0)
        change, limit = float(after - before), criteria.hd95_margin_mm
        words = f"{region} mean HD95 {before:.1f} to {after:.1f} mm in {len(used)} cases ({change:+.1f} mm); at most {limit:+g} mm."
        yield Check(f"HD95 {region}", change <= limit + _NOTHING, change, limit, words)


def volume_bias(pairs: Sequence[Pair], criteria: GateCriteria) -> Iterator[Check]:
    """Volumes are not further off to one side, over all cases together."""
    for region in criteria.regions:
        errors, used = columns(pairs, region, "volume_error_ml")
        true = sum(pair.true_volume_ml(region) for pair in used)
        if not true:
            continue
        before, after = 100.0 * errors.sum(axis=0) / true
        change, limit = float(abs(after) - abs(before)), criteria.volume_bias_margin_percent
        words = f"{region} volume {before:+.1f} % to {after:+.1f} % of the true one; at most {limit:g} points further from 0."
        yield Check(f"volume bias {region}", change <= limit + _NOTHING, change, limit, words)


def false_volume(pairs: Sequence[Pair], criteria: GateCriteria) -> Iterator[Check]:
    """Where a region is empty or nearly so, nothing much is found that is not there."""
    for region in criteria.regions:
        table, used = columns([pair for pair in pairs if pair.true_volume_ml(region) < criteria.least_region_ml], region, "volume_error_ml")
        if not used:
            continue
        sizes = np.abs(table)
        worst = int((sizes[:, 1] - sizes[:, 0]).argmax())
        change, limit = float(sizes[worst, 1] - sizes[worst, 0]), criteria.false_volume_margin_ml
        words = (
            f"{len(used)} case{'' if len(used) == 1 else 's'} with under {criteria.least_region_ml:g} mL of {region}, judged by volume "
            f"alone. Largest change: {used[worst].case_id}, {sizes[worst, 0]:.1f} to {sizes[worst, 1]:.1f} mL wrong; at most {limit:+g} mL."
        )
        yield Check(f"false volume {region}", change <= limit + _NOTHING, change, limit, words)


def calibration(pairs: Sequence[Pair], criteria: GateCriteria) -> Iterator[Check]:
    """Probabilities are not less true than they were."""
    for region in criteria.regions:
        before, after = (_calibration_error(measures, region) for measures in _sides(pairs))
        change, limit = after - before, criteria.calibration_margin
        words = f"{region} calibration error {before:.4f} to {after:.4f} ({change:+.4f}); at most {limit:+g}."
        yield Check(f"calibration {region}", change <= limit + _NOTHING, change, limit, words)


def _sides(pairs: Sequence[Pair]) -> tuple[list[CaseMeasures], list[CaseMeasures]]:
    return [pair.champion for pair in pairs], [pair.challenger for pair in pairs]


def _calibration_error(measures: Sequence[CaseMeasures], region: str) -> float:
    return reduce(add, (one.counts(region) for one in measures)).calibration_error()


def _named(cases: Sequence[str]) -> str:
    more = len(cases) - _NAMED
    return ", ".join(cases[:_NAMED]) + (f" and {more} more" if more > 0 else "")
