"""Segmentation: one click, one mask; the map of where the model is unsure follows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monailabel.interfaces.tasks.infer_v2 import InferType

from gliolabel.labelserver.cases import CaseRef
from gliolabel.labelserver.queueing import Kind, Ticket
from gliolabel.labelserver.results import ResultFiles
from gliolabel.labelserver.tasks.answers import TICKET, CaseTask, label_names
from gliolabel.labelserver.wire import BACKGROUND_PASSES, PASSES_CHOICES, SEQUENCE_CHOICES, SegmentationOptions, read_options
from gliolabel.labelserver.workbench import Workbench
from gliolabel.vocabulary import RESEARCH_NOTICE

_DESCRIPTIONS = {
    "unet3d": "Brain tumour by the 3-D U-Net: necrosis, edema, enhancing tumor.",
    "resunet2d": "Brain tumour by the 2-D residual U-Net, slice by slice: necrosis, edema, enhancing tumor.",
}


class SegmentationTask(CaseTask):
    """The mask of one model.

    Args:
        workbench: does the work.
        files: makes the result file.
        model: name of the model, and of the task.
        description: for people.
        sequences: a reader may say which sequence an opened volume is.
    """

    work = Kind.MASK

    def __init__(self, workbench: Workbench, files: ResultFiles, *, model: str, description: str = "", sequences: bool = True) -> None:
        super().__init__(
            workbench,
            kind=InferType.SEGMENTATION,
            description=description or _DESCRIPTIONS.get(model, f"Brain tumour by {model}."),
            labels=list(workbench.label_set.labels),
            config={"passes": PASSES_CHOICES, **({"sequence": SEQUENCE_CHOICES} if sequences else {})},
        )
        self._files = files
        self._model = model

    def is_valid(self) -> bool:
        """Whether this model has weights."""
        return self.workbench.offers(self._model)

    def get_path(self, validate: bool = True) -> str | None:
        """The weights file, which MONAI Label's model route names."""
        version = self.workbench.models().get(self._model)
        return None if version is None else str(version.path)

    def answer(self, ref: CaseRef, params: Mapping[str, Any]) -> tuple[Path | None, dict[str, Any]]:
        """Segment. The map is made before the answer, after it, or not at all, as the option ``passes`` says."""
        started = time.perf_counter()
        options = read_options(SegmentationOptions, params)
        ticket: Ticket | None = params.get(TICKET)
        # One version for all of it, whatever is promoted meanwhile.
        served = self.workbench.served(self._model)
        segmentation = self.workbench.segment(ref, served, ticket=ticket)
        passes = BACKGROUND_PASSES if options.passes == "auto" else options.passes
        if not self.workbench.makes_maps(served):
            passes = 0
        scores: Mapping[str, Any] = {}
        latencies = dict(segmentation.latencies)
        state = "none"
        if passes:
            key = self.workbench.key(ref, served, passes=passes, seed=options.seed)
            if options.passes == "auto":
                state = "ready" if self.workbench.map_later(ref, key, segmentation.mask, served) else "computing"
                found = self.workbench.maps.find(key) if state == "ready" else None
                scores = found.scores if found is not None else {}
            else:
                before = time.perf_counter()
                result = self.workbench.map_now(ref, key, mask=segmentation.mask, served=served, last=True, ticket=ticket)
                latencies["maps"] = time.perf_counter() - before
                scores, state = result.row.scores, "ready"
        before = time.perf_counter()
        path = self._files.mask(
            segmentation.mask,
            segmentation.grid,
            name=f"{ref.case.id}_{self._model}",
            extension=options.result_extension,
            dtype=options.result_dtype,
        )
        latencies["queue"] = 0.0 if ticket is None else ticket.waited_s
        latencies["write"] = time.perf_counter() - before
        latencies["total"] = time.perf_counter() - started
        return path, {
            "label_names": label_names(self.workbench.label_set),
            "model": segmentation.model,
            "model_version": segmentation.model_version,
            "passes": passes,
            "seed": options.seed,
            "device": segmentation.device,
            "volumes_ml": {region: round(volume, 3) for region, volume in segmentation.volumes_ml.items()},
            "uncertainty": scores,
            "uncertainty_map": state,
            "latencies": {stage: round(seconds, 3) for stage, seconds in latencies.items()},
            "registration": segmentation.processed.get("registration", {}),
            "preprocess": {name: done for name, done in segmentation.processed.items() if name != "registration"},
            "warnings": list(segmentation.warnings),
            "notice": RESEARCH_NOTICE,
        }
