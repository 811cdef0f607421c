"""A study folder with damaged files in it: its cases are read or refused in words that name the file, and the others go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzzing import amounts
from tests.memory import at_most_more
from tests.studies.damages import EXTENSIONS, GRID, VOXELS, damaged, seeds
from tests.studies.test_header_fuzz import refused

from gliolabel.errors import InputError
from gliolabel.studies import Case, open_studies
from gliolabel.studies.writing import write_volume

#: Four threads read a case, each with some room of its own.
ROOM_MIB = 1024


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cases of two sequences and a label, ``bad`` and ``good``."""
    folder = tmp_path_factory.mktemp("studies")
    for case in ("bad", "good"):
        (folder / case).mkdir()
        for what in ("t1ce", "t2", "seg"):
            write_volume(VOXELS, GRID, folder / case / f"{case}_{what}.nii")
    good = open_studies(folder, labels="gliolabel").get("good")
    assert good.read().arrays["t2"].shape == GRID.shape  # and every library has its threads
    return folder


def check_case(folder: Path, what: str, extension: str, data: bytes) -> None:
    whole = folder / "bad" / f"bad_{what}.nii"
    kept, path = whole.read_bytes(), folder / "bad" / f"bad_{what}{extension}"
    whole.unlink()
    path.write_bytes(data)
    begins = f"case bad, file {path.name}"
    uses: dict[str, Callable[[Case], object]] = {
        "grid": Case.grid,
        "read": Case.read,
        "label": Case.read_label,
        "file": lambda case: case.reference_file(folder.parent / "cache"),
    }
    try:
        with at_most_more(ROOM_MIB):
            studies = open_studies(folder, labels="gliolabel")
            if "bad" in studies:  # an empty file is a problem of the listing
                for use in uses.values():
                    try:
                        use(studies.get("bad"))
                    except InputError as error:
                        # Where both can be read and do not fit, it is the other one that lies elsewhere.
                        refused(error, begins=begins if "lies outside" not in str(error) else "case bad, file bad_", folder=folder)
        np.testing.assert_array_equal(studies.get("good").read_label(), VOXELS)
    finally:
        path.unlink()
        whole.write_bytes(kept)


def examples(folder: Path, extension: str) -> st.SearchStrategy[tuple[str, bytes]]:
    valid = seeds(folder.parent)
    return st.tuples(st.sampled_from(("t1ce", "t2", "seg")), damaged(valid[extension], extension))


@pytest.mark.parametrize("extension", EXTENSIONS)
@amounts(some=25, many=1000)
def test_a_case_with_a_damaged_file_is_read_or_refused(folder: Path, extension: str, amount: settings) -> None:
    @amount
    @given(examples(folder, extension))
    def check(example: tuple[str, bytes]) -> None:
        check_case(folder, example[0], extension, example[1])

    check()
