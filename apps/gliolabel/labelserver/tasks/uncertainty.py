"""The uncertainty map as a float volume. Hidden from the stock plugin, which would read it as a label map."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monailabel.interfaces.tasks.infer_v2 import InferType

from gliolabel.labelserver.cases import CaseRef
from gliolabel.labelserver.results import ResultFiles
from gliolabel.labelserver.stored_maps import map_name, map_values
from gliolabel.labelserver.tasks.answers import TICKET, CaseTask
from gliolabel.labelserver.wire import BACKGROUND_PASSES, SEQUENCE_CHOICES, WHOLE_CASE, UncertaintyOptions, read_options
from gliolabel.labelserver.workbench import Workbench
from gliolabel.studies.voxels import read_volume
from gliolabel.vocabulary import RESEARCH_NOTICE

#: What the stock plugin asks of every task; it makes no sense for a map of floats in a compressed file.
_PLUGIN_EXTENSION = ".nrrd"
_EXTENSION = ".nii.gz"


class UncertaintyTask(CaseTask):
    """A measure of a Monte-Carlo dropout run, on the reference grid, float32."""

    def __init__(self, workbench: Workbench, files: ResultFiles, *, sequences: bool = True) -> None:
        super().__init__(
            workbench,
            kind=InferType.OTHERS,
            description="Where the model is unsure: Monte-Carlo dropout over the passes, as a float volume.",
            labels=[],
            config={
                "measure": ["std", "entropy", "mutual_information"],
                "region": [WHOLE_CASE, *workbench.label_set.regions],
                "passes": BACKGROUND_PASSES,
                "seed": "0",  # a number 0 would show as an empty field
                **({"sequence": SEQUENCE_CHOICES} if sequences else {}),
            },
        )
        self._files = files

    def config(self) -> dict[str, Any]:
        """The options, with the models that there are now."""
        return {**self._config, "of": list(self.workbench.models())}

    def answer(self, ref: CaseRef, params: Mapping[str, Any]) -> tuple[Path | None, dict[str, Any]]:
        """Return the map that is asked for; computed unless it is there."""
        started = time.perf_counter()
        options = read_options(UncertaintyOptions, params)
        # Without a case, `auto` is the default model: a caller gets the same map whoever clicked before.
        model = self.workbench.choose(options.of)
        key = self.workbench.key(ref, model, passes=options.passes, seed=options.seed)
        name = map_name(options.measure, region=options.region, regions=self.workbench.label_set.regions)
        result = self.workbench.map_now(ref, key, ticket=params.get(TICKET), name=name)
        stored = read_volume(self.workbench.maps.file(result.row, name), where=f"the uncertainty map of case {ref.case.id}")
        array = map_values(stored.array)
        extension = _EXTENSION if options.result_extension == _PLUGIN_EXTENSION else options.result_extension
        path = self._files.volume(array, stored.header.grid, name=f"{ref.case.id}_{name}", extension=extension)
        return path, {
            "label_names": {},
            "model": result.row.model,
            "model_version": result.row.version,
            "measure": options.measure,
            "region": options.region,
            "passes": result.row.passes,
            "seed": result.row.seed,
            "maximum": float(array.max()),
            "uncertainty": result.row.scores,
            "computed": result.computed,
            "latencies": {"total": round(time.perf_counter() - started, 3)},
            "notice": RESEARCH_NOTICE,
        }
