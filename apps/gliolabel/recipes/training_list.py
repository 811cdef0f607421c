"""What models have seen in training: by the checksums of the images, and by the ids of the cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from gliolabel.recipes.model_version import ModelVersion

#: Share of a case's image files that makes it a training case.
_SHARE: Final = 0.25


@dataclass(frozen=True)
class TrainingList:
    """The training lists of weights files.

    Args:
        case_ids: ids of training cases.
        images: SHA-256 of training images.
    """

    case_ids: frozenset[str]
    images: frozenset[str]

    @classmethod
    def of(cls, versions: Iterable[ModelVersion]) -> TrainingList:
        """What any of these has seen."""
        lists: list[Mapping[str, Mapping[str, str]]] = [version.metadata.get("trained_on", {}) for version in versions]
        case_ids = frozenset(case_id for trained_on in lists for case_id in trained_on)
        images = frozenset(digest for trained_on in lists for files in trained_on.values() for digest in files.values())
        return cls(case_ids, images)

    def has(self, case_id: str, digests: Iterable[str]) -> bool:
        """Whether a case was trained on.

        It was when at least a quarter of its image files are, byte for byte, training images (whatever they are called now), or when it
        has the id of a training case (whatever its bytes: the same head may have been compressed anew). A quarter is one of four
        sequences; of a stack of slices, a few wholly black ones that look alike in every head are less.

        Args:
            case_id: the case.
            digests: SHA-256 of its image files, without its label.
        """
        own = list(digests)
        return case_id in self.case_ids or sum(digest in self.images for digest in own) >= max(1.0, _SHARE * len(own))
