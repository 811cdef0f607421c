"""The verdict as files: ``verdict.json``, the criteria, and one short page for people that loads nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from gliolabel import __version__
from gliolabel.errors import InputError
from gliolabel.evaluation.figures import Picture
from gliolabel.evaluation.files import write_whole
from gliolabel.evaluation.page import REGION_NAMES
from gliolabel.evaluation.templates import templates
from gliolabel.recipes import ModelVersion
from gliolabel.training.gate.cases import CaseMeasures, GateCase
from gliolabel.training.gate.checks import large
from gliolabel.training.gate.criteria import GateCriteria
from gliolabel.training.gate.pairing import Pair, columns
from gliolabel.training.gate.pictures import draw_dice, draw_side_by_side
from gliolabel.training.gate.verdict import Verdict
from gliolabel.vocabulary import RESEARCH_NOTICE

#: Cases that are shown side by side.
SHOWN: Final = 3

#: A Dice that moves less than this is called equal in the table of regions.
_EQUAL: Final = 0.005


def write_verdict(
    folder: Path,
    verdict: Verdict,
    *,
    criteria: GateCriteria,
    champion: ModelVersion,
    challenger: ModelVersion,
    cases: Sequence[GateCase],
    manifest: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``verdict.json``, ``criteria.yaml`` and ``index.html``.

    Args:
        folder: where they go; made when needed.
        verdict: the decision.
        criteria: what was asked for: the verdict's own.
        champion: the served version.
        challenger: the new one.
        cases: the locked cases, for the pictures.
        manifest: what the challenger was made of: ``cases`` with ``case_id``, ``source`` (``accepted`` or ``replay``) and
            ``label_version``. Without it the page says what the weights file says.

    Returns:
        The page.

    Raises:
        ValueError: ``criteria`` are not those that the verdict was found with.
        UnavailableError: the disk is full or cannot be written.
    """
    if criteria != verdict.criteria:
        raise ValueError("the criteria are not those that the verdict was found with")
    made = datetime.now(UTC).isoformat(timespec="seconds")
    versions = {"champion": _about(champion, verdict.champion), "challenger": _about(challenger, verdict.challenger)}
    trained = _trained_on(challenger, manifest)
    content = {"notice": RESEARCH_NOTICE, "made": made, "gliolabel": __version__, "versions": versions, "trained_on": trained}
    text = _page(verdict, champion, challenger, cases, made=made, versions=versions, trained=trained)
    write_whole(folder / "criteria.yaml", lambda path: path.write_text(criteria.as_yaml(), encoding="utf-8"))
    json_text = json.dumps({**content, **verdict.as_json()}, indent=1, allow_nan=False)
    write_whole(folder / "verdict.json", lambda path: path.write_text(json_text + "\n", encoding="utf-8"))
    page = folder / "index.html"
    write_whole(page, lambda path: path.write_text(text, encoding="utf-8"))
    return page


def _page(
    verdict: Verdict,
    champion: ModelVersion,
    challenger: ModelVersion,
    cases: Sequence[GateCase],
    *,
    made: str,
    versions: Mapping[str, Any],
    trained: Mapping[str, Any],
) -> str:
    pairs = [Pair(a, b) for a, b in zip(verdict.champion, verdict.challenger, strict=True)]
    old, new = _labels(champion, challenger)
    shown, problems = _side_by_side(pairs, verdict, cases, old=old, new=new)
    return (
        templates("gliolabel.training.gate")
        .get_template("verdict.html")
        .render(
            title=f"May {new} replace {old}?",
            notice=RESEARCH_NOTICE,
            made=made,
            gliolabel=__version__,
            verdict=verdict,
            old=old,
            new=new,
            versions=versions,
            trained=trained,
            regions=[_region(pairs, region, verdict.criteria) for region in verdict.criteria.regions],
            dice=draw_dice(pairs, verdict, champion=old, challenger=new),
            shown=shown,
            problems=problems,
            pairs=pairs,
            equal=_EQUAL,
        )
    )


def _labels(champion: ModelVersion, challenger: ModelVersion) -> tuple[str, str]:
    """What the two are called: model and version, and when that is the same for both, the beginning of the weights' SHA-256."""
    versions = champion, challenger
    old, new = (f"{version.name} {version.version}" for version in versions)
    return (old, new) if old != new else (f"{old} ({champion.sha256()[:8]})", f"{new} ({challenger.sha256()[:8]})")


def _about(version: ModelVersion, measures: Sequence[CaseMeasures]) -> dict[str, Any]:
    """What identifies a version, and where it was measured."""
    return {
        "name": version.name,
        "version": version.version,
        "recipe": version.recipe.name,
        "sha256": version.sha256(),
        "measured_on": next((one.outcome.device for one in measures if one.outcome is not None), None),
    }


def _trained_on(challenger: ModelVersion, manifest: Mapping[str, Any] | None) -> dict[str, Any]:
    """Ids of the challenger's training cases: newly accepted, replayed, and seen in earlier trainings."""
    listed = [] if manifest is None else list(manifest.get("cases", []))
    by_source: dict[str, list[str]] = {}
    for entry in listed:
        name = f"{entry['case_id']} (label {entry['label_version']})" if entry.get("label_version") else str(entry["case_id"])
        by_source.setdefault(str(entry.get("source", "accepted")), []).append(name)
    ids = {str(entry["case_id"]) for entry in listed}
    started = challenger.metadata.get("started_from")
    return {
        "accepted": sorted(by_source.get("accepted", [])),
        "replay": sorted(by_source.get("replay", [])),
        "earlier": sorted(set(challenger.metadata.get("trained_on", {})) - ids),
        "started_from": None if not started else f"{started['name']} {started['version']}",
        "steps": challenger.metadata.get("steps"),
        "code_version": challenger.metadata.get("code_version"),
    }


def _region(pairs: list[Pair], region: str, criteria: GateCriteria) -> dict[str, Any]:
    """A row of the table of regions."""
    table, _ = columns(large(pairs, region, criteria), region, "dice")
    change = table[:, 1] - table[:, 0]
    before, after = table.mean(axis=0) if len(table) else (None, None)
    return {
        "region": region,
        "meaning": REGION_NAMES[region],
        "n": len(table),
        "before": before,
        "after": after,
        "change": None if after is None else after - before,
        "better": int((change > _EQUAL).sum()),
        "worse": int((change < -_EQUAL).sum()),
    }


def _side_by_side(pairs: list[Pair], verdict: Verdict, cases: Sequence[GateCase], *, old: str, new: str) -> tuple[list[Picture], list[str]]:
    """The cases that lost most, and what is wrong with those that cannot be shown any more."""
    by_id = {case.case_id: case for case in cases}
    pictures, problems = [], []
    for pair in sorted(pairs, key=lambda pair: (_gain(pair, verdict.criteria), pair.case_id))[:SHOWN]:
        if pair.case_id not in by_id or pair.champion.mask is None or pair.challenger.mask is None:
            continue
        try:
            pictures.append(draw_side_by_side(by_id[pair.case_id].open(), pair, champion=old, challenger=new))
        except InputError as error:
            problems.append(str(error))
    return pictures, problems


def _gain(pair: Pair, criteria: GateCriteria) -> float:
    """Mean change of the Dice over the regions that are judged by it in this case."""
    tables = [columns(large([pair], region, criteria), region, "dice")[0] for region in criteria.regions]
    return float(np.mean([table[0, 1] - table[0, 0] for table in tables if len(table)] or [0.0]))
