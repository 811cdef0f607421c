"""Which device networks run on."""

from __future__ import annotations

import torch

from gliolabel.errors import InputError


def choose_device(name: str | None) -> torch.device:
    """The device that ``--conf device`` names, by default the first GPU, or the CPU without one.

    Raises:
        InputError: no such device here.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not name or name == "auto":
        return torch.device("cuda" if gpus else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"The device {name!r} is not known. Expected cpu, cuda or cuda:N.") from error
    if device.type not in ("cpu", "cuda") or (device.type == "cuda" and (device.index or 0) >= gpus):
        raise InputError(
            f"The device {name!r} is not here: this machine has {gpus or 'no'} GPU{'s' if gpus != 1 else ''} that PyTorch can use."
        )
    return device
