"""One trained model: a recipe, its weights and what is known of them, in one safetensors file."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from gliolabel.errors import InputError
from gliolabel.networks import SegmentationNetwork
from gliolabel.recipes.building import build_network
from gliolabel.recipes.schema import Recipe

_KEY = "gliolabel"

#: Batch normalisation's variances can exceed what float16 holds; they are few, so nothing is saved by halving them.
_STATISTICS = (".running_mean", ".running_var")


@dataclass(frozen=True)
class ModelVersion:
    """A recipe and its trained weights.

    Args:
        name: the model's name, e.g. ``unet3d``.
        version: which training of it, e.g. ``starter-1``.
        recipe: how it was made and how it segments.
        path: the ``.safetensors`` file. Its header carries everything else here as JSON, so a file explains itself.
        metadata: what it was trained on and under which terms: ``trained_on`` (SHA-256 of each training image file),
            ``terms``, ``code_version``, ``steps``.
        calibration: temperature by region, or None when none was fitted.
    """

    name: str
    version: str
    recipe: Recipe
    path: Path
    metadata: Mapping[str, Any]
    calibration: Mapping[str, Any] | None = None

    @classmethod
    def load(cls, path: str | Path) -> ModelVersion:
        """Read the description of a weights file; the weights themselves are read by :meth:`build`.

        Raises:
            InputError: the file is missing, is not safetensors, or was not written by :func:`save_model_version`.
        """
        path = Path(path)
        try:
            with safe_open(path, framework="pt") as file:
                header = (file.metadata() or {}).get(_KEY)
        except (OSError, SafetensorError) as error:
            raise InputError(f"model file {path}: cannot be read as safetensors ({error}); expected a weights file of gliolabel") from error
        if header is None:
            raise InputError(f"model file {path}: holds no description of a model; expected a file written by `gliolabel train`")
        content = json.loads(header)
        return cls(
            name=content["name"],
            version=content["version"],
            recipe=Recipe.model_validate(content["recipe"]),
            path=path,
            metadata=content["metadata"],
            calibration=content["calibration"],
        )

    def build(self) -> SegmentationNetwork:
        """The network with its weights in float32, in evaluation mode, on the CPU.

        Raises:
            InputError: the weights do not fit the recipe's network.
        """
        network = build_network(self.recipe.network, pretrained=False)
        try:
            network.load_state_dict({name: tensor.float() for name, tensor in load_file(self.path).items()})
        except (RuntimeError, SafetensorError) as error:
            raise InputError(f"model file {self.path}: the weights do not fit the network of recipe {self.recipe.name}: {error}") from error
        network.eval()
        return network

    def sha256(self) -> str:
        """SHA-256 of the weights file, as hexadecimal digits."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def save_model_version(
    path: Path,
    weights: Mapping[str, Tensor],
    *,
    name: str,
    version: str,
    recipe: Recipe,
    metadata: Mapping[str, Any],
    calibration: Mapping[str, Any] | None = None,
) -> ModelVersion:
    """Write a weights file, in half precision, whole or not at all.

    Args:
        path: where to; replaced if it exists.
        weights: a state dict; floating tensors are stored as float16, running statistics of batch normalisation as float32.
        name: see :class:`ModelVersion`, as the others.
        version: see there.
        recipe: see there.
        metadata: see there; must be JSON.
        calibration: see there; must be JSON.

    Raises:
        InputError: a value is not finite in the format that it is stored in.
    """
    kept = {}
    for key, tensor in weights.items():
        stored = tensor.detach().cpu()
        if stored.is_floating_point():
            kept_as = torch.float32 if key.endswith(_STATISTICS) else torch.float16
            stored = stored.to(kept_as)
            if not bool(torch.isfinite(stored).all()):
                format_name = str(kept_as).removeprefix("torch.")
                raise InputError(f"weight {key} holds values that {format_name} cannot; the training has probably diverged")
        kept[key] = stored.contiguous()
    header: dict[str, Any] = {"name": name, "version": version, "recipe": recipe.model_dump(mode="json"), "metadata": dict(metadata)}
    header["calibration"] = None if calibration is None else dict(calibration)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    os.close(handle)
    try:
        save_file(kept, temporary, metadata={_KEY: json.dumps(header)})
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return ModelVersion.load(path)
