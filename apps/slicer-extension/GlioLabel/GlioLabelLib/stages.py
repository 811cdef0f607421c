"""What the panel says of each stage of the work: nothing there yet, busy, ready, or what went wrong."""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional

EMPTY, BUSY, READY, ERROR = "empty", "busy", "ready", "error"

#: The stages in the order of the work, and what they say as long as there is nothing.
NOTHING_YET: Dict[str, str] = {
    "server": "Not connected. The address comes from the MONAI Label settings.",
    "case": "No case yet. Press Next case.",
    "mask": "No mask yet. Press Segment.",
    "map": "No map yet. It follows the mask.",
    "places": "No places yet. They follow the map.",
    "changes": "Nothing to compare yet.",
    "submit": "Nothing is marked yet. Submitted like this, it is a case without tumour.",
    "training": "Nothing is known of trainings yet.",
}


class Face(NamedTuple):
    """What a stage shows.

    Args:
        state: of :data:`EMPTY`, :data:`BUSY`, :data:`READY`, :data:`ERROR`.
        text: a sentence for the reader.
        progress: share that is done, 0 to 1; None: not known (a bar that runs, while it is busy).
    """

    state: str
    text: str
    progress: Optional[float] = None

    @property
    def busy(self) -> bool:
        """Whether it works on something."""
        return self.state == BUSY


def empty(stage: str) -> Face:
    """The face of a stage at which there is nothing yet. KeyError for another stage."""
    return Face(EMPTY, NOTHING_YET[stage])


def busy(text: str, progress: Optional[float] = None) -> Face:
    """The face of a stage that works."""
    return Face(BUSY, text, progress)


def ready(text: str) -> Face:
    """The face of a stage that is done."""
    return Face(READY, text)


def error(text: str) -> Face:
    """The face of a stage that failed."""
    return Face(ERROR, text)


def queue_face(status: Dict[str, object], work: str, doing: str) -> Face:
    """The face of a request that waits or is computed, from ``GET /queue/``.

    Args:
        status: the server's answer.
        work: name of the task.
        doing: what it does, for people.

    Example:
        >>> queue_face({"mine": [{"work": "unet3d", "state": "computing", "done_s": 3, "rest_s": 9}]}, "unet3d", "Segmenting")
        Face(state='busy', text='Segmenting, about 9 s to go.', progress=0.25)
        >>> queue_face({"mine": [{"work": "unet3d", "state": "waiting", "ahead": 2}]}, "unet3d", "Segmenting").text
        'Waiting: 2 requests before this one.'
    """
    mine = [entry for entry in status.get("mine", []) if isinstance(entry, dict) and entry.get("work") == work]  # type: ignore[attr-defined]
    if not mine:
        return busy(f"{doing} …")
    entry = mine[-1]
    ahead = int(entry.get("ahead") or 0)
    if entry.get("state") in ("waiting", "joined") and ahead:
        return busy(f"Waiting: {ahead} request{'s' if ahead > 1 else ''} before this one.", 0.0)
    rest, done = entry.get("rest_s"), float(entry.get("done_s") or 0.0)
    if entry.get("state") != "computing" or rest is None:
        return busy(f"{doing} …")
    return busy(f"{doing}, about {max(1, round(float(rest)))} s to go.", done / max(done + float(rest), 1e-6))
