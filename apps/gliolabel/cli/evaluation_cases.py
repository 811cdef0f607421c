"""Which cases ``gliolabel evaluate`` tests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gliolabel.cli import console
from gliolabel.errors import InputError

if TYPE_CHECKING:
    from gliolabel.evaluation.cases import LabelledCase
    from gliolabel.recipes import ModelVersion

#: Cases named in a message before "...".
_EXAMPLES = 3


@dataclass(frozen=True)
class Available:
    """What a study folder holds.

    Args:
        folder: the study folder.
        labelled: cases with a label, by id.
        unlabelled: ids of the others.
        layout: what was found, in words.
        problems: what is wrong with single files.
    """

    folder: Path
    labelled: Mapping[str, LabelledCase]
    unlabelled: tuple[str, ...]
    layout: str
    problems: tuple[str, ...] = ()


def open_cases(folder: Path, versions: Sequence[ModelVersion], *, labels: str | None) -> Available:
    """List a study folder in the layout that the models' recipes read: volumes, or stacks of slices.

    Args:
        folder: the study folder.
        versions: the models.
        labels: numbering of the labels, if the layout does not tell.

    Raises:
        InputError: there is no such folder, or the models read different layouts.
    """
    from gliolabel.evaluation.cases import VolumeCase
    from gliolabel.evaluation.files import Digests
    from gliolabel.evaluation.stacks import open_stacks
    from gliolabel.studies import open_studies

    if not folder.is_dir():
        raise InputError(f"--studies {folder}: there is no such folder. Name the folder that holds the cases.")
    layouts = {version.recipe.data.layout: f"{version.name} {version.version}" for version in versions}
    if len(layouts) > 1:
        raise InputError(
            f"--model: {layouts['lgg']} reads stacks of slices, {layouts['brats']} volumes: no case suits both. Test them apart."
        )
    if "lgg" in layouts:
        stacks = open_stacks(folder)
        return Available(
            folder=folder,
            labelled={stack.id: stack for stack in stacks if stack.labelled},
            unlabelled=tuple(stack.id for stack in stacks if not stack.labelled),
            layout="stacks of slices",
        )
    store, files = open_studies(folder, labels=labels), Digests()
    return Available(
        folder=folder,
        labelled={case.id: VolumeCase(case, files) for case in store if case.label is not None},
        unlabelled=tuple(case.id for case in store if case.label is None),
        layout=store.layout,
        problems=tuple(problem.message for problem in store.problems),
    )


def choose_cases(there: Available, *, named: Sequence[str], splits: Path | None, part: str) -> list[LabelledCase]:
    """The labelled cases to test on, by id.

    Args:
        there: the study folder.
        named: ids on the command line; none: all.
        splits: a ``split.json``, to take only one part of.
        part: which.

    Raises:
        InputError: a case has no label, is not there, or none is left.
    """
    from gliolabel.evaluation.splits import read_part

    wanted = list(named)
    known = {*there.labelled, *there.unlabelled}
    if splits is not None:
        ids = read_part(splits, part)
        if missing := sorted(set(ids) - known):
            raise InputError(f"--splits {splits}: {len(missing)} cases of {part} are not in {there.folder}: {few(missing)}")
        wanted = [case_id for case_id in ids if not named or case_id in named]
        if not wanted:
            raise InputError(f"--case {few(named)}: not in the part {part} of {splits}")
    if missing := sorted(set(wanted) - known):
        raise InputError(f"--case {few(missing)}: not in {there.folder}, which holds {len(known)} cases: {few(sorted(known))}")
    if without := [case_id for case_id in wanted if case_id in there.unlabelled]:
        raise InputError(f"case {few(without)}: has no label; a test needs one. Leave it out, or add its label.")
    if there.unlabelled and not wanted:
        console.note(f"{len(there.unlabelled)} of {len(known)} cases have no label and are passed over: {few(there.unlabelled)}")
    if not there.labelled:
        raise InputError(
            f"--studies {there.folder}: no labelled case found. `gliolabel doctor --studies {there.folder}` says what was looked for."
        )
    return [there.labelled[case_id] for case_id in sorted(set(wanted) or there.labelled)]


def few(names: Sequence[str]) -> str:
    """The first of these ids, for a message."""
    shown = ", ".join(names[:_EXAMPLES])
    return shown + (", ..." if len(names) > _EXAMPLES else "")
