"""One page for people: is the model unsure where it is wrong?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gliolabel.evaluation.files import write_whole
from gliolabel.evaluation.templates import templates
from gliolabel.evaluation.uncertainty import figures
from gliolabel.vocabulary import REGIONS


def write_uncertainty_page(about: Mapping[str, Any], path: Path, *, title: str = "") -> None:
    """Write the page.

    Args:
        about: what :func:`~gliolabel.evaluation.uncertainty.results.describe_uncertainty` returned.
        path: the file.
        title: heading; by default the models' names.

    Raises:
        UnavailableError: the disk is full or cannot be written.
    """
    last = str(about["passes"][-1])
    text = (
        templates("gliolabel.evaluation.uncertainty")
        .get_template("page.html")
        .render(
            title=title or "Uncertainty of " + ", ".join(model["label"] for model in about["models"]),
            about=about,
            last=last,
            regions=list(REGIONS),
            at_last={
                region: {name: by_count.get(last) or by_count["0"] for name, by_count in rows.items()}
                for region, rows in about["numbers"].items()
            },
            differences=[d for d in about["differences"] if d["passes"] == about["passes"][-1]],
            pictures={
                "qu_brats": figures.draw_qu_brats(about),
                "risk": figures.draw_risk(about),
                "reliability": figures.draw_reliability(about),
                "triage": figures.draw_triage(about),
                "passes": figures.draw_passes(about),
                "places": figures.draw_places(about),
            },
            machine=json.dumps(about["machine"], indent=1),
        )
    )
    write_whole(path, lambda target: target.write_text(text, encoding="utf-8"))
