"""The accepted labels with the roles of their cases: what a training may learn from, and what versions are compared on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gliolabel.errors import GlioLabelError, UnavailableError
from gliolabel.selection.candidates import tumour_mix
from gliolabel.state.labels import FINAL, IMPORT_AUTHOR
from gliolabel.state.roles import Role, Roles
from gliolabel.state.tables import LabelRow
from gliolabel.studies.ids import patient_of

if TYPE_CHECKING:
    from gliolabel.labelserver.datastore import CaseDatastore
    from gliolabel.recipes.training_list import TrainingList

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class AcceptedLabel:
    """The newest ``final`` label of a case.

    Args:
        case_id: the case.
        patient: whose examination it is.
        role: what the case is for.
        label_version: number of the version.
        author: who submitted it.
        sha256: of the label file, hexadecimal.
        path: the label file: uint8 (z, y, x) on the case's reference grid, values 0 to 3.
        created: when.
        imported: it was found beside the case; nobody corrected it here.
    """

    case_id: str
    patient: str
    role: Role
    label_version: int
    author: str
    sha256: str
    path: Path
    created: datetime
    imported: bool


def accepted(cases: CaseDatastore, roles: Roles) -> list[AcceptedLabel]:
    """The accepted labels of all cases that are there, in the order of the cases.

    A case that is seen for the first time gets its role. The images of cases with an accepted label are hashed, each once. A case that
    cannot be read is left out, and the log says so.

    Args:
        cases: the cases.
        roles: their roles.

    Raises:
        UnavailableError: the disk is full or the database cannot be written.
    """
    seen = cases.training_lists.current(anew=True)
    labels = cases.survey.labels()
    ready: list[tuple[LabelRow, Path, _Facts]] = []
    for case_id in cases.list_images():
        row = labels.get(case_id, {}).get(FINAL)
        if row is None:
            continue
        try:
            path, row = cases.label_file(row)
            ready.append((row, path, _facts(cases, row, roles=roles, seen=seen)))
        except UnavailableError:  # the disk is full: the next case would fail too
            raise
        except (GlioLabelError, OSError) as error:
            _LOG.warning("case %s is left out of training: %s", case_id, error)
    # Those of the training lists first: another scan of their patient is not dealt a role that does not last.
    for row, _, facts in sorted(ready, key=lambda item: not item[2].trained_on):
        facts.assign(row.case_id, roles)
    known = roles.all()
    return [
        AcceptedLabel(
            case_id=row.case_id,
            patient=known[row.case_id].patient,
            role=Role(known[row.case_id].role),
            label_version=row.version,
            author=row.author,
            sha256=str(row.sha256),
            path=path,
            created=row.created,
            imported=row.author == IMPORT_AUTHOR,
        )
        for row, path, _ in ready
    ]


def role_of(cases: CaseDatastore, row: LabelRow) -> Role:
    """The role of a case with an accepted label; it is given one at first sight.

    Args:
        cases: the cases.
        row: the accepted label.

    Raises:
        InputError: a file of the case, or a weights file, cannot be read.
        UnavailableError: the database cannot be written.
    """
    facts = _facts(cases, row, roles=cases.roles, seen=cases.training_lists.current())
    return facts.assign(row.case_id, cases.roles)


@dataclass(frozen=True)
class _Facts:
    """What decides about the role of a case."""

    patient: str
    trained_on: bool
    volume_ml: float | None

    def assign(self, case_id: str, roles: Roles) -> Role:
        return roles.assign(case_id, patient=self.patient, volume_ml=self.volume_ml, trained_on=self.trained_on)


def _facts(cases: CaseDatastore, row: LabelRow, *, roles: Roles, seen: TrainingList) -> _Facts:
    there = roles.of(row.case_id)
    if there is not None and there.role == Role.TRAIN:
        return _Facts(there.patient, trained_on=False, volume_ml=None)  # nothing can change any more
    case = cases.case(row.case_id, sequence="t1").case
    trained_on = seen.has(row.case_id, cases.checksums.of_all({file.path for file in case.files().values()}).values())
    if there is not None:
        return _Facts(there.patient, trained_on=trained_on, volume_ml=None)
    patient = roles.patient(case.patient) if case.patient else patient_of(row.case_id)
    return _Facts(patient, trained_on=trained_on, volume_ml=_volume_ml(cases, row))


def _volume_ml(cases: CaseDatastore, row: LabelRow) -> float | None:
    measured = row.info.get("volumes_ml")
    if not isinstance(measured, dict):
        ref = cases.case(row.case_id, sequence="t1")
        counts = dict(enumerate(np.bincount(cases.read_label(ref, row).ravel()).tolist()))
        measured = cases.label_set.volumes_ml(counts, voxel_ml=ref.case.grid().voxel_ml)
    return tumour_mix(measured)[0]
