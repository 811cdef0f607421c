"""What the cases say together, as plain JSON: the page, the tables and the documentation are made from it alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from scipy.stats import rankdata

from gliolabel.evaluation.comparison import compare_values
from gliolabel.evaluation.statistics import summarise
from gliolabel.evaluation.uncertainty.calibrating import calibrate
from gliolabel.evaluation.uncertainty.maps import BASELINES, MAPS, SERVED
from gliolabel.evaluation.uncertainty.measuring import PLACE_RANKINGS
from gliolabel.evaluation.uncertainty.numbers import SET_ASIDE
from gliolabel.evaluation.uncertainty.outcome import UncertaintyOutcome
from gliolabel.evaluation.uncertainty.running import UncertaintyRun
from gliolabel.evaluation.uncertainty.triage import triage
from gliolabel.vocabulary import REGIONS

#: Measures of a map, and which of them is better.
_BETTER: Final = {"aurc": "low", "qu_brats": "high"}


def analyse_uncertainty(run: UncertaintyRun, *, seed: int = 0) -> dict[str, Any]:
    """Summarise.

    Args:
        run: what was found, at least one case.
        seed: seed of the bootstrap.

    Returns:
        ``maps`` (titles, meanings), ``numbers`` (by region, map and number of passes, ``"0"`` for the baselines: mean of each number of
        :func:`~gliolabel.evaluation.uncertainty.numbers.judge_map`, ``aurc_interval``, ``qu_brats_rank``: the mean rank among all maps
        of the largest number of passes), ``best_aurc`` by region, ``differences`` (each map less each baseline, paired by case),
        ``curves`` (means), ``calibration``, ``triage``, ``change`` and ``seconds`` by number of passes, ``places``, ``cases``.
    """
    outcomes, patients, last = run.outcomes, run.patients, str(run.counts[-1])
    return {
        "passes": list(run.counts),
        "seed": run.seed,
        "maps": {name: asdict(kind) for name, kind in MAPS.items()},
        "served": SERVED,
        "baselines": list(BASELINES),
        "set_aside": list(SET_ASIDE),
        "numbers": {region: _numbers(outcomes, region, patients=patients, last=last, seed=seed) for region in REGIONS},
        "best_aurc": {region: _mean(o.best_aurc[region] for o in outcomes.values()) for region in REGIONS},
        "differences": _differences(outcomes, counts=[str(n) for n in run.counts], patients=patients, seed=seed),
        "curves": _curves(outcomes),
        "calibration": calibrate(outcomes, counts=run.counts),
        "triage": triage(outcomes),
        "change": {str(n): _mean(o.change[str(n)] for o in outcomes.values()) for n in run.counts},
        "seconds": {str(n): _mean(o.seconds[str(n)] for o in outcomes.values()) for n in run.counts},
        "places": _places(outcomes, patients=patients, last=last, seed=seed),
        "cases": {case: _case(outcome, last) for case, outcome in outcomes.items()},
    }


def _numbers(
    outcomes: Mapping[str, UncertaintyOutcome], region: str, *, patients: Mapping[str, str], last: str, seed: int
) -> dict[str, dict[str, Any]]:
    first = next(iter(outcomes.values()))
    found: dict[str, dict[str, Any]] = {}
    for name, by_count in first.maps.items():
        for count in by_count:
            rows = {case: outcome.maps[name][count][region] for case, outcome in outcomes.items()}
            aurc = summarise({case: row["aurc"] for case, row in rows.items()}, patients=patients, seed=seed)
            found.setdefault(name, {})[count] = {
                **{number: _mean(row[number] for row in rows.values()) for number in next(iter(rows.values()))},
                "aurc_interval": None if aurc.mean_interval is None else asdict(aurc.mean_interval),
            }
    ranks = [rankdata([-_at(o, name, last)[region]["qu_brats"] for name in first.maps]) for o in outcomes.values()]
    for name, rank in zip(first.maps, np.mean(ranks, axis=0), strict=True):
        (found[name].get(last) or found[name]["0"])["qu_brats_rank"] = float(rank)
    return found


def _differences(
    outcomes: Mapping[str, UncertaintyOutcome], *, counts: list[str], patients: Mapping[str, str], seed: int
) -> list[dict[str, Any]]:
    found = []
    for region in REGIONS:
        for measure, better in _BETTER.items():
            for baseline in BASELINES:
                before = {case: o.maps[baseline]["0"][region][measure] for case, o in outcomes.items()}
                for name in (name for name, kind in MAPS.items() if kind.passes):
                    # Of the served map also how the difference comes about with the passes.
                    for count in counts if name == SERVED else counts[-1:]:
                        after = {case: o.maps[name][count][region][measure] for case, o in outcomes.items()}
                        compared = compare_values(before, after, better=better, patients=patients, seed=seed)
                        about = {"region": region, "measure": measure, "map": name, "passes": int(count), "baseline": baseline}
                        found.append({**about, **compared.as_json(), "baseline_mean": _mean(before.values())})
    return found


def _curves(outcomes: Mapping[str, UncertaintyOutcome]) -> dict[str, Any]:
    first = next(iter(outcomes.values())).curves
    return {
        name: {
            region: {
                kind: [float(f"{v:.6g}") for v in np.mean([o.curves[name][region][kind] for o in outcomes.values()], axis=0)]
                for kind in kinds
            }
            for region, kinds in regions.items()
        }
        for name, regions in first.items()
    }


def _places(outcomes: Mapping[str, UncertaintyOutcome], *, patients: Mapping[str, str], last: str, seed: int) -> dict[str, Any]:
    first = next(iter(outcomes.values())).places
    found: dict[str, Any] = {}
    border = {case: o.places["border"]["0"] for case, o in outcomes.items()}
    for ranking, by_count in first.items():
        found[ranking] = {"meaning": PLACE_RANKINGS[ranking], "by_passes": {}}
        for count in by_count:
            shares = {case: o.places[ranking][count] for case, o in outcomes.items()}
            found[ranking]["by_passes"][count] = summarise(shares, patients=patients, seed=seed).as_json()
        if ranking != "border":
            shares = {case: o.places[ranking][last if last in by_count else "0"] for case, o in outcomes.items()}
            found[ranking]["against_border"] = compare_values(border, shares, better="high", patients=patients, seed=seed).as_json()
    return found


def _case(outcome: UncertaintyOutcome, last: str) -> dict[str, Any]:
    return {
        "patient": outcome.patient,
        "device": outcome.device,
        "dice": dict(outcome.dice),
        "mean_dice": outcome.mean_dice,
        "wrong_ml": dict(outcome.wrong_ml),
        "doubt": {ranking: dict(values) for ranking, values in outcome.doubt.items()},
        "maps": {name: _at(outcome, name, last) for name in outcome.maps},
        "places": {ranking: values.get(last, values.get("0")) for ranking, values in outcome.places.items()},
        "scores": outcome.scores[last],
    }


def _at(outcome: UncertaintyOutcome, name: str, last: str) -> Mapping[str, Mapping[str, float]]:
    return outcome.maps[name].get(last) or outcome.maps[name]["0"]


def _mean(values: Any) -> float:
    return float(np.mean(list(values)))
