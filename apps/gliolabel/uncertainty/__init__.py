"""Maps, region scores and places to look at: pure functions over Monte-Carlo samples of shape (passes, regions, *space)."""

from gliolabel.uncertainty.maps import case_map, entropy_map, mutual_information_map, std_map
from gliolabel.uncertainty.markups import to_markups
from gliolabel.uncertainty.places import Place, places_to_look
from gliolabel.uncertainty.scores import pairwise_dice, volume_variation

__all__ = [
    "Place",
    "case_map",
    "entropy_map",
    "mutual_information_map",
    "pairwise_dice",
    "places_to_look",
    "std_map",
    "to_markups",
    "volume_variation",
]
