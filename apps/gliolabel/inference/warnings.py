"""Sentences that tell a reader what a result was made from, when it was not made from everything, and what in it to doubt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from torch import Tensor

from gliolabel.vocabulary import LABELS, SEQUENCES

#: Below this, enhancing tumor is doubted. On twelve held-out cases of three folds, masks of it that were right for more than half of
#: their voxels had 1.7 and more; those that were not, 1.3 and less, most of them of low-grade tumours that hardly enhance.
FAINT: Final = 1.5
#: Fewer voxels say nothing.
_FEW: Final = 50
_MAD_TO_STD: Final = 1.4826  # of a normal distribution


def missing_sequences(present: Sequence[str]) -> list[str]:
    """One sentence naming the sequences that were missing, or nothing.

    Args:
        present: the sequences that the case has.
    """
    missing = [name for name in SEQUENCES if name not in present]
    if not missing:
        return []
    return [
        f"{', '.join(missing)} missing: segmented from {', '.join(present)} alone, which is less accurate "
        "(the model card gives the accuracy without each sequence)"
    ]


def faint_enhancement(image: Tensor, brain: Tensor, labels: Tensor, *, present: Sequence[str]) -> list[str]:
    """One sentence if what the mask calls enhancing tumor is hardly brighter than the brain beside the tumour, or nothing.

    Networks that saw few low-grade tumours expect enhancement where there is none. Contrast agent is seen in the image itself: the median
    of the enhancing tumor on contrast-enhanced T1, in robust standard deviations above the median of the brain outside of the mask.

    Args:
        image: float (4, d, h, w) in the channel order of ``SEQUENCES``; any linear scale.
        brain: boolean (d, h, w).
        labels: whole numbers (d, h, w), values of ``LABELS``.
        present: the sequences that the case has; without ``t1ce`` there is nothing to see.
    """
    enhancing, normal = labels == LABELS["enhancing tumor"], brain & (labels == 0)
    if "t1ce" not in present or int(enhancing.sum()) < _FEW or not bool(normal.any()):
        return []
    contrast = image[SEQUENCES.index("t1ce")]
    beside = contrast[normal]
    middle = beside.median()
    spread = _MAD_TO_STD * float((beside - middle).abs().median())
    above = float(contrast[enhancing].median() - middle) / max(spread, 1e-6)
    if above >= FAINT:
        return []
    return [
        f"enhancing tumor is hardly brighter on t1ce than this patient's brain beside the tumour ({above:.1f} standard deviations; "
        f"{FAINT:g} and more is usual): the tumour may enhance less than the mask says, or not at all"
    ]
