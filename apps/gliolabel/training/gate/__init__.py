"""The gate: a new model version (challenger) replaces the served one (champion) only when locked cases show that nothing got worse."""

from gliolabel.training.gate.cases import CaseMeasures, GateCase
from gliolabel.training.gate.criteria import GateCriteria, load_criteria
from gliolabel.training.gate.judging import judge
from gliolabel.training.gate.measuring import check_judgeable, measure
from gliolabel.training.gate.page import write_verdict
from gliolabel.training.gate.verdict import Check, Decision, Verdict

__all__ = [
    "CaseMeasures",
    "Check",
    "Decision",
    "GateCase",
    "GateCriteria",
    "Verdict",
    "check_judgeable",
    "judge",
    "load_criteria",
    "measure",
    "write_verdict",
]
