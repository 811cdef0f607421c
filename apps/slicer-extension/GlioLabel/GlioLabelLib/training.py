"""How far a training is and how it ended, in words. Pure functions of the server's answers."""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional

from .words import short_text

RUNNING = ("SUBMITTED", "RUNNING")


class Progress(NamedTuple):
    """A training, for the panel.

    Args:
        running: whether it goes on.
        share: how much is done, 0 to 1; None: it is not known yet.
        text: how far it is, or how it ended.
        failed: whether it ended badly.
        version: the version that came of it, or nothing.
        promoted: whether that version is served.
    """

    running: bool
    share: Optional[float]
    text: str
    failed: bool = False
    version: str = ""
    promoted: bool = False


def describe(run: Optional[Dict[str, Any]]) -> Progress:
    """What the server says of the training that is under way, or was the last one.

    Args:
        run: answer of ``GET /train/``; None: there was none since the server started.

    Example:
        >>> describe({"status": "RUNNING", "request": {"model": "unet3d"}, "progress": {"epoch": 3, "total_epochs": 12}}).text
        'unet3d: epoch 3 of 12.'
        >>> describe({"status": "ERROR", "request": {"model": "unet3d"}, "details": ["stopped by an error: No room.", "ERROR"]}).text
        'unet3d: stopped by an error: No room.'
    """
    if run is None:
        return Progress(False, None, "No training since the server started.")
    model = str((run.get("request") or {}).get("model", "the model"))
    stats = run.get("progress") or {}
    status = str(run.get("status", ""))
    result = run.get("result") or {}
    if status in RUNNING:
        return _under_way(model, run, stats)
    said = [short_text(line).rstrip(".") for line in run.get("details", []) if line != status]  # the last line only repeats the status
    if status == "STOPPED":
        return Progress(False, None, f"{model}: {said[-1] if said else 'stopped'}.")
    if status != "DONE":
        return Progress(False, None, f"{model}: {said[-1] if said else 'it failed'}.", failed=True)
    version, promoted = str(result.get("version") or ""), bool(result.get("promoted"))
    sentence = str(result.get("sentence") or f"{model}: the training ended.")  # the gate's verdict, in the server's words
    return Progress(False, 1.0, sentence, version=version, promoted=promoted)


def _under_way(model: str, run: Dict[str, Any], stats: Dict[str, Any]) -> Progress:
    total, epoch = stats.get("total_epochs"), stats.get("epoch")
    said = short_text(run["details"][-1]) if run.get("details") else "it begins"
    if not isinstance(total, (int, float)) or not total or not isinstance(epoch, (int, float)):
        return Progress(True, None, f"{model}: {said}.")
    dice = stats.get("best_metric")
    quality = f" Best Dice on the validation cases: {dice:.3f}." if isinstance(dice, (int, float)) else ""
    share = min(1.0, max(0.0, float(epoch) / float(total)))
    if share >= 1.0:
        return Progress(True, None, f"{model}: all {total:g} epochs done, the gate compares it with what is served. {said}")
    return Progress(True, share, f"{model}: epoch {epoch:g} of {total:g}.{quality}")
