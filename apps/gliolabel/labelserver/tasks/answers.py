"""What the tasks have in common: a request in MONAI Label's shape, an answer of one file and parameters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from monailabel.interfaces.tasks.infer_v2 import InferTask, InferType

from gliolabel.labelserver.cases import CaseRef
from gliolabel.labelserver.queueing import Kind
from gliolabel.labelserver.results import json_safe
from gliolabel.labelserver.workbench import Workbench
from gliolabel.vocabulary import RESEARCH_NOTICE, TISSUES, LabelSet

#: Under this key :meth:`GlioLabelApp.infer` puts the case into the request.
CASE: Final = "case"
#: ... and under this one the request's ticket for the queue.
TICKET: Final = "ticket"


class CaseTask(InferTask):
    """A task over a case.

    Args:
        workbench: does the work.
        kind: by which the plugin sorts tasks.
        description: for people.
        labels: names of the values in the result.
        config: the options the plugin shows; a list becomes a drop-down box whose first entry is the default.
    """

    #: What it computes, by which the queue sorts requests.
    work: Kind = Kind.MAP

    def __init__(self, workbench: Workbench, *, kind: InferType, description: str, labels: list[str], config: Mapping[str, Any]) -> None:
        super().__init__(type=kind, labels=labels, dimension=3, description=f"{description} {RESEARCH_NOTICE}", config=dict(config))
        self.workbench = workbench

    def is_valid(self) -> bool:
        """Whether the task can be offered: there are weights."""
        return bool(self.workbench.models())

    def __call__(self, request: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
        """Answer a request that names its case under :data:`CASE`. Called by MONAI Label and by our own routes."""
        path, params = self.answer(request[CASE], request)
        return None if path is None else str(path), json_safe(params)

    @abstractmethod
    def answer(self, ref: CaseRef, params: Mapping[str, Any]) -> tuple[Path | None, dict[str, Any]]:
        """Do the work; returns the result file, which the caller deletes, and what is to be said about it."""


def label_names(label_set: LabelSet = TISSUES) -> dict[str, int]:
    """Names of the label values, in their order: the plugin goes by the order, not by the values."""
    return dict(sorted(label_set.labels.items(), key=lambda item: item[1]))
