"""Which case next: pure functions over what is known of the cases that are not done yet."""

from gliolabel.selection.candidates import Candidate, Choice
from gliolabel.selection.strategies import most_uncertain, random_case, sequential

__all__ = ["Candidate", "Choice", "most_uncertain", "random_case", "sequential"]
