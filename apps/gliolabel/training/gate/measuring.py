"""What one version makes of the locked cases: each is segmented once, as the server would."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from gliolabel.errors import InputError
from gliolabel.evaluation import running
from gliolabel.evaluation.cases import OpenedCase
from gliolabel.evaluation.kept import KeptOutcomes, key_of
from gliolabel.evaluation.outcomes import Outcome
from gliolabel.evaluation.predictors import SegmenterPredictor, is_product_model
from gliolabel.evaluation.training_cases import seen_in_training
from gliolabel.inference import Segmenter
from gliolabel.inference.precision import best_precision
from gliolabel.preprocessing import Prepared
from gliolabel.recipes import ModelVersion
from gliolabel.training.gate.cases import CaseMeasures, GateCase, PackedMask
from gliolabel.vocabulary import REGIONS


def measure(
    version: ModelVersion,
    cases: Sequence[GateCase],
    *,
    device: str | None = None,
    report: Callable[[str], None] | None = None,
    pause: Callable[[], None] | None = None,
    kept: Path | None = None,
) -> list[CaseMeasures]:
    """Measure a version on locked cases.

    A case that the version was trained on (its images by SHA-256, or its id), or whose files cannot be used, is not segmented: it
    comes back with the reason and does not count.

    Args:
        version: the model.
        cases: the locked cases with their labels.
        device: ``cpu``, ``cuda`` or ``cuda:1``; by default the first GPU if there is one.
        report: called with a case's id when it is done.
        pause: called before each part of the work; it may wait until others have finished, and what it raises stops the work.
        kept: folder that keeps finished cases. What lies there is used again when weights, images, label and device are the same: an
            interrupted measurement goes on where it was, and a champion is not measured anew for every challenger. By
            default nothing is kept.

    Raises:
        InputError: models of this recipe cannot be measured, or the weights do not fit it.
        UnavailableError: the disk is full.
    """
    check_judgeable(version)
    measurer = _Measurer(version, device=device, pause=pause, kept=kept)
    found = []
    for case in cases:
        found.append(measurer.measure(case))
        if report is not None:
            report(case.case_id)
    return found


def check_judgeable(version: ModelVersion) -> None:
    """See that the gate can judge models of this recipe.

    Raises:
        InputError: it cannot.
    """
    if not is_product_model(version):
        raise InputError(
            f"model {version.name} {version.version}: recipe {version.recipe.name} does not predict {', '.join(REGIONS)} of whole cases; "
            "the gate judges only models that do. `gliolabel evaluate` tests the others."
        )


class _Measurer:
    """One version, opened when a case needs it: not at all when every case was kept."""

    def __init__(self, version: ModelVersion, *, device: str | None, pause: Callable[[], None] | None, kept: Path | None) -> None:
        self._version, self._device = version, device
        self._wait = pause or (lambda: None)
        self._sha256 = version.sha256()
        self._store = None if kept is None else KeptOutcomes(kept / f"{version.name}-{self._sha256[:12]}")
        self._runs_on = str(best_precision(torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))))
        self._predictor: SegmenterPredictor | None = None

    def measure(self, case: GateCase) -> CaseMeasures:
        self._wait()
        digests: dict[str, str] = {}
        try:
            digests = case.digests()
            if seen_in_training(self._version, [case], {case.case_id: digests}):
                return self._refuse(case, digests, f"{self._version.name} {self._version.version} was trained on it")
            key = key_of(weights=self._sha256, device=self._runs_on, case=digests)
            if found := self._kept(case, key):
                return self._measured(case, digests, *found)
            opened = case.open()
        except InputError as error:
            return self._refuse(case, digests, str(error))
        # Outside: what goes wrong with the model is no reason to leave out a case.
        self._predictor = self._predictor or SegmenterPredictor(Segmenter(self._version, device=self._device))
        try:
            prepared = self._predictor.prepare(opened)
        except InputError as error:
            return self._refuse(case, digests, str(error))
        return self._measured(case, digests, *self._segment(self._predictor, case, opened, prepared, key=key))

    def _measured(self, case: GateCase, digests: dict[str, str], outcome: Outcome, mask: PackedMask) -> CaseMeasures:
        return CaseMeasures(case.case_id, case.patient, self._sha256, digests, outcome, mask=mask)

    def _refuse(self, case: GateCase, digests: dict[str, str], reason: str) -> CaseMeasures:
        return CaseMeasures(case.case_id, case.patient, self._sha256, digests, None, refused=reason)

    def _kept(self, case: GateCase, key: str) -> tuple[Outcome, PackedMask] | None:
        outcome = None if self._store is None else self._store.get(case.case_id, key)
        mask = None if self._store is None or outcome is None else self._store.mask(case.case_id)
        return None if outcome is None or mask is None else (outcome, PackedMask.pack(mask))

    def _segment(
        self, predictor: SegmenterPredictor, case: GateCase, opened: OpenedCase, prepared: Prepared, *, key: str
    ) -> tuple[Outcome, PackedMask]:
        self._wait()
        began = time.perf_counter()
        prediction = predictor.predict(prepared, opened)
        seconds = time.perf_counter() - began
        assert prediction.classes is not None
        outcome = running.judge(opened, prediction, model=predictor, patient=case.patient, seconds=seconds)
        if self._store is not None:
            self._store.put(outcome, {}, key=key, mask=prediction.classes)
        return outcome, PackedMask.pack(prediction.classes)
