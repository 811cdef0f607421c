"""What ``gliolabel evaluate`` tests: which cases, which models, where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gliolabel.cli import console
from gliolabel.errors import InputError

if TYPE_CHECKING:
    from gliolabel.evaluation.cases import LabelledCase
    from gliolabel.evaluation.running import ModelUnderTest
    from gliolabel.recipes import ModelVersion
    from gliolabel.studies import Studies

#: Cases named in a message before "...".
_EXAMPLES = 3


def check_device(device: str) -> None:
    """See that a device exists, before anything is read.

    Raises:
        InputError: it does not.
    """
    import torch

    if not device:
        return
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise InputError(f"--device {device}: is no device; expected cpu, cuda or cuda:N") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError(
            f"--device {device}: there is no GPU that PyTorch can use. `gliolabel doctor` says why; --device cpu works everywhere."
        )


def choose_cases(store: Studies, *, named: Sequence[str], splits: Path | None, part: str) -> list[LabelledCase]:
    """The labelled cases to test on, by id.

    Args:
        store: the study folder.
        named: ids on the command line; none: all.
        splits: a ``split.json``, to take only one part of.
        part: which.

    Raises:
        InputError: a case has no label, is not there, or none is left.
    """
    from gliolabel.evaluation.cases import VolumeCase
    from gliolabel.evaluation.files import Digests
    from gliolabel.evaluation.splits import read_part

    wanted = list(named)
    if splits is not None:
        ids = read_part(splits, part)
        missing = sorted(set(ids) - set(store.ids))
        if missing:
            raise InputError(f"--splits {splits}: {len(missing)} cases of {part} are not in {store.path}: {_few(missing)}")
        wanted = [case_id for case_id in ids if not named or case_id in named]
        if not wanted:
            raise InputError(f"--case {_few(named)}: not in the part {part} of {splits}")
    cases = [store.get(case_id) for case_id in dict.fromkeys(wanted)] if wanted else list(store)
    without = [case.id for case in cases if case.label is None]
    if without and wanted:
        raise InputError(f"case {_few(without)}: has no label; a test needs one. Leave it out, or add its label.")
    if without:
        console.note(f"{len(without)} of {len(cases)} cases have no label and are passed over: {_few(without)}")
    labelled = [case for case in cases if case.label is not None]
    if not labelled:
        raise InputError(f"--studies {store.path}: no labelled case found. {store.describe()}")
    files = Digests()
    return [VolumeCase(case, files) for case in sorted(labelled, key=lambda case: case.id)]


def digests_of(cases: Sequence[LabelledCase], *, shown: bool) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """SHA-256 of each case's files by role, and what is wrong with the cases that cannot be read; with a progress bar if ``shown``."""
    digests: dict[str, dict[str, str]] = {}
    unreadable: dict[str, str] = {}
    with console.progress_bar(shown=shown) as bar:
        task = bar.add_task("checking files", total=len(cases))
        for case in cases:
            try:
                digests[case.id] = dict(case.digests())
            except InputError as error:
                unreadable[case.id] = f"case {case.id}: {error}"
            bar.advance(task)
    return digests, unreadable


def open_models(
    versions: Sequence[ModelVersion],
    cases: Sequence[LabelledCase],
    digests: dict[str, dict[str, str]],
    *,
    output: Path,
    device: str,
    allow: bool,
) -> list[ModelUnderTest]:
    """The models, ready to be tested.

    Args:
        versions: which.
        cases: what they will be tested on.
        digests: of the cases' files.
        output: the folder that keeps finished cases.
        device: where to run, or nothing.
        allow: cases of a model's training are allowed, with a warning.

    Raises:
        InputError: a model was trained on one of the cases, is named twice, or cannot be tested.
    """
    from gliolabel.evaluation.kept import KeptOutcomes
    from gliolabel.evaluation.predictors import open_predictor
    from gliolabel.evaluation.running import ModelUnderTest
    from gliolabel.evaluation.training_cases import seen_in_training

    hashes = [version.sha256() for version in versions]
    if len(set(hashes)) < len(hashes):
        raise InputError("--model: the same weights are named twice; name each model once")
    names = [f"{version.name} {version.version}" for version in versions]
    # Two trainings may carry the same name and version: then the weights tell them apart.
    names = [name if names.count(name) == 1 else f"{name} ({digest[:8]})" for name, digest in zip(names, hashes, strict=True)]
    seen = [seen_in_training(version, cases, digests) for version in versions]
    for name, known in zip(names, seen, strict=True):
        if known and not allow:
            raise InputError(
                f"model {name} was trained on {len(known)} of the {len(cases)} cases ({_few(known)}): its numbers on them say "
                "nothing about new patients. Choose others with --case or --splits; with --allow-training-cases every table says so."
            )
        if known:
            console.warning(
                f"{name} was trained on {len(known)} of the {len(cases)} cases: its numbers are too high, and every table says so."
            )
    return [
        ModelUnderTest(
            label=name,
            sha256=digest,
            predictor=open_predictor(version, device=device or None),
            kept=KeptOutcomes(output / "cases" / f"{version.name}-{digest[:12]}"),
            seen=frozenset(known),
        )
        for name, digest, version, known in zip(names, hashes, versions, seen, strict=True)
    ]


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_EXAMPLES])
    return shown + (", ..." if len(names) > _EXAMPLES else "")
