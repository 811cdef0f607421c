"""What every section of a recipe shares."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1)]
Axis = Literal["axial", "coronal", "sagittal"]

_Number = TypeVar("_Number", int, float)


def _ascending(limits: tuple[_Number, _Number]) -> tuple[_Number, _Number]:
    if limits[0] > limits[1]:
        raise ValueError("the first number must not be larger than the second")
    return limits


def _not_empty(limits: tuple[int, int]) -> tuple[int, int]:
    if limits[0] >= limits[1]:
        raise ValueError("a half-open range: the first number must be smaller than the second")
    return limits


#: From the smallest to the largest value.
Shares = Annotated[tuple[Share, Share], AfterValidator(_ascending)]
Positives = Annotated[tuple[Positive, Positive], AfterValidator(_ascending)]
Counts = Annotated[tuple[Count, Count], AfterValidator(_ascending)]
#: From the first index to the one after the last.
HalfOpen = Annotated[tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]], AfterValidator(_not_empty)]


class Section(BaseModel):
    """One section of a recipe: unknown keys, infinities and NaN are refused, values cannot be changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
