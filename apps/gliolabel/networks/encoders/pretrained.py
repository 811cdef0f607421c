"""ImageNet weights for encoders, from torch's cache. Nothing is downloaded: a hospital's machine may reach nobody."""

from __future__ import annotations

import hashlib
import logging
import pickle
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageNetWeights:
    """One of torchvision's published weights files (``IMAGENET1K_V1``).

    Args:
        name: of the encoder, for messages.
        file: file name; what follows the hyphen begins its SHA-256.
        prefix: what the encoder's keys begin with in the file.
        megabytes: size of the file.
    """

    name: str
    file: str
    prefix: str
    megabytes: int

    @property
    def url(self) -> str:
        """Where the file can be had."""
        return f"https://download.pytorch.org/models/{self.file}"

    @property
    def path(self) -> Path:
        """Where torch keeps it: ``$TORCH_HOME/hub/checkpoints``, by default in ``~/.cache/torch``."""
        return Path(torch.hub.get_dir()) / "checkpoints" / self.file


VGG16 = ImageNetWeights(name="VGG16", file="vgg16-397923af.pth", prefix="features.", megabytes=528)
RESNET50 = ImageNetWeights(name="ResNet50", file="resnet50-0676ba61.pth", prefix="", megabytes=98)


def load_imagenet(encoder: nn.Module, weights: ImageNetWeights) -> bool:
    """Load published weights into an encoder if they are in torch's cache, and say so in the log; else say why not and what to do.

    Args:
        encoder: with torchvision's names below ``weights.prefix``; changed in place.
        weights: which file.

    Returns:
        Whether the weights were loaded. If not, the encoder is as it was.
    """
    problem = _load(encoder, weights)
    if problem is None:
        _log.info("%s encoder: ImageNet weights loaded from %s", weights.name, weights.path)
        return True
    _log.warning(
        "%s encoder: no ImageNet weights (%s). It starts from random weights, so this is not the report's model. "
        "To start from ImageNet, download %s (%d MB) to %s.",
        weights.name,
        problem,
        weights.url,
        weights.megabytes,
        weights.path,
    )
    return False


def _load(encoder: nn.Module, weights: ImageNetWeights) -> str | None:
    """Why it could not be loaded, or None when it was."""
    path = weights.path
    if not path.is_file():
        return f"there is no file {path}"
    begins = Path(weights.file).stem.rpartition("-")[2]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(begins):
        return f"{path} is damaged: its SHA-256 begins with {digest[: len(begins)]}, expected {begins}"
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        own = {key: tensor for key, tensor in encoder.state_dict().items() if not key.endswith("num_batches_tracked")}
        wanted = {key: stored[weights.prefix + key] for key in own}
        wrong = [key for key, tensor in own.items() if tensor.shape != wanted[key].shape]
        if wrong:  # load_state_dict would find that out only after copying the others
            return f"{path} does not fit: {weights.prefix}{wrong[0]} has another shape"
        encoder.load_state_dict(wanted, strict=False)
    except (OSError, RuntimeError, pickle.UnpicklingError, KeyError) as error:
        return f"{path} does not fit: {type(error).__name__}: {error}"
    return None
