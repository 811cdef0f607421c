"""The places to check first, as markups that Slicer shows as points."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monailabel.interfaces.tasks.infer_v2 import InferType

from gliolabel.labelserver.cases import CaseRef
from gliolabel.labelserver.results import ResultFiles
from gliolabel.labelserver.stored_maps import read_place
from gliolabel.labelserver.tasks.answers import TICKET, CaseTask, label_names
from gliolabel.labelserver.wire import BACKGROUND_PASSES, SEQUENCE_CHOICES, PlacesOptions, read_options
from gliolabel.labelserver.workbench import Workbench
from gliolabel.uncertainty import to_markups
from gliolabel.vocabulary import RESEARCH_NOTICE


class WhereToLookTask(CaseTask):
    """The most uncertain places of a case, worst first.

    Its type is ``segmentation``, so that the stock plugin offers it; the plugin tells markups from masks by the file's ending, and its
    labels are those of the other tasks, so that running it changes nothing about segments.
    """

    def __init__(self, workbench: Workbench, files: ResultFiles) -> None:
        super().__init__(
            workbench,
            kind=InferType.SEGMENTATION,
            description="The places where the model is least sure, worst first, as points. Uses the map of the last segmentation.",
            labels=list(workbench.label_set.labels),
            config={"places": 5, "sequence": SEQUENCE_CHOICES},
        )
        self._files = files

    def config(self) -> dict[str, Any]:
        """The options, with the models that there are now."""
        return {**self._config, "of": ["auto", *self.workbench.models()]}

    def answer(self, ref: CaseRef, params: Mapping[str, Any]) -> tuple[Path | None, dict[str, Any]]:
        """Find the places in the map of the last segmentation, or of the default model if there was none."""
        started = time.perf_counter()
        options = read_options(PlacesOptions, params)
        model = self.workbench.choose(options.of, case_key=ref.key)
        key = self.workbench.key_of_last(ref, model) or self.workbench.key(ref, model, passes=BACKGROUND_PASSES, seed=0)
        row = self.workbench.map_now(ref, key, ticket=params.get(TICKET)).row
        places = [read_place(place) for place in row.places[: options.places]]
        path = self._files.json(to_markups(places), name=f"{ref.case.id}_where_to_look")
        return path, {
            "label_names": label_names(self.workbench.label_set),
            "model": row.model,
            "model_version": row.version,
            "measure": "std",
            "passes": row.passes,
            "seed": row.seed,
            "places": [place.text for place in places],
            "uncertainty": row.scores,
            "latencies": {"total": round(time.perf_counter() - started, 3)},
            "notice": RESEARCH_NOTICE,
        }
