"""Whether a model has seen a case in training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gliolabel.evaluation.cases import LabelledCase
from gliolabel.recipes import ModelVersion
from gliolabel.recipes.training_list import TrainingList


def seen_in_training(version: ModelVersion, cases: Iterable[LabelledCase], digests: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Ids of the cases that a model was trained on, see :meth:`TrainingList.has`.

    Args:
        version: the model; its metadata lists ``trained_on``.
        cases: the cases to look at.
        digests: SHA-256 by role, by case id.
    """
    seen = TrainingList.of([version])
    return [case.id for case in cases if seen.has(case.id, _images(digests.get(case.id, {})))]


def _images(digests: Mapping[str, str]) -> list[str]:
    return [digest for role, digest in digests.items() if not role.startswith("label")]
