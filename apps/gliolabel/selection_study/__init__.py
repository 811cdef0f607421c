"""Does choosing help? A simulated annotation study: strategies choose cases whose labels are known, train on them, and are tested."""

from gliolabel.selection_study.chart import draw_chart
from gliolabel.selection_study.design import STRATEGIES, Design
from gliolabel.selection_study.records import Record, Records, write_json, write_whole
from gliolabel.selection_study.results import sentences, summarise_study, with_interval
from gliolabel.selection_study.running import Advance, Study
from gliolabel.selection_study.trials import SliceTrials

__all__ = [
    "STRATEGIES",
    "Advance",
    "Design",
    "Record",
    "Records",
    "SliceTrials",
    "Study",
    "draw_chart",
    "sentences",
    "summarise_study",
    "with_interval",
    "write_json",
    "write_whole",
]
