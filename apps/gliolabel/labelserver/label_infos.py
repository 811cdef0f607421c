"""What clients are told of a stored label or map, and the file names that they store images under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gliolabel.state.files import file_stem
from gliolabel.state.tables import LabelRow, MapRow
from gliolabel.studies.files import split_extension

#: Keys of a label's info that `GET /datastore/?output=all` leaves out: it is read at every Next Sample.
_BULKY = ("uncertainty", "latencies", "warnings", "notice", "correction")


def public_name(image_id: str, file_name: str) -> str:
    """The file name under which a client stores an image: the case's own, so that Slicer's download cache never mixes two cases up."""
    extension = (split_extension(f"x{file_name}") or ("", ".nii.gz"))[1]
    plain = all(sign.isalnum() or sign in "._-" for sign in image_id) and image_id.isascii()
    return f"{image_id if plain else file_stem(image_id)}{extension}"


def label_info(row: LabelRow) -> dict[str, Any]:
    """What is known of a label version."""
    facts = {"version": row.version, "author": row.author, "ts": int(row.created.timestamp()), "name": f"{file_stem(row.case_id)}.nii.gz"}
    if row.model_version:
        facts["model_version"] = row.model_version
    return {**row.info, **facts}


def map_info(row: MapRow) -> dict[str, Any]:
    """What is known of a map run, as the info of the label ``uncertainty``."""
    return {
        "model": row.model,
        "model_version": row.version,
        "measure": "std",
        "passes": row.passes,
        "seed": row.seed,
        "uncertainty": row.scores,
        "ts": int(row.created.timestamp()),
        "name": f"{file_stem(row.case_id)}.nii.gz",
    }


def brief(info: Mapping[str, Any]) -> dict[str, Any]:
    """An info without what is bulky and what only the case's own page needs."""
    short = {key: value for key, value in info.items() if key not in _BULKY}
    if isinstance(short.get("params"), Mapping):
        short["params"] = {key: value for key, value in short["params"].items() if key == "label_names"}
    return short
