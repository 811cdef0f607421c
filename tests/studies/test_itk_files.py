"""Threads that read headers through SimpleITK do so one after the other."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from gliolabel.studies.grid import Grid
from gliolabel.studies.headers import read_header
from gliolabel.studies.writing import write_volume

GRID = Grid(size=(4, 4, 4), spacing=(1.0,) * 3, origin=(0.0,) * 3, direction=(1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))


class Inside:
    """How many threads are in a function at once, at most."""

    def __init__(self, function: Any) -> None:
        self.function, self.now, self.most = function, 0, 0

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.now += 1
        self.most = max(self.most, self.now)
        time.sleep(0.01)
        try:
            return self.function(*arguments, **options)
        finally:
            self.now -= 1


def test_one_header_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = Inside(sitk.ImageFileReader.ReadImageInformation)
    monkeypatch.setattr(sitk.ImageFileReader, "ReadImageInformation", lambda reader: reading(reader))
    paths = [tmp_path / f"{number}.{extension}" for number in range(3) for extension in ("nii.gz", "nrrd")]
    for path in paths:
        write_volume(np.ones((4, 4, 4), np.uint8), GRID, path)
    with ThreadPoolExecutor(len(paths)) as pool:
        headers = list(pool.map(lambda path: read_header(path, where=path.name), paths))
    assert [header.grid.size for header in headers] == [(4, 4, 4)] * len(paths)
    assert reading.most == 1
