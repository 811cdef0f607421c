"""The run: every model on the cases it never saw, each case kept when it is finished."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gliolabel.errors import InputError
from gliolabel.evaluation.cases import LabelledCase
from gliolabel.evaluation.uncertainty.measuring import measure_uncertainty
from gliolabel.evaluation.uncertainty.outcome import KeptUncertainty, UncertaintyOutcome, outcome_key
from gliolabel.inference import Segmenter

#: Called with a case's id and the share of it that is done.
Report = Callable[[str, float], None]


@dataclass(frozen=True)
class HeldOut:
    """One model and the cases that it is tested on: of a cross-validation one fold.

    Args:
        label: how it is called.
        sha256: of its weights file.
        segmenter: the model on its device.
        cases: labelled cases that it never saw.
        kept: its outcomes on disk.
        seen: ids of the cases that it was trained on all the same, if that was allowed.
    """

    label: str
    sha256: str
    segmenter: Segmenter
    cases: tuple[LabelledCase, ...]
    kept: KeptUncertainty
    seen: frozenset[str] = frozenset()


@dataclass(frozen=True)
class UncertaintyRun:
    """What was found.

    Args:
        parts: the models with their cases; no case stands in two.
        counts: numbers of passes, rising.
        seed: seed of the passes.
        outcomes: by case id.
        failed: what is wrong with a case that could not be used.
        computed: how many outcomes were computed now; the others were kept from before.
    """

    parts: tuple[HeldOut, ...]
    counts: tuple[int, ...]
    seed: int
    outcomes: Mapping[str, UncertaintyOutcome]
    failed: Mapping[str, str] = field(default_factory=dict)
    computed: int = 0

    @property
    def patients(self) -> dict[str, str]:
        """The patient of each finished case."""
        return {case: outcome.patient for case, outcome in self.outcomes.items()}

    @property
    def tested(self) -> dict[str, tuple[str, ...]]:
        """Ids of the finished cases of each model, by its label."""
        return {part.label: tuple(case.id for case in part.cases if case.id in self.outcomes) for part in self.parts}

    @property
    def seen(self) -> tuple[str, ...]:
        """Finished cases that their model was trained on."""
        return tuple(sorted(case.id for part in self.parts for case in part.cases if case.id in part.seen and case.id in self.outcomes))


def run_uncertainty(
    parts: Sequence[HeldOut],
    *,
    digests: Mapping[str, Mapping[str, str]],
    counts: Sequence[int],
    seed: int = 0,
    report: Report | None = None,
) -> UncertaintyRun:
    """Measure the uncertainty of every model on its cases.

    A case whose files cannot be used is named in the answer and the others go on.

    Args:
        parts: the models with their cases.
        digests: SHA-256 of each case's files by role.
        counts: numbers of passes, rising.
        seed: seed of the passes.
        report: called while cases are worked on, with 1 at the end of each.

    Raises:
        UnavailableError: the disk is full.
    """
    outcomes: dict[str, UncertaintyOutcome] = {}
    failed: dict[str, str] = {}
    computed = 0
    for part in parts:
        for case in part.cases:
            key = outcome_key(weights=part.sha256, device=part.segmenter.device, case=digests[case.id], counts=counts, seed=seed)
            outcome = part.kept.get(case.id, key)
            if outcome is None:
                try:
                    outcome = _measured(part.segmenter, case, counts=counts, seed=seed, report=report)
                except InputError as error:
                    failed[case.id] = f"case {case.id}: {error}"
                else:
                    part.kept.put(outcome, key=key)
                    computed += 1
            if outcome is not None:
                outcomes[case.id] = outcome
            if report is not None:
                report(case.id, 1.0)
    return UncertaintyRun(
        parts=tuple(parts), counts=tuple(counts), seed=seed, outcomes=dict(sorted(outcomes.items())), failed=failed, computed=computed
    )


def _measured(segmenter: Segmenter, case: LabelledCase, *, counts: Sequence[int], seed: int, report: Report | None) -> UncertaintyOutcome:
    def tell(share: float, _: str) -> None:
        if report is not None:
            report(case.id, 0.99 * share)  # the judging of the last maps is still to come

    return measure_uncertainty(segmenter, case.open(), patient=case.patient, counts=counts, seed=seed, report=tell)
