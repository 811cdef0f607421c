"""Which models ``gliolabel evaluate`` tests, and where; what they have seen before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gliolabel.cli import console
from gliolabel.cli.evaluation_cases import few
from gliolabel.errors import InputError

if TYPE_CHECKING:
    from gliolabel.evaluation.cases import LabelledCase
    from gliolabel.evaluation.running import ModelUnderTest
    from gliolabel.recipes import ModelVersion


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

    labels = label_versions(versions)
    seen = [check_unseen(label, version, cases, digests, allow=allow) for (label, _), version in zip(labels, versions, strict=True)]
    return [
        ModelUnderTest(
            label=label,
            sha256=digest,
            predictor=open_predictor(version, device=device or None),
            kept=KeptOutcomes(output / "cases" / f"{version.name}-{digest[:12]}"),
            seen=frozenset(known),
        )
        for (label, digest), version, known in zip(labels, versions, seen, strict=True)
    ]


def label_versions(versions: Sequence[ModelVersion]) -> list[tuple[str, str]]:
    """How each model is called in tables, and the SHA-256 of its weights.

    Raises:
        InputError: the same weights are there twice.
    """
    hashes = [version.sha256() for version in versions]
    if len(set(hashes)) < len(hashes):
        raise InputError("--model: the same weights are named twice; name each model once")
    names = [f"{version.name} {version.version}" for version in versions]
    # Two trainings may carry the same name and version: then the weights tell them apart.
    return [(n if names.count(n) == 1 else f"{n} ({digest[:8]})", digest) for n, digest in zip(names, hashes, strict=True)]


def check_unseen(
    label: str, version: ModelVersion, cases: Sequence[LabelledCase], digests: Mapping[str, Mapping[str, str]], *, allow: bool
) -> list[str]:
    """Ids of the cases that a model was trained on; with a warning where that is allowed.

    Args:
        label: how the model is called.
        version: the model.
        cases: what it will be tested on.
        digests: of the cases' files.
        allow: such cases are allowed.

    Raises:
        InputError: there are such cases, and they are not allowed.
    """
    from gliolabel.evaluation.training_cases import seen_in_training

    known = seen_in_training(version, cases, digests)
    if known and not allow:
        raise InputError(
            f"model {label} was trained on {len(known)} of the {len(cases)} cases ({few(known)}): its numbers on them say "
            "nothing about new patients. Choose others with --case or --splits; with --allow-training-cases every table says so."
        )
    if known:
        console.warning(
            f"{label} was trained on {len(known)} of the {len(cases)} cases: its numbers are too high, and every table says so."
        )
    return known
