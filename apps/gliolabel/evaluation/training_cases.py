"""Whether a model has seen a case in training: by the checksums of its images, and by its id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gliolabel.evaluation.cases import LabelledCase
from gliolabel.recipes import ModelVersion

#: Share of a case's image files that makes it a training case.
_SHARE: Final = 0.25


def seen_in_training(version: ModelVersion, cases: Iterable[LabelledCase], digests: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Ids of the cases that a model was trained on.

    A case counts when at least a quarter of its image files are, byte for byte, training images (whatever they are called now), or when
    it has the id of a training case (whatever its bytes: the same head may have been compressed anew). A quarter is one of four
    sequences; of a stack of slices, a few wholly black ones that look alike in every head are less.

    Args:
        version: the model; its metadata lists ``trained_on``.
        cases: the cases to look at.
        digests: SHA-256 by role, by case id.
    """
    trained_on: Mapping[str, Mapping[str, str]] = version.metadata.get("trained_on", {})
    images = {digest for files in trained_on.values() for digest in files.values()}
    return [case.id for case in cases if case.id in trained_on or _share(digests.get(case.id, {}), images) >= _SHARE]


def _share(digests: Mapping[str, str], images: set[str]) -> float:
    own = [digest for role, digest in digests.items() if not role.startswith("label")]
    return sum(digest in images for digest in own) / max(1, len(own))
