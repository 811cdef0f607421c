"""Metrics: pure functions of (prediction, target), channel first; and the scores that recipes name.

Empty against empty: where neither the prediction nor the truth has a voxel of a class, leaving it out was right, and Dice and IoU are 1
(``empty`` changes that). Most slices of a study are such, so a mean over slices should stand beside the mean over slices with tumour.
"""

from gliolabel.metrics.accuracy import class_accuracy, pixel_accuracy
from gliolabel.metrics.building import build_score
from gliolabel.metrics.iou import mean_iou
from gliolabel.metrics.misread import printed_mean_iou, truncated_mean_iou
from gliolabel.metrics.overlap import dice, soft_dice
from gliolabel.metrics.qu_brats import QuBrats, qu_brats_curves, qu_brats_score
from gliolabel.metrics.regions import region_masks
from gliolabel.metrics.risk_coverage import RiskCoverage, risk_coverage
from gliolabel.metrics.surface import hausdorff95

__all__ = [
    "QuBrats",
    "RiskCoverage",
    "build_score",
    "class_accuracy",
    "dice",
    "hausdorff95",
    "mean_iou",
    "pixel_accuracy",
    "printed_mean_iou",
    "qu_brats_curves",
    "qu_brats_score",
    "region_masks",
    "risk_coverage",
    "soft_dice",
    "truncated_mean_iou",
]
