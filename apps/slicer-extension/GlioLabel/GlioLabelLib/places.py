"""The places to look at: read from the server's markups, kept with a tick for those that were checked."""

from __future__ import annotations

import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .words import PLACE_KINDS, REGION_NAMES

#: How the server words a place.
_LABEL = re.compile(r"\s*(\d+)\.\s*([^:]+):\s*([^,]+),\s*([0-9.]+),\s*(.+?)\s*mL in doubt")


class Place(NamedTuple):
    """A place to look at.

    Args:
        rank: 1 is the worst.
        region: WT, TC or ET; empty: the server did not say.
        kind: where it lies: ``edge``, ``inside``, ``far``.
        score: mean uncertainty (standard deviation, 0 to 0.5).
        volume_ml: of the place, as the server writes it.
        text: all of it in one line.
        position: RAS in mm.
    """

    rank: int
    region: str
    kind: str
    score: float
    volume_ml: str
    text: str
    position: Tuple[float, float, float]

    @property
    def why(self) -> str:
        """For the table: what is in doubt, and where it lies."""
        if not self.region:
            return self.text
        return f"{REGION_NAMES.get(self.region, self.region)}, {PLACE_KINDS.get(self.kind, self.kind)}"


def read_places(markups: Dict[str, Any]) -> List[Place]:
    """The places of a markups file, in its order.

    Args:
        markups: content of a ``.mrk.json`` file. Slicer's positions are LPS unless it says RAS.

    Example:
        >>> point = {"label": "1. ET: edge, 0.31, 1.2 mL in doubt", "position": [-10.0, -20.0, 5.0]}
        >>> place, = read_places({"markups": [{"coordinateSystem": "LPS", "controlPoints": [point]}]})
        >>> place.position, place.region, place.kind, place.volume_ml
        ((10.0, 20.0, 5.0), 'ET', 'edge', '1.2')
    """
    found: List[Place] = []
    for markup in markups.get("markups", []):
        sign = 1.0 if str(markup.get("coordinateSystem", "LPS")).upper() == "RAS" else -1.0
        for point in markup.get("controlPoints", []):
            x, y, z = (float(number) for number in point["position"])
            found.append(_place(str(point.get("label", "")), len(found) + 1, (sign * x, sign * y, z)))
    return found


class Checklist:
    """The places of a case and which of them were checked."""

    def __init__(self) -> None:
        self.places: List[Place] = []
        self._checked: set = set()
        #: Index of the one that is shown now; None: none yet.
        self.current: Optional[int] = None

    def fill(self, places: List[Place]) -> None:
        """New places, none of them checked."""
        self.places, self._checked, self.current = list(places), set(), None

    def is_checked(self, index: int) -> bool:
        """Whether a place was checked."""
        return index in self._checked

    def check(self, index: int, checked: bool) -> None:
        """Tick a place, or take the tick away.

        Raises:
            IndexError: there is no such place.
        """
        if not 0 <= index < len(self.places):
            raise IndexError(f"there is no place {index + 1}; there are {len(self.places)}")
        (self._checked.add if checked else self._checked.discard)(index)

    def next(self) -> Optional[int]:
        """The place to look at next: the first after the current one that was not checked, else from the start; None: all are done."""
        start = -1 if self.current is None else self.current
        order = [*range(start + 1, len(self.places)), *range(0, start + 1)]
        return next((index for index in order if index not in self._checked), None)

    @property
    def checked(self) -> int:
        """How many were checked."""
        return len(self._checked)

    def sentence(self) -> str:
        """How far the reader is.

        Example:
            >>> Checklist().sentence()
            'No place stands out.'
        """
        if not self.places:
            return "No place stands out."
        if self.checked == len(self.places):
            return f"All {len(self.places)} places checked."
        return f"{self.checked} of {len(self.places)} places checked, the most doubtful first."


def _place(label: str, rank: int, position: Tuple[float, float, float]) -> Place:
    found = _LABEL.match(label)
    if found is None:
        return Place(rank, "", "", 0.0, "", label, position)
    number, region, kind, score, volume = found.groups()
    return Place(int(number), region.strip(), kind.strip(), float(score), volume.strip(), label, position)
