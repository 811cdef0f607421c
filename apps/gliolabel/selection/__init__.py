"""Which case next: pure functions over what is known of the cases."""

from gliolabel.selection.availability import available
from gliolabel.selection.candidates import Candidate, Choice, Completed
from gliolabel.selection.reviewing import review
from gliolabel.selection.strata import stratified_random
from gliolabel.selection.strategies import most_uncertain, random_case, sequential

__all__ = ["Candidate", "Choice", "Completed", "available", "most_uncertain", "random_case", "review", "sequential", "stratified_random"]
