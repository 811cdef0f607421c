"""How weights follow the loss: optimiser, learning rate over time, and when to stop."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gliolabel.recipes.schema.base import NotNegative, Positive, Section, Share


class OptimiserSection(Section):
    """Adam, or AdamW with its decoupled weight decay."""

    kind: Literal["adam", "adamw"] = "adamw"
    learning_rate: Positive
    weight_decay: NotNegative = 0.0
    epsilon: Positive = 1e-8
    gradient_norm: Positive | None = Field(default=None, description="longer gradients are shortened to this length")
    mean_decay: Share | None = Field(default=None, description="decay of a running mean of the weights; without it there is none")


class OneCycleSchedule(Section):
    """Linear up over the warm-up, then half a cosine down to 0, by step."""

    kind: Literal["one_cycle"] = "one_cycle"
    warmup_share: Share = 0.15


class ConstantSchedule(Section):
    """The same learning rate throughout."""

    kind: Literal["constant"] = "constant"


class StepDecaySchedule(Section):
    """Multiplied by ``factor`` after every ``epochs`` epochs."""

    kind: Literal["step_decay"] = "step_decay"
    factor: Positive = 0.5
    epochs: int = Field(default=10, ge=1)


class WarmupCosineSchedule(Section):
    """Report 001, equations 4 and 5: 0 at step 0, linear up over the warm-up steps W, then ``(1 + cos(pi (step - W) / (N - W))) / 2``."""

    kind: Literal["warmup_cosine"] = "warmup_cosine"
    warmup_share: Share = 0.1
    restart_every_epochs: int | None = Field(default=None, ge=1, description="begin the schedule anew after so many epochs")


class PlateauSchedule(Section):
    """Keras's ReduceLROnPlateau: multiplied by ``factor`` when ``patience`` epochs in a row brought no better validation loss."""

    kind: Literal["plateau"] = "plateau"
    factor: Share = 0.5
    patience: int = Field(default=2, ge=1)
    smallest_change: NotNegative = 1e-4
    smallest_rate: NotNegative = 0.0


Schedule = Annotated[
    OneCycleSchedule | ConstantSchedule | StepDecaySchedule | WarmupCosineSchedule | PlateauSchedule, Field(discriminator="kind")
]


class StoppingSection(Section):
    """Keras's EarlyStopping: after ``patience`` epochs in a row without a better validation loss."""

    patience: int = Field(ge=1)


Keep = Literal["last", "mean", "best_loss", "best_score"]
