"""What a recipe file may say, section by section."""

from gliolabel.recipes.schema.augmentation import (
    AffineAugmentation,
    Augmentation,
    BatchWiseAugmentation,
    BrightnessAugmentation,
    FlipRotateAugmentation,
    NoAugmentation,
    PatchAugmentation,
)
from gliolabel.recipes.schema.data import DataSection, SplitSection, Take
from gliolabel.recipes.schema.loss import BinaryLoss, FocalDiceLoss, Loss, MultilabelLoss, RegionLoss
from gliolabel.recipes.schema.network import NetworkSection
from gliolabel.recipes.schema.optimiser import (
    ConstantSchedule,
    OneCycleSchedule,
    OptimiserSection,
    PlateauSchedule,
    Schedule,
    StepDecaySchedule,
    StoppingSection,
    WarmupCosineSchedule,
)
from gliolabel.recipes.schema.preprocessing import (
    BrainStep,
    CropBrainStep,
    CropStep,
    DivideByMaxStep,
    DivideStep,
    MinMaxStep,
    PadStep,
    ResizeStep,
    Step,
    ZoomStep,
    ZScoreStep,
)
from gliolabel.recipes.schema.recipe import InferenceSection, Recipe, ScoreSection, Variant
from gliolabel.recipes.schema.sampling import PatchSampling, Sampling, WholeSampling

__all__ = [
    "AffineAugmentation",
    "Augmentation",
    "BatchWiseAugmentation",
    "BinaryLoss",
    "BrainStep",
    "BrightnessAugmentation",
    "ConstantSchedule",
    "CropBrainStep",
    "CropStep",
    "DataSection",
    "DivideByMaxStep",
    "DivideStep",
    "FlipRotateAugmentation",
    "FocalDiceLoss",
    "InferenceSection",
    "Loss",
    "MinMaxStep",
    "MultilabelLoss",
    "NetworkSection",
    "NoAugmentation",
    "OneCycleSchedule",
    "OptimiserSection",
    "PadStep",
    "PatchAugmentation",
    "PatchSampling",
    "PlateauSchedule",
    "Recipe",
    "RegionLoss",
    "ResizeStep",
    "Sampling",
    "Schedule",
    "ScoreSection",
    "SplitSection",
    "Step",
    "StepDecaySchedule",
    "StoppingSection",
    "Take",
    "Variant",
    "WarmupCosineSchedule",
    "WholeSampling",
    "ZScoreStep",
    "ZoomStep",
]
