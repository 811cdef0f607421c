"""Which model ``gliolabel evaluate --uncertainty`` tests on which cases: one on all, or several folds, each on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gliolabel.cli.evaluation_cases import few
from gliolabel.errors import InputError

if TYPE_CHECKING:
    from gliolabel.cli.evaluation_cases import Available
    from gliolabel.evaluation.cases import LabelledCase
    from gliolabel.evaluation.uncertainty.running import HeldOut
    from gliolabel.recipes import ModelVersion


def held_out_cases(versions: Sequence[ModelVersion], there: Available, *, named: Sequence[str]) -> list[list[LabelledCase]]:
    """The cases of each fold: those that its weights file names as held out.

    Args:
        versions: the folds' models.
        there: the study folder.
        named: only these of them; none: all.

    Raises:
        InputError: the weights are of different models, name no held-out case or one twice, or a case has no label or is not there.
    """
    if len(names := sorted({version.name for version in versions})) > 1:
        raise InputError(f"--fold-weights: are of different models ({', '.join(names)}); a cross-validation is of one")
    folds: list[list[LabelledCase]] = []
    whose: dict[str, Path] = {}
    for version in versions:
        ids = [str(case_id) for case_id in version.metadata.get("held_out", [])]
        if not ids:
            raise InputError(
                f"--fold-weights {version.path}: {version.name} {version.version} was trained on every case it knows, so there is none to "
                "test it on. Train with --fold or --hold-out."
            )
        for case_id in ids:
            if case_id in whose:
                raise InputError(f"--fold-weights {version.path}: case {case_id} is held out by {whose[case_id]} too; name each fold once")
            whose[case_id] = version.path
        wanted = [case_id for case_id in ids if not named or case_id in named]
        if missing := [case_id for case_id in wanted if case_id not in there.labelled]:
            raise InputError(
                f"--fold-weights {version.path}: {len(missing)} of its {len(ids)} held-out cases are not in {there.folder}, or have no "
                f"label there: {few(missing)}"
            )
        folds.append([there.labelled[case_id] for case_id in sorted(wanted)])
    if missing := sorted(set(named) - set(whose)):
        raise InputError(f"--case {few(missing)}: none of the --fold-weights holds it out")
    return folds


def open_parts(
    versions: Sequence[ModelVersion],
    cases: Sequence[Sequence[LabelledCase]],
    digests: Mapping[str, Mapping[str, str]],
    *,
    output: Path,
    device: str,
    allow: bool,
) -> list[HeldOut]:
    """The models, ready to be tested, each with its cases.

    Args:
        versions: which.
        cases: what each is tested on.
        digests: SHA-256 of the files of the cases that can be read; the others are left out.
        output: the folder that keeps finished cases.
        device: where to run, or nothing.
        allow: cases of a model's training are allowed, with a warning.

    Raises:
        InputError: a model was trained on one of its cases, or has no passes to take.
    """
    from gliolabel.cli.evaluation_choice import check_unseen, label_versions
    from gliolabel.evaluation.predictors import is_product_model
    from gliolabel.evaluation.uncertainty.outcome import KeptUncertainty
    from gliolabel.evaluation.uncertainty.running import HeldOut
    from gliolabel.inference import Segmenter

    for version in versions:
        if not is_product_model(version):
            raise InputError(
                f"model {version.name} {version.version}: recipe {version.recipe.name} is one of a report; --uncertainty tests the "
                "product's models, which give the three regions"
            )
        if not any(version.recipe.network.dropout):
            raise InputError(
                f"model {version.name} {version.version}: has no dropout, so its passes are all alike. Train with network.dropout."
            )
    parts = []
    for version, own, (label, digest) in zip(versions, cases, label_versions(versions), strict=True):
        known = check_unseen(label, version, own, digests, allow=allow)
        parts.append(
            HeldOut(
                label=label,
                sha256=digest,
                segmenter=Segmenter(version, device=device or None),
                cases=tuple(case for case in own if case.id in digests),
                kept=KeptUncertainty(output / "cases" / f"{version.name}-{digest[:12]}" / "uncertainty"),
                seen=frozenset(known),
            )
        )
    return parts
