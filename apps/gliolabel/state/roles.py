"""What a case is for: training, validation, or the locked cases that no training sees.

A patient gets a role when the first case of theirs is seen, and keeps it; every further case of the patient has the same. The rule:

1. A case that stands in the training list of a weights file is for training, for ever, and so are all cases of its patient. This is the
   only way in which a role changes afterwards: what a model has seen cannot test one.
2. Any other patient is dealt a role within a class of tumour size (:func:`stratum_of`). A role is due what it lacks of its share
   (:data:`SHARES`), this patient included, times the same over all classes; a hash of the patient picks among the roles in proportion to
   what they are due. So the shares hold at any time, within each class and over all, to about one patient, and the order in which cases
   come does not tell a person which role is next.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gliolabel.errors import InputError
from gliolabel.state.audit import ITSELF, add_event
from gliolabel.state.changes import next_number
from gliolabel.state.database import Database
from gliolabel.state.tables import About, RoleRow


class Role(StrEnum):
    """What a case is for."""

    TRAIN = "train"
    VALIDATION = "validation"
    #: Never seen by any training; model versions are compared on these.
    LOCKED = "locked"


#: Share of the patients of each role.
SHARES: Final[Mapping[Role, float]] = MappingProxyType({Role.TRAIN: 0.6, Role.VALIDATION: 0.15, Role.LOCKED: 0.25})
#: Where the classes of tumour size are cut (mL of the whole tumour): about the thirds of 20 BraTS cases. Fixed, or roles would depend on
#: what came later.
SIZES_ML: Final = (60, 150)
UNKNOWN_SIZE: Final = "tumour of unknown size"
#: Where the key for the names of patients is kept.
_KEY: Final = "patients"
#: Case ids named in a message.
_NAMED: Final = 10


class Roles:
    """The roles of all cases.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def assign(self, case_id: str, *, patient: str, volume_ml: float | None, trained_on: bool) -> Role:
        """The role of a case; one is given at first sight. Two processes that ask at once get the same answer.

        Args:
            case_id: the case.
            patient: whose examination it is; any text that is the same for all cases of the patient.
            volume_ml: of the whole tumour, if it is known; looked at when a patient is dealt a role.
            trained_on: the case stands in the training list of a weights file, by the checksums of its images or by its id.

        Raises:
            UnavailableError: the database cannot be written.
        """
        there = self.of(case_id)
        if there is not None and (there.role == Role.TRAIN or not trained_on):
            return Role(there.role)
        with self._database.writing() as session:
            next_number(session)  # one at a time, on databases that let several write
            row = session.get(RoleRow, case_id)
            if row is None:
                row = RoleRow(case_id=case_id, patient=patient, volume_ml=volume_ml)
                self._first_sight(session, row, trained_on=trained_on)
            if trained_on and row.role != Role.TRAIN:
                _give_up_for_training(session, row)
            return Role(row.role)

    def patient(self, told: str) -> str:
        """The name under which a patient is kept: made one way from what the source of the cases tells, with a key of this state folder.

        Without the key nobody can find a hospital's number by trying all of them.

        Args:
            told: a text that all cases of the patient have.

        Raises:
            UnavailableError: the database cannot be read, or the key cannot be written.
        """
        with self._database.reading() as session:
            key = session.get(About, _KEY)
        if key is None:
            with self._database.writing() as session:
                next_number(session)  # one at a time, on databases that let several write
                key = session.get(About, _KEY)
                if key is None:
                    key = About(key=_KEY, value=secrets.token_hex(32))
                    session.add(key)
        return f"patient-{hmac.new(key.value.encode(), told.encode(), hashlib.sha256).hexdigest()[:12]}"

    def of(self, case_id: str) -> RoleRow | None:
        """The role of a case with its reason, or None before first sight."""
        with self._database.reading() as session:
            return session.get(RoleRow, case_id)

    def all(self, case_ids: Collection[str] | None = None) -> dict[str, RoleRow]:
        """The roles of all cases that have one, by case id.

        Args:
            case_ids: only of these cases.
        """
        query = select(RoleRow).order_by(RoleRow.case_id)
        with self._database.reading() as session:
            rows = session.scalars(query if case_ids is None else query.where(RoleRow.case_id.in_(case_ids)))
            return {row.case_id: row for row in rows}

    def _first_sight(self, session: Session, row: RoleRow, *, trained_on: bool) -> None:
        other = session.scalars(select(RoleRow).filter_by(patient=row.patient).order_by(RoleRow.created).limit(1)).first()
        if other is not None:
            row.role, row.stratum = other.role, other.stratum
            row.reason = f"the same patient as case {other.case_id}"
        elif trained_on:
            row.role, row.stratum = Role.TRAIN, stratum_of(row.volume_ml)
            row.reason = "it stands in the training list of a weights file"
        else:
            row.stratum, row.dealt = stratum_of(row.volume_ml), True
            stratum, overall = _dealt(session, row.stratum), _dealt(session)
            row.role = deal(row.patient, stratum=stratum, overall=overall)
            row.reason = f"by share and hash; before it {_counted(stratum)} in its class of size, {_counted(overall)} in all"
        session.add(row)
        _note(session, row)


def refuse_locked(case_ids: Iterable[str], roles: Roles, *, patients: Mapping[str, str] | None = None) -> None:
    """Refuse to train on locked cases.

    Args:
        case_ids: what is to be trained on, and validated on while training.
        roles: the roles.
        patients: patient by case id, to recognise another case of a patient whose cases are locked; a case that is missing here goes by
            its id alone.

    Raises:
        InputError: some are locked; it names them.
    """
    rows = roles.all().values()
    locked_cases = {row.case_id for row in rows if row.role == Role.LOCKED}
    locked_patients = {row.patient for row in rows if row.role == Role.LOCKED}
    found = sorted({c for c in case_ids if c in locked_cases or (patients is not None and patients.get(c) in locked_patients)})
    if found:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise InputError(
            f"{'The cases' if len(found) > 1 else 'The case'} {', '.join(found[:_NAMED])}{more} "
            f"{'are' if len(found) > 1 else 'is'} locked: model versions are compared on {'them' if len(found) > 1 else 'it'}, so no "
            "training may see them. Leave them out; `gliolabel roles` lists what each case is for."
        )


def deal(patient: str, *, stratum: Mapping[Role, int], overall: Mapping[Role, int], shares: Mapping[Role, float] = SHARES) -> Role:
    """The role of the next patient of a stratum.

    Args:
        patient: the patient.
        stratum: how many patients of the stratum have been dealt each role.
        overall: the same of all strata.
        shares: of the roles; they add up to 1.

    Example:
        Two of two are for training, so the third is not, whoever it is:

        >>> counts = {Role.TRAIN: 2}
        >>> sorted({deal(f"P{number}", stratum=counts, overall=counts) for number in range(20)})
        [<Role.LOCKED: 'locked'>, <Role.VALIDATION: 'validation'>]
    """
    here, everywhere = _due(stratum, shares), _due(overall, shares)
    weights = {role: here[role] * everywhere[role] for role in shares}
    if not any(weights.values()):  # what this stratum lacks, the others have too much of
        weights = here
    place = int(hashlib.sha256(patient.encode()).hexdigest(), 16) / 2**256 * sum(weights.values())
    for role, weight in weights.items():
        if place < weight:
            return role
        place -= weight
    return max(weights, key=lambda role: weights[role])  # rounding


def stratum_of(volume_ml: float | None) -> str:
    """The class of tumour size, in words.

    Example:
        >>> stratum_of(12.5), stratum_of(60.0), stratum_of(None)
        ('tumour below 60 mL', 'tumour of 60 to 150 mL', 'tumour of unknown size')
    """
    small, large = SIZES_ML
    if volume_ml is None:
        return UNKNOWN_SIZE
    if volume_ml < small:
        return f"tumour below {small} mL"
    return f"tumour of {small} to {large} mL" if volume_ml < large else f"tumour of {large} mL or more"


def _due(dealt: Mapping[Role, int], shares: Mapping[Role, float]) -> dict[Role, float]:
    number = 1 + sum(dealt.values())
    return {role: max(0.0, share * number - dealt.get(role, 0)) for role, share in shares.items()}


def _dealt(session: Session, stratum: str | None = None) -> dict[Role, int]:
    query = select(RoleRow.role, func.count()).where(RoleRow.dealt).group_by(RoleRow.role)
    found = session.execute(query if stratum is None else query.where(RoleRow.stratum == stratum))
    return {Role(role): count for role, count in found}


def _give_up_for_training(session: Session, cause: RoleRow) -> None:
    """All cases of a patient become training cases."""
    for row in session.scalars(select(RoleRow).filter_by(patient=cause.patient)):
        before, row.role, row.dealt = row.role, str(Role.TRAIN), False
        which = "it" if row.case_id == cause.case_id else f"case {cause.case_id} of the same patient"
        row.reason = f"{which} stands in the training list of a weights file; it was {before} before"
        _note(session, row, before=before)


def _note(session: Session, row: RoleRow, *, before: str = "") -> None:
    details = {"role": str(row.role), "stratum": row.stratum, **({"before": before} if before else {})}
    add_event(session, "role", actor=ITSELF, case_id=row.case_id, reason=row.reason, details=details)


def _counted(dealt: Mapping[Role, int]) -> str:
    return ", ".join(f"{dealt.get(role, 0)} {role}" for role in Role)
