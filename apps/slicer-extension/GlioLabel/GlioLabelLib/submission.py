"""What is submitted: a label map in the server's own values, and who, how, from what."""

from __future__ import annotations

from typing import Any, Dict, Optional

from .segmentation import Read
from .words import TISSUES

#: A comment is kept with the label.
COMMENT_LENGTH = 1000


def about_label(comment: str, origin: str, checked: int, places: int) -> Dict[str, Any]:
    """What is sent with a label.

    Args:
        comment: the reader's, or nothing.
        origin: what made the mask that it began as, e.g. ``unet3d starter-1``.
        checked: places that were ticked.
        places: places that there were.

    Example:
        >>> about_label(" looks fine ", "unet3d starter-1", 2, 5)["label_info"]
        [{'name': 'necrosis', 'idx': 1}, {'name': 'edema', 'idx': 2}, {'name': 'enhancing tumor', 'idx': 3}]
    """
    about: Dict[str, Any] = {"label_info": [{"name": tissue.name, "idx": tissue.value} for tissue in TISSUES]}
    if origin:
        about["model_version"] = origin
    if comment.strip():
        about["comment"] = comment.strip()[:COMMENT_LENGTH]
    if places:
        about["places"] = {"checked": checked, "of": places}
    return about


def objection(read: Read) -> Optional[str]:
    """Why a mask cannot be submitted as it is, or None."""
    if not read.strangers:
        return None
    listed = ", ".join(f"{name!r} ({count} voxels)" for name, count in read.strangers)
    names = ", ".join(tissue.name for tissue in TISSUES)
    return f"The segment {listed} is none of {names}, so it cannot be stored. Rename it, or delete it, and submit again."


def sentence(reply: Dict[str, Any], overlapping: int) -> str:
    """What the server says of a label that it stored, in words.

    Example:
        >>> sentence({"version": 2, "correction": {"relabelled_voxels": 5, "dice": {"WT": 0.98}}, "warnings": [], "ignored": []}, 0)
        'Stored as version 2. It differs from the mask of the model in 5 voxels (Dice of the whole tumour 0.980).'
    """
    words = [f"Stored as version {reply.get('version')}."]
    correction = reply.get("correction")
    if isinstance(correction, dict):
        changed = int(correction.get("relabelled_voxels") or 0)
        dice = (correction.get("dice") or {}).get("WT")
        share = f" (Dice of the whole tumour {dice:.3f})" if isinstance(dice, (int, float)) else ""
        words.append(
            f"It differs from the mask of the model in {changed} voxel{'s' if changed != 1 else ''}{share}."
            if changed
            else "It is the mask of the model, unchanged."
        )
    if overlapping:
        words.append(f"{overlapping} voxels were in two segments; the lower one in the list has them.")
    words += [f"{str(note).capitalize()}." for note in [*reply.get("warnings", []), *reply.get("ignored", [])]]
    return " ".join(words)
