"""Where the figures that are asked for come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from gliolabel.labelserver.watching.figures import Figures

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp


def add_sources(figures: Figures, app: CaseApp) -> None:
    """Add every figure that the app knows at any time."""
    figures.ask("gliolabel_cases", "Cases by state.", labels=["state"], source=lambda: cases_by_state(app.cases.status()))
    figures.ask(
        "gliolabel_model_info",
        "1 for each model version that is served.",
        labels=["model", "version"],
        source=lambda: {(name, version.version): 1.0 for name, version in app.workbench.models().items()},
    )
    figures.ask("gliolabel_queue", "Requests that wait for the device, or compute on it.", labels=["state"], source=lambda: queue(app))
    if app.sending is not None:
        figures.ask("gliolabel_results", "Results for the PACS by state.", labels=["state"], source=lambda: results(app))
    if torch.cuda.is_available():
        figures.ask("gliolabel_gpu_memory_bytes", "GPU memory.", labels=["device", "kind"], source=gpu_memory)


def cases_by_state(status: Mapping[str, int]) -> dict[tuple[str, ...], float]:
    """Cases by state.

    Example:
        >>> cases_by_state({"total": 5, "completed": 2})
        {('completed',): 2.0, ('to do',): 3.0}
    """
    return {("completed",): float(status["completed"]), ("to do",): float(status["total"] - status["completed"])}


def queue(app: CaseApp) -> dict[tuple[str, ...], float]:
    """How many requests wait, and whether one computes."""
    status = app.workbench.line.status()
    return {("waiting",): float(status["waiting"]), ("computing",): float(status["computing"])}


def results(app: CaseApp) -> dict[tuple[str, ...], float]:
    """How many results wait to be sent, cannot be sent, and were sent."""
    return {} if app.sending is None else {(state,): float(count) for state, count in app.sending.counts().items()}


def gpu_memory() -> dict[tuple[str, ...], float]:
    """Bytes of each GPU: free, and used by this process."""
    found: dict[tuple[str, ...], float] = {}
    for number in range(torch.cuda.device_count()):
        free, _ = torch.cuda.mem_get_info(number)
        found[f"cuda:{number}", "free"] = float(free)
        found[f"cuda:{number}", "used by this process"] = float(torch.cuda.memory_reserved(number))
    return found
