"""Segmenting a 4-D volume within a MONAI bundle. This file and what it imports are copied into the bundle's ``scripts/``."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.data.meta_tensor import MetaTensor
from monai.inferers.inferer import Inferer
from torch import Tensor

from gliolabel.errors import InputError
from gliolabel.inference.precision import best_precision
from gliolabel.inference.volume_pass import slices_2d, whole_volume_3d, windows_3d
from gliolabel.networks.base import SegmentationNetwork
from gliolabel.networks.folding import fold_batch_norms
from gliolabel.preprocessing.prepare import prepare
from gliolabel.studies.grid import Grid
from gliolabel.studies.images import CaseImages
from gliolabel.vocabulary import SEQUENCES

#: Edge lengths of windows, largest first, when a GPU has no room for the whole volume.
_WINDOWS = (128, 96, 64)


class CaseInferer(Inferer):
    """From a whole case to class probabilities on the case's own grid.

    It does what a server does with the case: turns the axes to the patient's, resamples to 1 mm where the spacing is not 1 mm already,
    normalises inside the brain, crops, runs the network, and goes all the way back. So the bundle needs no transforms for that, and a
    reader's grid comes back whatever it is.

    Args:
        sequences: what the channels of the input are, e.g. ``["t1", "t1ce", "t2", "flair"]``. A channel that is 0 everywhere counts as
            missing.
        planes: the planes in which a 2-D network sees the case.
        mirror: average with the mirrored case.
    """

    def __init__(self, sequences: Sequence[str], *, planes: Sequence[str] = ("axial",), mirror: bool = False) -> None:
        if sorted(sequences) != sorted(SEQUENCES):
            raise InputError(f"sequences {list(sequences)}: expected {', '.join(SEQUENCES)}, in the order of the volume's channels")
        self.sequences, self.planes, self.mirror = tuple(sequences), tuple(planes), mirror

    def __call__(self, inputs: Tensor, network: Any, *args: Any, **kwargs: Any) -> Tensor:
        """Probabilities of the classes.

        Args:
            inputs: float (1, 4, x, y, z), with its affine (as ``LoadImaged`` gives it).
            network: returns logits.
            args: ignored, as ``kwargs``.
            kwargs: see ``args``.

        Returns:
            float32 (1, 4, x, y, z): background, necrosis, edema, enhancing tumor.

        Raises:
            InputError: there is no affine, or there are other than four channels or one case, or no brain.
        """
        if not isinstance(inputs, MetaTensor) or inputs.ndim != 5 or inputs.shape[:2] != (1, len(self.sequences)):
            raise InputError(
                f"a volume of shape {tuple(inputs.shape)} came in; expected one 4-D NIfTI file with {len(self.sequences)} channels: "
                f"{', '.join(self.sequences)}"
            )
        affine = np.asarray(inputs.affine.detach().cpu(), dtype=float).reshape(4, 4)
        volumes = inputs[0].detach().cpu().float().numpy().transpose(0, 3, 2, 1)
        arrays = {name: np.ascontiguousarray(volume) for name, volume in zip(self.sequences, volumes, strict=True) if volume.any()}
        grid = grid_of(affine, (int(inputs.shape[2]), int(inputs.shape[3]), int(inputs.shape[4])))
        prepared = prepare(CaseImages("the volume", next(iter(arrays), SEQUENCES[0]), grid, arrays))
        foreground = prepared.restore(self._classes(network, prepared.image, inputs.device)[1:].numpy())
        classes = np.concatenate([1.0 - foreground.sum(axis=0, keepdims=True), foreground])
        result = torch.from_numpy(np.ascontiguousarray(classes.transpose(0, 3, 2, 1)))[None].to(inputs.device)
        answer = MetaTensor(result).copy_meta_from(inputs)
        assert isinstance(answer, MetaTensor)
        return answer

    @torch.inference_mode()
    def _classes(self, network: SegmentationNetwork, image: Tensor, device: torch.device) -> Tensor:
        served = fold_batch_norms(copy.deepcopy(network).eval())
        served = served.to(memory_format=torch.channels_last_3d if served.spatial_dims == 3 else torch.channels_last)
        found = self._run(served, image, device)
        if self.mirror:
            # The last axis runs from right to left.
            found = (found + self._run(served, image.flip(-1), device).flip(-1)) / 2
        return found

    def _run(self, network: SegmentationNetwork, image: Tensor, device: torch.device) -> Tensor:
        precision = best_precision(device)
        if network.spatial_dims == 2:
            return slices_2d(network, image, planes=self.planes, precision=precision)
        for window in (None, *_WINDOWS):
            try:
                if window is None:
                    return whole_volume_3d(network, image, precision=precision).cpu()
                return windows_3d(network, image, window=window, precision=precision, stitch_on=torch.device("cpu"))
            except torch.cuda.OutOfMemoryError:
                if window == _WINDOWS[-1]:
                    raise
            # Outside the handler: the exception's frames hold the tensors that filled the memory.
            torch.cuda.empty_cache()
        raise AssertionError("the last window returns or raises")


def grid_of(affine: np.ndarray, size: tuple[int, int, int]) -> Grid:
    """The grid of a volume as nibabel and MONAI describe it.

    Args:
        affine: 4 x 4, from voxel index (x, y, z) to RAS position in mm.
        size: voxels along x, y, z.

    >>> grid_of(np.diag([-1.0, -1.0, 2.0, 1.0]), (4, 5, 6)).direction  # in LPS
    (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    """
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing = np.sqrt((lps[:3, :3] ** 2).sum(axis=0))
    direction = (lps[:3, :3] / spacing).ravel() + 0.0
    x, y, z = (float(value) for value in spacing)
    left, posterior, superior = (float(value) for value in lps[:3, 3])
    return Grid(size, (x, y, z), (left, posterior, superior), tuple(float(value) for value in direction))
