"""Testing models on labelled cases: measures by case and region, statistics over patients, models compared, one page."""

from gliolabel.evaluation.comparison import Comparison, compare_pairs
from gliolabel.evaluation.measures import CLASSES_ROW, MEASURES, measure_case
from gliolabel.evaluation.predictors import Predictor, SegmenterPredictor, open_predictor
from gliolabel.evaluation.running import Evaluation, evaluate
from gliolabel.evaluation.statistics import Summary, summarise

__all__ = [
    "CLASSES_ROW",
    "Comparison",
    "Evaluation",
    "MEASURES",
    "Predictor",
    "SegmenterPredictor",
    "Summary",
    "compare_pairs",
    "evaluate",
    "measure_case",
    "open_predictor",
    "summarise",
]
