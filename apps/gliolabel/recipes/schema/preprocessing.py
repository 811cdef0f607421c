"""Steps from the voxels on disk to the network's input, in the order in which a recipe lists them.

``x`` runs from right to left, ``y`` from front to back, ``z`` from the feet to the head, as BraTS files store them; arrays are (z, y, x).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gliolabel.recipes.schema.base import Count, HalfOpen, Positive, Section


class BrainStep(Section):
    """The product models' preparation: turned to one orientation, 1 mm, cropped to the brain, z-score inside it."""

    kind: Literal["brain"] = "brain"


class MinMaxStep(Section):
    """To [0, 1] by the smallest and largest value of each channel."""

    kind: Literal["min_max"] = "min_max"
    per: Literal["volume", "slice"] = "volume"


class DivideByMaxStep(Section):
    """By the largest value of each channel, where it is above 0."""

    kind: Literal["divide_by_max"] = "divide_by_max"
    per: Literal["volume", "slice"] = "slice"
    channels_together: bool = Field(default=False, description="one largest value for all channels instead of one each")


class DivideStep(Section):
    """By a constant."""

    kind: Literal["divide"] = "divide"
    by: Positive = 255.0


class ZScoreStep(Section):
    """Zero mean and unit variance of each channel of the sample (population standard deviation; a constant channel becomes 0)."""

    kind: Literal["z_score"] = "z_score"


class CropStep(Section):
    """Half-open ranges of voxels; an axis without a range stays whole."""

    kind: Literal["crop"] = "crop"
    x: HalfOpen | None = None
    y: HalfOpen | None = None
    z: HalfOpen | None = None


class CropBrainStep(Section):
    """A sample's in-plane box around its non-black pixels; the whole sample where all are black."""

    kind: Literal["crop_brain"] = "crop_brain"


class PadStep(Section):
    """With zeros around the centre to at least this in-plane size (height, width)."""

    kind: Literal["pad"] = "pad"
    size: tuple[Count, Count]


class ResizeStep(Section):
    """To this in-plane size (height, width); the target by nearest neighbour."""

    kind: Literal["resize"] = "resize"
    size: tuple[Count, Count]
    mode: Literal["bilinear", "nearest"] = "bilinear"


class ZoomStep(Section):
    """In-plane by ``scipy.ndimage.zoom``: image and target by splines of this order, the target then thresholded at 0.5."""

    kind: Literal["zoom"] = "zoom"
    factor: Positive
    order: Annotated[int, Field(ge=0, le=5)] = 3


Step = Annotated[
    BrainStep | MinMaxStep | DivideByMaxStep | DivideStep | ZScoreStep | CropStep | CropBrainStep | PadStep | ResizeStep | ZoomStep,
    Field(discriminator="kind"),
]
