"""Storing what a reader submits: as a new version, with what it changed, and with its event in the audit log, together or not at all."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session

from gliolabel.errors import GlioLabelError, InputError, UnknownError
from gliolabel.labelserver.accepted import role_of
from gliolabel.labelserver.corrections import correction, find_origin
from gliolabel.labelserver.submissions import Submission, read_submission
from gliolabel.labelserver.wire import label_tag
from gliolabel.state.audit import add_event
from gliolabel.state.labels import FINAL, ORIGINAL, UNCERTAINTY
from gliolabel.state.outbox import add_sending
from gliolabel.state.tables import LabelRow
from gliolabel.studies.writing import write_volume

if TYPE_CHECKING:
    from gliolabel.labelserver.datastore import CaseDatastore

_LOG = logging.getLogger(__name__)
#: The tags of MONAI Label's reviewer plugin.
_REVIEWER: Final = re.compile(r"version_\d{1,6}")
#: What the server says of a label. A client that sends it back, or makes it up, is not believed.
FACTS: Final = frozenset({"volumes_ml", "correction", "reviewed", "accepted_from", "version", "author", "ts", "name", "model_version"})
_NOBODY: Final = "unknown"
#: What a client says of these is free text; so much of it is kept.
_AUTHOR_LENGTH: Final = 128
_VERSION_LENGTH: Final = 128
_MODEL_LENGTH: Final = 64


@dataclass(frozen=True)
class Stored:
    """A submission that was stored.

    Args:
        row: the version.
        submission: what was read.
        correction: what it changed, as it is stored; None when no mask is known that it began from.
    """

    row: LabelRow
    submission: Submission
    correction: Mapping[str, Any] | None

    def reply(self) -> dict[str, Any]:
        """What the client is told."""
        empty = not any(self.submission.volumes_ml.values())
        return {
            "image": self.row.case_id,
            "label": self.row.case_id,
            "tag": self.row.tag,
            "version": self.row.version,
            "volumes_ml": dict(self.submission.volumes_ml),
            "correction": self.correction,
            "ignored": self.submission.notes(),
            "warnings": ["no voxel is labelled: stored as a case without tumour"] if empty else [],
        }


def submit(cases: CaseDatastore, image_id: str, path: Path, *, tag: str, info: Mapping[str, Any], reader: str = "") -> Stored:
    """Store a label as a new version.

    Args:
        cases: the cases.
        image_id: of which case.
        path: the file as it was received.
        tag: under which tag.
        info: what the client says about it, and under ``user`` who logged in.
        reader: who submits, by the name under which the reader was given a mask.

    Raises:
        InputError: unknown image, or the label does not fit (see :func:`read_submission`); nothing was stored.
        UnavailableError: the disk is full or the database cannot be written; nothing was stored.
    """
    try:
        cases.require(image_id)
    except UnknownError as error:
        raise InputError(f"{error} Nothing was stored.") from error
    grid = cases.case(image_id, sequence="t1").case.grid()
    if label_tag(tag) == UNCERTAINTY:
        raise InputError(f"The tag {tag} holds the server's own map and cannot be written.")
    by_reviewer = _REVIEWER.fullmatch(tag) is not None
    submission = read_submission(
        path, label_info=info.get("label_info"), grid=grid, case_id=image_id, label_set=cases.label_set, named_by_value=by_reviewer
    )
    kept = {key: value for key, value in info.items() if key != "user" and key not in FACTS}
    kept["volumes_ml"] = dict(submission.volumes_ml)
    author = _author(info, by_reviewer=by_reviewer)
    model_version = str(info.get("model_version") or "")[:_VERSION_LENGTH]
    if tag == ORIGINAL:  # a model's own mask
        changed = None
    else:
        origin = find_origin(image_id, reader=reader, model_version=model_version, masks=cases.masks, labels=cases.labels)
        found = origin and correction(submission.array, origin, case_id=image_id, label_set=cases.label_set, voxel_ml=grid.voxel_ml)
        changed = found.as_json(origin) if origin and found else None
        model_version = f"{origin.model} {origin.version}" if origin else model_version or cases.last_segmentation(image_id)
        kept["correction"] = changed
        if any(lease.strategy == "review" for lease in cases.leases.of(image_id)):
            kept["reviewed"] = True
    row = cases.labels.add(
        image_id,
        tag=tag,
        write=lambda target: write_volume(submission.array, grid, target),
        author=author,
        model_version=model_version,
        info=kept,
        with_it=None if tag == ORIGINAL else _note_for(cases),
    )
    _LOG.info("case %s: label %s version %d stored", image_id, tag, row.version)
    try:
        if tag != ORIGINAL:
            cases.leases.end(image_id)
        if tag == FINAL:
            _give_role(cases, row)
        accept_if_approved(cases, row, by=str(info.get("user") or ""))
    except GlioLabelError as error:  # the label is stored: who is told otherwise submits it again
        _LOG.warning("case %s: label %s version %d is stored, but: %s", image_id, tag, row.version, error)
    return Stored(row, submission, changed)


def accept_if_approved(cases: CaseDatastore, row: LabelRow, *, by: str = "") -> None:
    """A label ``version_N`` that was approved in MONAI Label's reviewer plugin becomes the newest ``final`` one too.

    In MONAI Label's own datastore such a label never reaches a training.

    Args:
        cases: the cases.
        row: the label.
        by: who approves it, if that is known better than by the name that the reviewer plugin sends.
    """
    approval = row.info.get("segmentationMeta")
    if not _REVIEWER.fullmatch(row.tag) or not isinstance(approval, Mapping) or not was_approved(row.info):
        return
    author = by or str(approval.get("approvedBy") or row.author)
    accepted = cases.labels.accept(row, author=author[:_AUTHOR_LENGTH], with_it=_note_for(cases))
    if accepted is not None:
        _LOG.info("case %s: label %s was approved and is final version %d", row.case_id, row.tag, accepted.version)
        _give_role(cases, accepted)


def was_approved(info: Mapping[str, Any]) -> bool:
    """Whether a label was approved in MONAI Label's reviewer plugin."""
    approval = info.get("segmentationMeta")
    return isinstance(approval, Mapping) and str(approval.get("status")).casefold() == "approved"


def _author(info: Mapping[str, Any], *, by_reviewer: bool) -> str:
    approval = info.get("segmentationMeta")
    # The reviewer plugin sends back the annotator's client id.
    reviewer = approval.get("approvedBy") if by_reviewer and isinstance(approval, Mapping) else None
    return str(info.get("user") or reviewer or info.get("client_id") or "")[:_AUTHOR_LENGTH]


def _note_for(cases: CaseDatastore) -> Callable[[Session, LabelRow], None]:
    """What is stored together with a label."""

    def note(session: Session, row: LabelRow) -> None:
        _note(session, row)
        if row.tag == FINAL and cases.sends_accepted and row.case_id in cases.studies:
            add_sending(session, row.case_id, what=FINAL, version=row.version, actor=row.author or _NOBODY)

    return note


def _note(session: Session, row: LabelRow) -> None:
    model, _, version = row.model_version.partition(" ")
    details = {key: row.info.get(key) for key in ("volumes_ml", "correction", "accepted_from") if row.info.get(key) is not None}
    add_event(
        session,
        "submission",
        actor=row.author or _NOBODY,
        case_id=row.case_id,
        model=model[:_MODEL_LENGTH],
        version=version,
        reason="approved by a reviewer" if "accepted_from" in details else "",
        details={"tag": row.tag, "label_version": row.version, **details},
    )


def _give_role(cases: CaseDatastore, row: LabelRow) -> None:
    if not cases.gives_roles:
        return
    # The label is stored. A role that cannot be given now is given before the first training.
    try:
        role_of(cases, row)
    except (GlioLabelError, OSError) as error:
        _LOG.warning("case %s has no role yet: %s", row.case_id, error)
