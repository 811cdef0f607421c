"""The pictures of the page, each as a data address that needs no other file."""

from gliolabel.evaluation.figures.agreement import draw_agreement
from gliolabel.evaluation.figures.boxes import draw_boxes
from gliolabel.evaluation.figures.calibration import draw_calibration
from gliolabel.evaluation.figures.curves import draw_curves
from gliolabel.evaluation.figures.pairs import draw_dice_pairs, draw_pairs
from gliolabel.evaluation.figures.style import Picture
from gliolabel.evaluation.figures.worst import draw_worst

__all__ = ["Picture", "draw_agreement", "draw_boxes", "draw_calibration", "draw_curves", "draw_dice_pairs", "draw_pairs", "draw_worst"]
