"""The evaluation itself: each case read once, prepared once for all models that prepare alike, and kept when it is finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gliolabel.errors import InputError
from gliolabel.evaluation.cases import LabelledCase, OpenedCase
from gliolabel.evaluation.kept import KeptOutcomes, key_of
from gliolabel.evaluation.measures import CLASSES_ROW, measure_case
from gliolabel.evaluation.outcomes import Outcome, take_snapshots
from gliolabel.evaluation.own_score import own_score
from gliolabel.evaluation.predictors import Prediction, Predictor
from gliolabel.uncertainty.calibration import Reliability


@dataclass(frozen=True)
class ModelUnderTest:
    """One model and where its outcomes are kept.

    Args:
        label: how the model is called in tables, different for every model.
        sha256: of its weights file.
        predictor: the model on its device.
        kept: its outcomes on disk.
        seen: ids of the cases that it was trained on.
    """

    label: str
    sha256: str
    predictor: Predictor
    kept: KeptOutcomes
    seen: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Evaluation:
    """Outcomes of all models.

    Args:
        models: what was tested.
        outcomes: by model label and case id; the same cases for every model.
        failed: what is wrong with a case that could not be used, by case id.
        computed: how many outcomes were computed now; the others were kept from before.
    """

    models: tuple[ModelUnderTest, ...]
    outcomes: Mapping[str, Mapping[str, Outcome]]
    failed: Mapping[str, str] = field(default_factory=dict)
    computed: int = 0

    @property
    def cases(self) -> tuple[str, ...]:
        """Ids of the finished cases, sorted."""
        return tuple(sorted(next(iter(self.outcomes.values()), {})))

    @property
    def patients(self) -> dict[str, str]:
        """The patient of each finished case."""
        return {case: outcome.patient for case, outcome in next(iter(self.outcomes.values()), {}).items()}

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions that any model predicts, in the models' order, without the row of the classes."""
        return tuple(dict.fromkeys(region for model in self.models for region in model.predictor.regions))

    def values(self, label: str, region: str, measure: str) -> dict[str, float | None]:
        """One measure by case, for the models that predict the region; else nothing."""
        return {case: o.value(region, measure) for case, o in self.outcomes[label].items() if region in o.rows}

    @property
    def seen(self) -> dict[str, tuple[str, ...]]:
        """Finished cases that a model was trained on, by model label; only models with such cases."""
        found = {model.label: tuple(case for case in self.cases if case in model.seen) for model in self.models}
        return {label: cases for label, cases in found.items() if cases}


def evaluate(models: Sequence[ModelUnderTest], cases: Sequence[LabelledCase], *, report: Callable[[str], None] | None = None) -> Evaluation:
    """Test models on cases.

    A case whose files cannot be used is named in the answer and the others go on; it counts for no model, so that all are compared on
    the same cases.

    Args:
        models: what to test.
        cases: labelled cases.
        report: called with a case's id when one model is done with it.

    Raises:
        UnavailableError: the disk is full.
    """
    outcomes: dict[str, dict[str, Outcome]] = {model.label: {} for model in models}
    failed: dict[str, str] = {}
    computed = 0
    for case in cases:
        told = 0

        def tell(case_id: str) -> None:
            nonlocal told
            told += 1
            if report is not None:
                report(case_id)

        try:
            found, count = _one_case(models, case, tell)
        except InputError as error:
            failed[case.id] = str(error)
            while told < len(models):  # the models that never saw it are done with it, too
                tell(case.id)
            continue
        computed += count
        for label, outcome in found.items():
            outcomes[label][case.id] = outcome
    return Evaluation(models=tuple(models), outcomes=outcomes, failed=failed, computed=computed)


def _one_case(models: Sequence[ModelUnderTest], case: LabelledCase, report: Callable[[str], None]) -> tuple[dict[str, Outcome], int]:
    found: dict[str, Outcome] = {}
    opened: OpenedCase | None = None
    prepared: dict[str, Any] = {}
    digests = case.digests()
    computed = 0
    for model in models:
        predictor = model.predictor
        key = key_of(weights=model.sha256, device=predictor.device, case=digests)
        outcome = model.kept.get(case.id, key)
        if outcome is None:
            opened = opened or case.open()
            if predictor.preparation not in prepared:
                prepared[predictor.preparation] = predictor.prepare(opened)
            began = time.perf_counter()
            prediction = predictor.predict(prepared[predictor.preparation], opened)
            outcome = judge(opened, prediction, model=predictor, patient=case.patient, seconds=time.perf_counter() - began)
            model.kept.put(outcome, take_snapshots(opened, prediction), key=key)
            computed += 1
        found[model.label] = outcome
        report(case.id)
    return found, computed


def judge(case: OpenedCase, prediction: Prediction, *, model: Predictor, patient: str, seconds: float) -> Outcome:
    """Compare a prediction with the truth.

    Args:
        case: the case with its truth.
        prediction: what the model says.
        model: the model; its recipe says how it is scored.
        patient: the person.
        seconds: how long the prediction took.

    Returns:
        The outcome. The recipe's scores stand in the row of the classes, or in the only region's.
    """
    rows = measure_case(
        prediction.masks,
        case.truth,
        predicted_classes=prediction.classes,
        true_classes=case.classes,
        class_count=prediction.channels.shape[1],
        spacing=case.spacing,
    )
    whole = CLASSES_ROW if CLASSES_ROW in rows else next(iter(rows))
    rows[whole] |= own_score(model.model_version.recipe, prediction.channels, prediction.target)
    counted = {
        region: Reliability.count(probability[prediction.inside], case.truth[region][prediction.inside]).as_json()
        for region, probability in prediction.probabilities.items()
    }
    return Outcome(
        case=case.id,
        patient=patient,
        device=model.device,
        seconds=round(seconds, 2),
        rows=rows,
        reliability=counted,
        warnings=prediction.warnings,
    )
