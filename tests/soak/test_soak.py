"""A minute of soak, and what it stands on: labels that tell of themselves, and checks that find what is broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.soak.checking import check_stored
from tests.soak.ledger import Ledger, Submission
from tests.soak.marked_labels import Mark, draw, read_mark
from tests.soak.report import table
from tests.soak.run import soak
from tests.soak.site import Site

from gliolabel.state import Database, StateFolder
from gliolabel.state.audit import add_event
from gliolabel.state.labels import FINAL, LabelStore
from gliolabel.studies import Grid
from gliolabel.studies.writing import write_volume

TUMOURS = {number: np.full((8, 20, 20), number % 4, np.uint8) for number in range(3)}
MARK = Mark(case=2, client=65535, count=300)


def test_a_label_tells_of_itself() -> None:
    label = draw(MARK, TUMOURS[2])
    assert read_mark(label, TUMOURS) == MARK
    assert (label[1:] == TUMOURS[2][1:]).all()
    other = draw(replace(MARK, count=301), TUMOURS[2])
    assert (label != other).sum() > 100


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda label: np.where(np.indices(label.shape)[0] == 5, 0, label), "400 of its 3200 voxels"),
        (lambda label: np.concatenate([label[:4], draw(Mark(1, 1, 1), TUMOURS[1])[4:]]), "1600 of its 3200 voxels"),
        (lambda label: np.concatenate([label[:1, :, ::-1], label[1:]]), "voxels|no mark"),
        (lambda label: TUMOURS[0], "no mark"),
        (lambda label: draw(Mark(7, 1, 1), TUMOURS[1]), "names no case"),
    ],
)
def test_a_label_that_was_changed_is_seen(change: object, said: str) -> None:
    assert callable(change)
    with pytest.raises(ValueError, match=said):
        read_mark(change(draw(MARK, TUMOURS[2])), TUMOURS)


class Stored:
    """A state folder with two submissions as it must be, and the ledger that goes with it."""

    def __init__(self, folder: Path) -> None:
        self.site, self.ledger = Site(folder), Ledger()
        self.site.__dict__.update(case_ids=("A", "B"), tumours={0: TUMOURS[0], 1: TUMOURS[1]})
        self.site.temporary.mkdir()
        self.database = Database(StateFolder(self.site.state).create())
        self.store("A", Mark(0, 1, 1), version=1)
        self.store("A", Mark(0, 2, 1), version=2)

    def store(self, case_id: str, mark: Mark, *, version: int, told: bool = True, noted: bool = True) -> Path:
        author = f"reader-{mark.client}"
        label = draw(mark, self.site.tumours[mark.case])
        grid = Grid(size=label.shape[::-1], spacing=(1.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0), direction=(1, 0, 0, 0, 1, 0, 0, 0, 1))
        details = {"tag": FINAL, "label_version": version}
        row = LabelStore(self.database).add(
            case_id,
            tag=FINAL,
            author=author,
            write=lambda path: write_volume(label, grid, path),
            with_it=lambda session, _: noted and add_event(session, "submission", actor=author, case_id=case_id, details=details),
        )
        if told:
            self.ledger.submissions.append(Submission(mark, self.site.case_ids[mark.case], author, status=200, version=row.version))
        return self.site.state / str(row.path)

    def broken(self) -> str:
        self.database.close()
        self.numbers = check_stored(self.site, self.ledger, changes=0)
        return "\n".join(self.ledger.broken)


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return Stored(tmp_path)


def test_nothing_is_broken_where_all_is_well(stored: Stored) -> None:
    stored.store("B", Mark(1, 3, 1), version=1, told=False)
    stored.ledger.submissions += [Submission(Mark(1, 3, 1), "B", "reader-3"), Submission(Mark(1, 3, 2), "B", "reader-3")]
    stored.ledger.submissions += [Submission(Mark(1, 3, 3), "B", "reader-3", status=503)]
    assert stored.broken() == ""
    assert stored.numbers == {"stored": 2, "refused": 1, "unanswered": 2, "unanswered_stored": 1}


def test_what_is_broken_is_found(stored: Stored) -> None:
    stored.store("B", Mark(0, 3, 1), version=1)  # under a wrong case
    stored.store("A", Mark(0, 1, 1), version=3, told=False, noted=False)  # twice, and not in the audit log
    stored.ledger.submissions += [Submission(Mark(1, 5, 1), "B", "reader-5", status=200, version=9)]  # lost
    stored.store("A", Mark(0, 5, 2), version=4)
    stored.ledger.submissions[-1].status = 503  # told that it was not stored
    damaged = stored.store("A", Mark(0, 6, 1), version=5)
    damaged.write_bytes(damaged.read_bytes()[:-20])
    (damaged.parent / ".half.nii.gz").write_bytes(b"half")
    (stored.site.temporary / "upload").write_bytes(b"left")
    broken = stored.broken()
    for said in (
        "label version 1 of B by reader-3: its voxels are Mark(case=0",
        "label version 3 of A is stored twice",
        "the audit log lacks 1 submission of ('A', 3, 'reader-1')",
        "Mark(case=1, client=5, count=1), case_id='B', author='reader-5', status=200, version=9) was answered 200, and lost",
        "status=503, version=4) was refused, and is stored as version 4",
        f"{damaged.name} is not what was stored",
        ".half.nii.gz",
        "temporary/upload",
    ):
        assert said in broken, broken


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_minute_of_it(tmp_path: Path) -> None:
    result = soak(tmp_path / "soak", seconds=60)
    print("\n".join(table(result)))
    assert result["broken"] == []
    assert result["submissions"]["stored"] > 5
    assert result["disturbances"]["server killed"] >= 1
    assert all(result["latency_ms"][kind]["n"] for kind in ("info", "next sample", "segment", "map", "submit"))
