"""What a retraining is made of: written down whole before it begins, and never changed."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gliolabel.errors import InputError
from gliolabel.state.roles import Role
from gliolabel.studies import Case
from gliolabel.studies.files import LabelFile, VolumeFile
from gliolabel.studies.numbering import GLIOLABEL


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class JobFile(_Part):
    """A volume, see :class:`~gliolabel.studies.files.VolumeFile`."""

    path: Path
    component: int | None = None


class JobCase(_Part):
    """A case with its accepted label.

    Args:
        case_id: the case.
        patient: whose it is.
        role: what it is for.
        sequences: its files.
        label: the label's file, in our values on the reference grid.
        label_version: which version of the label.
        label_sha256: of that file.
        source: ``replay`` if the champion has learned from this very label, else ``accepted``.
        weight: how often patches are drawn from it, in proportion to the others; 0 unless it is for training.
    """

    case_id: str
    patient: str
    role: Role
    sequences: dict[str, JobFile]
    label: Path
    label_version: int
    label_sha256: str
    source: Literal["accepted", "replay"]
    weight: float = Field(default=0.0, ge=0)

    def case(self) -> Case:
        """The case with this label in place of the one beside it."""
        files = {name: VolumeFile(file.path, file.component) for name, file in self.sequences.items()}
        return Case(self.case_id, files, LabelFile(self.label, GLIOLABEL))


class Owner(_Part):
    """Who began a training.

    Args:
        name: the user who logged in, what the client calls itself, or what began it.
        address: of the client's machine; empty for a user who logged in.
    """

    name: str
    address: str = ""


class Job(_Part):
    """A retraining.

    Args:
        id: names it and its folder.
        model: name of the model.
        created: when it was asked for.
        owner: by whom.
        champion: version of the model that it starts from.
        champion_sha256: of that version's weights file.
        champion_path: that file.
        state: the state folder.
        cases: all cases with an accepted label.
        epochs: passes of a hundred steps.
        learning_rate: the highest.
        device: where to train.
        promote: whether to promote the new version if the gate allows it.
        seed: of all draws.
    """

    id: str
    model: str
    created: datetime
    owner: Owner
    champion: str
    champion_sha256: str
    champion_path: Path
    state: Path
    cases: tuple[JobCase, ...]
    epochs: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    device: str
    promote: bool
    seed: int

    @model_validator(mode="after")
    def _no_patient_on_two_sides(self) -> Self:
        sides: dict[str, set[Role]] = {}
        for case in self.cases:
            sides.setdefault(case.patient, set()).add(case.role)
            if (case.weight > 0) != (case.role == Role.TRAIN):
                raise ValueError(f"case {case.case_id}: has the role {case.role} and the weight {case.weight}")
        torn = sorted(patient for patient, roles in sides.items() if len(roles) > 1)
        if torn:
            raise ValueError(f"patient {torn[0]} has cases of several roles ({', '.join(sorted(sides[torn[0]]))}); expected one")
        return self

    def of_role(self, role: Role) -> list[JobCase]:
        """The cases of a role."""
        return [case for case in self.cases if case.role == role]

    def learns_from(self) -> str:
        """A digest of all that decides about the result: two jobs with the same would make the same weights."""
        # Where a case's files lie does not change what they are.
        cases = {"__all__": {"sequences", "label"}}
        left_out: Any = {**dict.fromkeys(("id", "created", "owner", "seed", "promote", "champion_path", "device"), True), "cases": cases}
        content = self.model_dump_json(exclude=left_out)
        return hashlib.sha256(content.encode()).hexdigest()

    def labels(self) -> dict[str, str]:
        """SHA-256 of the labels that are trained on, by case."""
        return {case.case_id: case.label_sha256 for case in self.of_role(Role.TRAIN)}


class Outcome(BaseModel):
    """How a retraining ended.

    Args:
        status: ``DONE``, ``STOPPED`` or ``ERROR``.
        sentence: for people.
        version: the version that it made, if it came so far.
        decision: the gate's: ``promote``, ``refuse`` or ``unproven``.
        promoted: whether the version is served now.
        stats: the last of its progress.
        final: whether it is over. False: the cause lies outside, such as a full disk, and it can be continued.
    """

    model_config = ConfigDict(frozen=True)

    status: Literal["DONE", "STOPPED", "ERROR"]
    sentence: str
    version: str = ""
    decision: str = ""
    promoted: bool = False
    stats: dict[str, Any] = Field(default_factory=dict)
    final: bool = True


def check_images(training: dict[str, dict[str, str]], locked: dict[str, dict[str, str]]) -> None:
    """Refuse a training on an image that is also a locked case's, under whatever name.

    Args:
        training: SHA-256 of the image files of the training cases, by case and sequence.
        locked: the same of the locked cases.

    Raises:
        InputError: naming both.
    """
    of = {checksum: case_id for case_id, files in locked.items() for checksum in files.values()}
    for case_id, files in training.items():
        for sequence, checksum in files.items():
            if checksum in of:
                raise InputError(
                    f"case {case_id}: its {sequence} is the very file of case {of[checksum]}, which is locked: no training may see it. "
                    "Remove one of the two cases from the study folder."
                )
