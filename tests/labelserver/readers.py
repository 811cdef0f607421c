"""Readers who submit labels through the unmodified client, and what the server has stored of it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import requests
import SimpleITK as sitk
from monailabel.client.client import MONAILabelClientException
from tests.labelserver.conftest import Server
from tests.labelserver.test_server import reference

from gliolabel.state import Database, StateFolder
from gliolabel.state.audit import AuditLog
from gliolabel.state.files import file_sha256
from gliolabel.state.labels import LabelStore
from gliolabel.state.tables import AuditRow, LabelRow, MapRow, MaskRow

#: As the plugin sends it: the order of the export, and an idx that counts what was left out.
INFO = [{"name": "enhancing tumor", "idx": 1}, {"name": "necrosis", "idx": 2}, {"name": "edema", "idx": 3}]
#: Our value by the value in the file, with :data:`INFO`.
OURS = np.array([0, 3, 1, 2], np.uint8)
#: The same the other way round.
SENT = np.argsort(OURS).astype(np.int16)


def write_label(server: Server, case_id: str, array: np.ndarray, path: Path) -> Path:
    """A label file as the plugin sends it.

    Args:
        server: has the case.
        case_id: the case.
        array: our values.
        path: of the file.
    """
    label = sitk.GetImageFromArray(SENT[array])
    label.CopyInformation(sitk.ReadImage(str(reference(server, case_id))))
    sitk.WriteImage(label, str(path), useCompression=True)
    return path


def edema(server: Server, case_id: str, voxels: int, path: Path) -> Path:
    """The file of a label with so many voxels of edema."""
    size = sitk.ReadImage(str(reference(server, case_id))).GetSize()
    array = np.zeros(size[::-1], np.uint8)
    array.ravel()[:voxels] = 2
    return write_label(server, case_id, array, path)


def array_of_row(server: Server, row: LabelRow) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(server.state / str(row.path))))


@dataclass(frozen=True)
class Job:
    """One label that a reader submits; the server keeps its number as a comment."""

    number: int
    case_id: str
    file: Path


class Reader(threading.Thread):
    """A reader who submits one label after the other, and stops at one that is not answered: it is in ``errors`` by its number."""

    def __init__(self, server: Server, name: str, jobs: Iterable[Job]) -> None:
        super().__init__(name=name, daemon=True)
        self.client = server.client(name)
        self.jobs = jobs
        self.replies: dict[int, dict[str, Any]] = {}
        self.errors: dict[int, Exception] = {}

    def run(self) -> None:
        for job in self.jobs:
            params = {"label_info": INFO, "model": "unet3d", "client_id": self.name, "comment": str(job.number)}
            try:
                self.replies[job.number] = self.client.save_label(job.case_id, str(job.file), params=params)
            except (MONAILabelClientException, OSError, requests.RequestException) as error:
                self.errors[job.number] = error
                return


@dataclass(frozen=True)
class Stored:
    """What a state folder holds: labels that were submitted, and the events of it."""

    rows: list[LabelRow]
    events: list[AuditRow]

    @classmethod
    def of(cls, server: Server) -> Stored:
        database = Database(StateFolder(server.state))
        labels, log = LabelStore(database), AuditLog(database)
        cases = sorted(set().union(*labels.cases_by_tag().values()))
        rows = [row for case_id in cases for row in labels.versions(case_id) if row.author != "import"]
        events = log.entries(event="submission")
        database.close()
        return cls(rows, events)

    @property
    def by_number(self) -> dict[int, LabelRow]:
        """The rows by the numbers of the jobs."""
        found = {int(row.info["comment"]): row for row in self.rows}
        assert len(found) == len(self.rows), "a label was stored twice"
        return found

    def check(self, server: Server) -> None:
        """Every version is whole, under its own name and in the audit log, and versions count up without a gap."""
        for row in self.rows:
            path = server.state / str(row.path)
            assert file_sha256(path) == row.sha256
            array_of_row(server, row)
        assert len({row.path for row in self.rows}) == len(self.rows)
        noted = [(event.case_id, event.details["tag"], event.details["label_version"], event.actor) for event in self.events]
        assert sorted(noted) == sorted((row.case_id, row.tag, row.version, row.author) for row in self.rows)
        numbers: dict[tuple[str, str], list[int]] = {}
        for row in self.rows:
            numbers.setdefault((row.case_id, row.tag), []).append(row.version)
        for versions in numbers.values():
            assert versions == list(range(versions[0], versions[0] + len(versions)))


def unexplained_files(server: Server) -> set[str]:
    """Files of labels, uploads, maps, masks and requests in the state folder that are named by nothing."""
    state = server.state
    database = Database(StateFolder(state))
    with database.reading() as session:
        named = {path for row in session.query(LabelRow) if (path := row.path)} | {row.path for row in session.query(MaskRow)}
        named |= {path for row in session.query(MapRow) for path in row.paths.values()}
    database.close()
    folders = (state / "labels", state / "uploads", state / "maps", state / "masks", state / "cache" / "requests")
    there = {path.relative_to(state).as_posix() for folder in folders for path in folder.rglob("*") if path.is_file()}
    return there - named
