"""What is done to the images of a case between its files and the networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gliolabel.registration.aligning import Mode
from gliolabel.studies.images import CaseImages


class Step(Protocol):
    """Something that is done to every case's images, such as brain extraction."""

    @property
    def mark(self) -> str:
        """Another text when it does something else."""

    def __call__(self, images: CaseImages, *, content: str) -> CaseImages:
        """The images, changed, on the same grid.

        Args:
            images: on the reference grid.
            content: another text when the images are others.

        Raises:
            InputError: they cannot be used.
        """


@dataclass(frozen=True)
class Processing:
    """What a site chose.

    Args:
        register: when a sequence is registered to the reference.
        cache: folder for what was found once (transforms, brain masks); None: nothing is kept.
        step: what else is done, once the sequences lie on the reference grid.
    """

    register: Mode = "auto"
    cache: Path | None = None
    step: Step | None = None

    @property
    def mark(self) -> str:
        """Another text when the images become others; empty for the default."""
        parts = [] if self.register == "auto" else [f"register {self.register}"]
        return "\n".join([*parts, *([self.step.mark] if self.step is not None else [])])
