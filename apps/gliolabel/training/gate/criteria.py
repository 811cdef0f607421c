"""What a challenger must show: a file that is fixed before the training."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from gliolabel.errors import InputError
from gliolabel.recipes.explaining import explain
from gliolabel.recipes.schema.base import NotNegative, Section, Share
from gliolabel.recipes.yaml_reading import read_yaml

Region = Literal["WT", "TC", "ET"]

_PACKAGED: Final = "criteria.yaml"


def _each_once(regions: tuple[Region, ...]) -> tuple[Region, ...]:
    if len(set(regions)) < len(regions):
        raise ValueError("a region stands here twice")
    return regions


class GateCriteria(Section):
    """The criteria; ``criteria.yaml`` beside this module holds the values that are used unless a site gives its own, and why.

    Args:
        least_patients: fewest locked patients for an automatic decision.
        least_patients_per_region: fewest of them in whom a region is large enough to be judged.
        regions: the regions that are judged.
        least_region_ml: true volume in mL from which on a region has Dice, HD95 and a floor.
        dice_margin: how far the lower end of the interval of the mean difference of a region's Dice may lie below 0.
        confidence: share that the interval covers.
        bootstrap_samples: resamples of the bootstrap.
        floor: by region the Dice under which no case may fall.
        floor_fall: a fall under the floor counts from this difference on.
        hd95_margin_mm: how far the mean HD95 may rise, in mm.
        volume_bias_margin_percent: how much further from 0 the volume bias may be, in percent of the true volume.
        false_volume_margin_ml: how much more volume may be wrong in a nearly empty region of one case, in mL.
        calibration_margin: how far the expected calibration error of a region may rise.
        primary: region whose mean Dice must not fall at all, or ``mean``: the mean of the regions' mean Dice.
    """

    least_patients: Annotated[int, Field(ge=2)]
    least_patients_per_region: Annotated[int, Field(ge=2)]
    regions: Annotated[tuple[Region, ...], Field(min_length=1), AfterValidator(_each_once)]
    least_region_ml: NotNegative
    dice_margin: Share
    confidence: Annotated[float, Field(ge=0.5, lt=1.0)]
    bootstrap_samples: Annotated[int, Field(ge=1000, le=1_000_000)]
    floor: dict[Region, Share]
    floor_fall: Share
    hd95_margin_mm: NotNegative
    volume_bias_margin_percent: NotNegative
    false_volume_margin_ml: NotNegative
    calibration_margin: Share
    primary: Region | Literal["mean"]

    @model_validator(mode="after")
    def _complete(self) -> GateCriteria:
        if missing := [region for region in self.regions if region not in self.floor]:
            raise ValueError(f"floor has no value for {', '.join(missing)}; expected one for each of regions")
        if self.primary != "mean" and self.primary not in self.regions:
            raise ValueError(f"primary = {self.primary!r} is not one of regions ({', '.join(self.regions)})")
        return self

    def as_yaml(self) -> str:
        """The values as a file that :func:`load_criteria` reads."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def load_criteria(path: Path | None = None) -> GateCriteria:
    """Read and check a file of criteria.

    Args:
        path: a YAML file; keys that it leaves out keep the values of the packaged file. By default the packaged file itself.

    Raises:
        InputError: the file cannot be read, is not YAML, or a key or value is not allowed; the message names it.

    Example:
        >>> load_criteria().least_patients
        20
    """
    content = _read((resources.files("gliolabel.training.gate") / _PACKAGED).read_text(encoding="utf-8"), _PACKAGED)
    where = f"gate criteria {path or _PACKAGED}"
    if path is not None:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{where}: cannot be read as UTF-8 text: {error}") from error
        content |= _read(text, where)
    try:
        return GateCriteria.model_validate(content)
    except ValidationError as error:
        raise InputError(explain(error, where=where, schema=GateCriteria)) from error


def _read(text: str, where: str) -> dict[str, Any]:
    content = read_yaml(text, where)
    if content is None:  # nothing but comments: nothing is changed
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{where}: holds {type(content).__name__}; expected keys such as dice_margin: 0.02")
    return content
