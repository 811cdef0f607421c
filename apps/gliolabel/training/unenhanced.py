"""Tumours without enhancement, made of those that enhance: few cases show a network that the one goes without the other."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from gliolabel.vocabulary import LABELS, SEQUENCES

_T1, _T1CE = SEQUENCES.index("t1"), SEQUENCES.index("t1ce")
_NECROSIS, _ENHANCING = LABELS["necrosis"], LABELS["enhancing tumor"]

#: Voxels over which the tumour's edge is blended, so that the network finds no seam to learn.
_BLEND = 5


def without_enhancement(image: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Show a tumour as if it took up no contrast agent.

    Contrast-enhanced T1 takes the values of T1 within the tumour, and enhancing tumor becomes necrosis, which in BraTS's numbering
    is the core that does not enhance. The whole tumour and its core stay as they are. Both sequences have to be normalised
    alike; a patch where one of them is missing stays unchanged.

    Args:
        image: float32 (4, *space), normalised, 0 outside the brain.
        label: uint8 (*space), classes 0..3.

    Returns:
        A new image and a new label.
    """
    if not (image[_T1].any() and image[_T1CE].any()):
        return image, label
    pool = F.avg_pool2d if label.ndim == 2 else F.avg_pool3d
    share = pool((label > 0).float()[None, None], _BLEND, stride=1, padding=_BLEND // 2, count_include_pad=False)[0, 0]
    changed = image.clone()
    changed[_T1CE] = torch.lerp(image[_T1CE], image[_T1], share)
    return changed, torch.where(label == _ENHANCING, torch.full_like(label, _NECROSIS), label)
