"""What ``--conf`` may say to an app over slices, beside what it may say to every app."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from gliolabel.labelserver.configuration import Configuration


class SliceConfiguration(Configuration):
    """The values of ``--conf NAME VALUE``. ``weights`` is a weights file here."""

    #: The recipe that is trained: its name, or a .yaml file.
    recipe: str = ""
    #: Changes of the recipe as of ``gliolabel train --set``, with ``;`` between them.
    set: str = ""
    #: ``stacked``: slices that differ only in the number at the end of their names are one case. ``single``: every slice is one.
    slices: Literal["stacked", "single"] = "stacked"
    #: Millimetres along x, y and z of stacked slices, as ``1,1,5``; without it 1, 1, 5, and a warning.
    spacing: tuple[float, float, float] | None = None

    @field_validator("spacing", mode="before")
    @classmethod
    def _spacing(cls, value: object) -> object:
        parts = str(value).strip("()").split(",") if isinstance(value, str) else value
        try:
            numbers = [float(part) for part in parts]  # type: ignore[attr-defined]
        except (TypeError, ValueError):
            raise ValueError("expected three numbers like 1,1,5") from None
        if len(numbers) != 3 or not all(0 < number < 1000 for number in numbers):
            raise ValueError("expected three numbers above 0 like 1,1,5")
        return tuple(numbers)

    @property
    def changes(self) -> list[str]:
        """The changes of the recipe, one by one."""
        return [part.strip() for part in self.set.split(";") if part.strip()]
