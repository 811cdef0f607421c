"""Places to look at as a 3D Slicer markups file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gliolabel.uncertainty.places import Place
from gliolabel.vocabulary import RESEARCH_NOTICE

SCHEMA = "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/markups-schema-v1.0.3.json#"


def to_markups(places: Sequence[Place]) -> dict[str, Any]:
    """The content of a ``.mrk.json`` file with one fiducial list, in the order given.

    Args:
        places: worst first.

    Returns:
        A JSON object of Slicer's markups schema 1.0.3, positions in LPS mm.
    """
    points = [
        {
            "id": str(rank),
            "label": f"{rank}. {place.text}",
            "description": f"rank {rank}; {place.doubt_ml:.2g} mL expected to be wrong. {RESEARCH_NOTICE}",
            "position": list(place.position),
            "orientation": [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0],
            "selected": True,
            "locked": True,
            "visibility": True,
            "positionStatus": "defined",
        }
        for rank, place in enumerate(places, start=1)
    ]
    markup = {
        "type": "Fiducial",
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "locked": True,
        "fixedNumberOfControlPoints": False,
        "labelFormat": "%N-%d",
        "lastUsedControlPointNumber": len(points),
        "controlPoints": points,
        "measurements": [],
        "display": {
            "visibility": True,
            "opacity": 1.0,
            "color": [0.9, 0.6, 0.0],
            "selectedColor": [0.9, 0.6, 0.0],
            "propertiesLabelVisibility": False,
            "pointLabelsVisibility": True,
            "textScale": 3.0,
            "glyphType": "Sphere3D",
            "glyphScale": 1.5,
            "useGlyphScale": True,
        },
    }
    return {"@schema": SCHEMA, "markups": [markup]}
