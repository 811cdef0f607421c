"""What each series of a study is, and which of them make its case. Doubt is said, not decided."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gliolabel.dicom.rules import Condition, Conditions, Range, Recognition, Rules, SequenceName
from gliolabel.dicom.series import Series, case_id_of
from gliolabel.vocabulary import SEQUENCES

#: Series that agree in all of these are one acquisition, stored twice.
_SAME: Final[tuple[str, ...]] = ("AcquisitionDate", "AcquisitionTime", "ImageType", "EchoTime", "Orientation", "Rows", "Columns")


@dataclass(frozen=True)
class Chosen:
    """A series that is a sequence of the case.

    Args:
        series: the series.
        why: what told so.
        may_be: what it may be as well, since nothing speaks against it.
    """

    series: Series
    why: str
    may_be: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudyReading:
    """What the rules make of a study.

    Args:
        study: its StudyInstanceUID.
        chosen: the series of each sequence that is certain.
        left_out: the other series, and why.
        doubts: what a person has to decide, as sentences.
        refusal: why the study makes no case; empty when it does.
    """

    study: str
    chosen: Mapping[str, Chosen]
    left_out: tuple[tuple[Series, str], ...]
    doubts: tuple[str, ...]
    refusal: str = ""

    @property
    def case_id(self) -> str:
        """The id of its case."""
        return case_id_of(self.study)


@dataclass(frozen=True)
class _Verdict:
    sequence: str
    why: str
    may_be: tuple[str, ...] = ()


def read_study(study: str, series: Iterable[Series], rules: Rules) -> StudyReading:
    """Recognise the series of a study, and choose one for each sequence.

    Args:
        study: its StudyInstanceUID.
        series: all its series.
        rules: see :func:`~gliolabel.dicom.rules.load_rules`.
    """
    found = sorted(series, key=lambda one: (one.number is None, one.number or 0, one.uid, one.echo))
    decided = rules.studies.get(case_id_of(study), {})
    named = {number for number in decided.values() if number is not None}
    left_out: list[tuple[Series, str]] = []
    doubts: list[str] = []
    candidates: list[tuple[Series, _Verdict]] = []
    unclear: list[tuple[Series, tuple[_Verdict, _Verdict]]] = []
    for one in _without_copies(found, left_out):
        if one.number in named:
            continue
        reason = _reason_against(one, rules)
        verdict = None if reason else _recognise(one, rules)
        if isinstance(verdict, tuple):
            unclear.append((one, verdict))
            left_out.append((one, f"{verdict[0].why} say {verdict[0].sequence}, {verdict[1].why} says {verdict[1].sequence}"))
        elif verdict is None:
            left_out.append((one, reason or "neither its tags nor its description tell a sequence"))
        elif verdict.sequence in decided:
            left_out.append((one, f"{verdict.sequence}, but the rule file names another"))
        else:
            candidates.append((one, verdict))
    chosen = _decided(found, decided, doubts)
    groups = _choose_group(candidates, rules, left_out, doubts, anchor=next((c.series.frame for c in chosen.values()), None))
    for sequence, members in groups.items():
        best = _choose(sequence, members, rules, left_out, doubts, recognised=groups.keys())
        if best is not None:
            chosen[sequence] = best
    for one, verdicts in unclear:
        if any(verdict.sequence not in chosen for verdict in verdicts):
            told = f"{verdicts[0].why} say {verdicts[0].sequence}, {verdicts[1].why} says {verdicts[1].sequence}"
            doubts.append(f"{one.name}: {told}, so it is not used. The rule file can say which is right")
    ordered = {sequence: chosen[sequence] for sequence in SEQUENCES if sequence in chosen}
    return StudyReading(study, ordered, tuple(left_out), tuple(doubts), "" if ordered else _refusal(found, doubts))


def _reason_against(series: Series, rules: Rules) -> str:
    if not series.is_mr:
        modality = series.tags.get("Modality", "")
        return f"modality {modality or 'not given'}" if modality != "MR" else "is an MR object, but no MR image"
    for rule in rules.leave_out:
        if _holds(rule.when, series):
            return rule.reason
    if not series.slices and series.problem:
        return series.problem
    return f"only {series.slices} slices" if series.slices < rules.fewest_slices else ""


def _recognise(series: Series, rules: Rules) -> _Verdict | tuple[_Verdict, _Verdict] | None:
    """The sequence, or two verdicts that contradict each other, or None."""
    tags = _first(rules.by_tags, series, rules, why="its tags")
    words = _first(rules.by_description, series, rules, why="its description", told_by_words=True)
    if tags is None or words is None:
        return tags or words
    if tags.sequence == words.sequence:
        return replace(tags, why="its tags and description", may_be=tuple(one for one in tags.may_be if one in words.may_be))
    if words.sequence in tags.may_be:
        return replace(words, why="its tags and description")
    if tags.sequence in words.may_be:
        return replace(tags, why="its tags and description")
    return tags, words


def _first(among: Sequence[Recognition], series: Series, rules: Rules, *, why: str, told_by_words: bool = False) -> _Verdict | None:
    for rule in among:
        if not _holds(rule.when, series):
            continue
        if not told_by_words and rule.with_contrast and _holds(rules.contrast, series):
            return _Verdict(rule.with_contrast, why)
        return _Verdict(rule.sequence, why, rule.may_be)
    return None


def _choose_group(
    candidates: Sequence[tuple[Series, _Verdict]],
    rules: Rules,
    left_out: list[tuple[Series, str]],
    doubts: list[str],
    *,
    anchor: str | None,
) -> dict[str, list[Chosen]]:
    """The candidates by sequence, of one frame of reference: the one that has most sequences, t1ce among them where that is equal."""
    frames: dict[str, dict[str, list[Chosen]]] = {}
    for series, verdict in candidates:
        frame = "" if rules.frames == "together" else series.frame
        frames.setdefault(frame, {}).setdefault(verdict.sequence, []).append(Chosen(series, verdict.why, verdict.may_be))
    if not frames:
        return {}
    main = anchor if anchor in frames else max(frames, key=lambda frame: (len(frames[frame]), "t1ce" in frames[frame]))
    for frame, others in frames.items():
        for sequence, members in others.items() if frame != main else ():
            left_out += [(one.series, f"{sequence}, but in another frame of reference") for one in members]
            if sequence not in frames[main]:
                doubts.append(
                    f"{sequence}: {_names(members)} lies in another frame of reference than the rest, so it is not used. Where they "
                    "are registered, the rule file can say `frames: together`"
                )
    return frames[main]


def _choose(
    sequence: str,
    members: Sequence[Chosen],
    rules: Rules,
    left_out: list[tuple[Series, str]],
    doubts: list[str],
    *,
    recognised: Collection[str],
) -> Chosen | None:
    """The preferred candidate; None when several are equal or none can be read. ``recognised``: all sequences that have candidates."""
    readable = [one for one in members if not one.series.problem]
    left_out += [(one.series, f"{sequence}, but {one.series.problem}") for one in members if one.series.problem]
    if not readable:
        doubts += [f"{sequence}: {one.series.name} cannot be used: {one.series.problem}" for one in members]
        return None
    why = ""
    # Of two T1 series and no T1ce, one may be after contrast: no preference for 3-D tells which.
    unclear = len(readable) > 1 and any(other not in recognised for one in readable for other in one.may_be)
    for preference in () if unclear else rules.prefer:
        better = [one for one in readable if _holds(preference.when, one.series)]
        if better and len(better) < len(readable):
            left_out += [(one.series, f"{sequence}, not {preference.reason}") for one in readable if one not in better]
            why += f", {preference.reason}"
            readable = better
    if len(readable) == 1:
        return Chosen(readable[0].series, readable[0].why + why)
    left_out += [(one.series, f"{sequence}, one of {len(readable)} candidates") for one in readable]
    doubts.append(f"{len(readable)} candidates for {sequence}: {_names(readable)}; none is used. The rule file can say which")
    return None


def _decided(found: Sequence[Series], decided: Mapping[SequenceName, int | None], doubts: list[str]) -> dict[str, Chosen]:
    """What the rule file says of this study."""
    chosen: dict[str, Chosen] = {}
    for sequence, number in decided.items():
        if number is None:
            continue
        named = [one for one in found if one.number == number]
        if len(named) == 1 and not named[0].problem:
            chosen[sequence] = Chosen(named[0], "the rule file")
        else:
            what = named[0].problem if len(named) == 1 else f"there are {len(named)} of that number"
            doubts.append(f"{sequence}: the rule file names series {number}, which cannot be used: {what}")
    return chosen


def _without_copies(found: Sequence[Series], left_out: list[tuple[Series, str]]) -> list[Series]:
    """The series without those that hold the same acquisition as one before."""
    kept: dict[tuple[object, ...], Series] = {}
    for one in found:
        mark: tuple[object, ...] = (one.uid, one.echo)
        if one.tags.get("AcquisitionTime"):
            mark = (one.frame, one.slices, one.echo, one.value("Description"), *(one.tags.get(keyword, "") for keyword in _SAME))
        if mark in kept:
            left_out.append((one, f"a copy of {kept[mark].name}"))
        else:
            kept[mark] = one
    return list(kept.values())


def _refusal(found: Sequence[Series], doubts: Sequence[str]) -> str:
    modalities = sorted({one.tags.get("Modality", "?") for one in found})
    if not any(one.is_mr for one in found):
        return f"holds no MR images ({', '.join(modalities) or 'nothing'}), expected t1, t1ce, t2 or flair of a head"
    if doubts:
        return "no sequence is certain: " + "; ".join(doubts)
    return f"none of its {len(found)} series is recognised as t1, t1ce, t2 or flair. `gliolabel doctor` lists them with the reasons"


def _names(members: Sequence[Chosen]) -> str:
    return ", ".join(one.series.name for one in members)


def _holds(conditions: Conditions, series: Series) -> bool:
    return all(_fulfils(series.value(keyword), condition) for keyword, condition in conditions.items())


def _fulfils(value: str, condition: Condition) -> bool:
    number = _number(value)
    if isinstance(condition, bool):
        return (bool(value) and number != 0.0) is condition
    if isinstance(condition, Range):
        return (
            number is not None
            and (condition.at_least is None or number >= condition.at_least)
            and (condition.below is None or number < condition.below)
        )
    return bool(value) and any(re.search(expression, value, re.IGNORECASE) for expression in condition)


def _number(value: str) -> float | None:
    try:
        return float(value.partition("\\")[0])
    except ValueError:
        return None
