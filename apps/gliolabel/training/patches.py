"""Cutting training patches out of prepared cases, turned, zoomed and flipped at random in one interpolation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from gliolabel.inference.volume_pass import PLANES
from gliolabel.recipes.schema import PatchAugmentation, PatchSampling
from gliolabel.training.cases import TrainingCase
from gliolabel.training.unenhanced import without_enhancement


def draw_batch(
    cases: Sequence[TrainingCase],
    *,
    sampling: PatchSampling,
    augmentation: PatchAugmentation,
    generator: torch.Generator,
    weights: Tensor | None = None,
) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Draw one batch of patches.

    Args:
        cases: where patches are cut from.
        sampling: patch size, batch size, planes.
        augmentation: ranges of rotation, zoom and flips.
        generator: source of all randomness.
        weights: float (cases,), how often each case is drawn in proportion to the others; None: all equally often.

    Returns:
        images float32 (batch, 4, *patch), labels uint8 (batch, *patch), and the case of each patch.
    """
    images, labels, names = [], [], []
    for _ in range(sampling.batch_size):
        case = cases[_integer(len(cases), generator) if weights is None else int(torch.multinomial(weights, 1, generator=generator))]
        centre = _centre(case, sampling.tumour_share, generator)
        if len(sampling.patch) == 2:
            axis, order = PLANES[sampling.planes[_integer(len(sampling.planes), generator)]]
            volume = case.prepared.image.select(axis + 1, int(centre[axis])).permute(0, 1 + order[0], 1 + order[1])
            label = case.label.select(axis, int(centre[axis])).permute(order)
            rest = [int(centre[a]) for a in range(3) if a != axis]
            point = [rest[order[0]], rest[order[1]]]
        else:
            volume, label, point = case.prepared.image, case.label, [int(c) for c in centre]
        image, target = _cut(volume, label, point, patch=sampling.patch, augmentation=augmentation, generator=generator)
        # Nothing is drawn for a share of 0, so that other recipes' patches stay the same.
        if augmentation.unenhanced_share and float(torch.rand((), generator=generator)) < augmentation.unenhanced_share:
            image, target = without_enhancement(image, target)
        images.append(image)
        labels.append(target)
        names.append(case.id)
    return torch.stack(images), torch.stack(labels), tuple(names)


def _centre(case: TrainingCase, tumour_share: float, generator: torch.Generator) -> Tensor:
    wants_tumour = float(torch.rand((), generator=generator)) < tumour_share and len(case.tumour) > 0
    candidates = case.tumour if wants_tumour else case.inside
    return candidates[_integer(len(candidates), generator)]


def _cut(
    volume: Tensor, label: Tensor, point: list[int], *, patch: Sequence[int], augmentation: PatchAugmentation, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    dims = len(patch)
    size = torch.tensor(volume.shape[1:], dtype=torch.float32)
    target = torch.tensor(patch, dtype=torch.float32)
    # Where the volume fits into the patch it is centred, jittered; else the patch is centred on the point, jittered, and kept
    # inside the volume.
    jitter = (torch.rand(dims, generator=generator) - 0.5) * target * 0.3
    slack = (size - target).clamp(min=0) / 2
    centre = (torch.tensor(point, dtype=torch.float32) + jitter - size / 2).clamp(-slack, slack) + size / 2
    centre = torch.where(size <= target, size / 2 + jitter * 0.3, centre)
    linear = _random_linear(dims, augmentation, generator)
    # grid_sample's coordinates run from -1 to 1 and in reverse axis order (x, y, z).
    matrix = (linear * target[None, :] / size[:, None]).flip(0, 1)
    shift = (2 * centre / size - 1).flip(0)
    theta = torch.cat([matrix, shift[:, None]], dim=1)[None]
    grid = F.affine_grid(theta, [1, 1, *patch], align_corners=False)
    image = F.grid_sample(volume[None].float(), grid, mode="bilinear", align_corners=False)[0]
    cut = F.grid_sample(label[None, None].float(), grid, mode="nearest", align_corners=False)[0, 0]
    return image, cut.to(torch.uint8)


def _random_linear(dims: int, augmentation: PatchAugmentation, generator: torch.Generator) -> Tensor:
    low, high = augmentation.zoom
    matrix = torch.eye(dims) / (low + (high - low) * float(torch.rand((), generator=generator)))
    for first in range(dims):
        for second in range(first + 1, dims):
            angle = math.radians(augmentation.rotate_degrees) * (2 * float(torch.rand((), generator=generator)) - 1)
            rotation = torch.eye(dims)
            rotation[first, first] = rotation[second, second] = math.cos(angle)
            rotation[first, second], rotation[second, first] = -math.sin(angle), math.sin(angle)
            matrix = matrix @ rotation
    flips = 1 - 2 * (torch.rand(dims, generator=generator) < augmentation.flip).float()
    return matrix * flips[None, :]


def _integer(below: int, generator: torch.Generator) -> int:
    return int(torch.randint(below, (), generator=generator))
