"""The decision: a pure function of measures and criteria."""

from __future__ import annotations

from collections.abc import Sequence

from gliolabel.training.gate import checks
from gliolabel.training.gate.cases import CaseMeasures
from gliolabel.training.gate.criteria import GateCriteria
from gliolabel.training.gate.pairing import pair_up
from gliolabel.training.gate.verdict import Check, Decision, Verdict


def judge(champion: Sequence[CaseMeasures], challenger: Sequence[CaseMeasures], criteria: GateCriteria, *, seed: int = 0) -> Verdict:
    """Decide whether a new version may replace the served one.

    Every condition is looked at, also after one has failed. With too few patients the answer is ``unproven`` whatever the numbers say; else
    it is ``promote`` when all conditions hold, and ``refuse`` when one does not. A region that is truly smaller than
    ``criteria.least_region_ml`` in a case counts there by its volume alone: its Dice is decided by a few voxels.

    Args:
        champion: measures of the served version.
        challenger: measures of the new version on the same cases.
        criteria: the conditions.
        seed: seed of the bootstrap.

    Returns:
        The verdict, the same for the same arguments.

    Raises:
        InputError: the two were not measured on the same cases, files and labels.
    """
    pairs, refused = pair_up(champion, challenger)
    found = list(checks.evidence(pairs, criteria))
    if pairs:
        found += checks.primary(pairs, criteria)
        found += checks.dice(pairs, criteria, seed=seed)
        found += checks.floor(pairs, criteria)
        found += checks.false_volume(pairs, criteria)
        found += checks.hd95(pairs, criteria)
        found += checks.volume_bias(pairs, criteria)
        found += checks.calibration(pairs, criteria)
    decision = _decide(found)
    return Verdict(
        decision=decision,
        checks=tuple(found),
        sentence=_sentence(decision, found),
        refused=refused,
        champion=tuple(pair.champion for pair in pairs),
        challenger=tuple(pair.challenger for pair in pairs),
        criteria=criteria,
        seed=seed,
    )


def _decide(found: Sequence[Check]) -> Decision:
    if any(check.of == "evidence" and not check.passed for check in found):
        return "unproven"
    return "promote" if all(check.passed for check in found) else "refuse"


def _sentence(decision: Decision, found: Sequence[Check]) -> str:
    """One line: the decision, the main reason, and how many more there are."""
    lacking = [check for check in found if check.of == "evidence" and not check.passed]
    failing = [check for check in found if check.of == "quality" and not check.passed]
    first = "" if not failing else _main(failing).words
    more = "" if len(failing) < 2 else f" {len(failing) - 1} more check{'s fail' if len(failing) > 2 else ' fails'}."
    if decision == "refuse":
        return f"Refused: {first}{more}"
    if decision == "unproven":
        against = f" What there is speaks against it: {first}{more}" if failing else ""
        return f"Not proven, a person must decide: {lacking[0].words}{against}"
    main = next(check.words for check in found if check.name == "primary metric")
    return f"Accepted: all {len(found)} checks hold. {main}"


def _main(failing: Sequence[Check]) -> Check:
    """The reason that says most: the region whose Dice fell furthest; without one, the first."""
    regions = [check for check in failing if check.name.startswith("Dice ")]
    return min(regions, key=lambda check: check.value) if regions else failing[0]
