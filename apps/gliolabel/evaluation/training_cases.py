"""Whether a model has seen a case in training: by the checksums of its images, and by its id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gliolabel.evaluation.cases import LabelledCase
from gliolabel.recipes import ModelVersion


def seen_in_training(version: ModelVersion, cases: Iterable[LabelledCase], digests: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Ids of the cases that a model was trained on.

    A case counts when an image file of it is, byte for byte, one of the training images (whatever it is called now), or when it has the
    id of a training case (whatever its bytes: the same head may have been compressed anew).

    Args:
        version: the model; its metadata lists ``trained_on``.
        cases: the cases to look at.
        digests: SHA-256 by role, by case id.
    """
    trained_on: Mapping[str, Mapping[str, str]] = version.metadata.get("trained_on", {})
    images = {digest for files in trained_on.values() for digest in files.values()}
    return [case.id for case in cases if case.id in trained_on or images & set(digests.get(case.id, {}).values())]
