"""Finding in the state what is to be written of a case: the mask, who made it, the uncertainty that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from gliolabel.dicom.results.result import Algorithm, Made, Result, Uncertainty
from gliolabel.errors import UnknownError
from gliolabel.state.database import Database
from gliolabel.state.labels import FINAL, LabelStore
from gliolabel.state.maps import MapStore
from gliolabel.state.tables import LabelRow, MapRow
from gliolabel.studies.grid import Grid
from gliolabel.studies.voxels import read_volume
from gliolabel.vocabulary import REGIONS

#: Which mask of a case: the accepted label, or the one of the model's last run with a map.
What = Literal["final", "model"]


class Gathering:
    """Reads results from a state folder.

    Args:
        database: of the state folder.
    """

    def __init__(self, database: Database) -> None:
        self._labels = LabelStore(database, imported=False)
        self._maps = MapStore(database)

    def cases(self, what: What = "final") -> set[str]:
        """Ids of the cases that have such a mask."""
        return self._labels.cases_with(FINAL) if what == "final" else set(self._maps.all_current())

    def result(self, case_id: str, what: What = "final", *, version: int | None = None) -> Result:
        """What is to be written of a case.

        Args:
            case_id: the case.
            what: which of its masks.
            version: of the accepted label; None: the newest.

        Raises:
            UnknownError: the case has no such mask.
            InputError: a file in the state folder cannot be read.
        """
        if what == "model":
            run = self._maps.current(case_id)
            if run is None:
                raise UnknownError(f"Case {case_id!r} has no mask by a model that has its uncertainty. Segment it first.")
            return self._of_model(run)
        row = self._labels.version(case_id, FINAL, version=version)
        if row is None:
            which = "accepted label" if version is None else f"accepted label of version {version}"
            raise UnknownError(f"Case {case_id!r} has no {which}. Submit one first.")
        return self._of_label(row)

    def _of_label(self, row: LabelRow) -> Result:
        where = f"the label of case {row.case_id}"
        file = self._labels.file(row)
        if file is None or not file.is_file():
            raise UnknownError(f"The file of the label of case {row.case_id!r} is no longer there.")
        volume = read_volume(file, where=where)
        algorithm = _algorithm(row.model_version)
        return Result(
            case_id=row.case_id,
            name=f"{FINAL} {row.version}",
            number=row.version,
            mask=volume.array.astype(np.uint8),
            grid=volume.header.grid,
            sha256=str(row.sha256),
            made=Made.MANUAL if algorithm is None else Made.SEMIAUTOMATIC,
            algorithm=algorithm,
            created=row.created,
            uncertainty=self._uncertainty(self._maps.current(row.case_id), of=algorithm, grid=volume.header.grid),
        )

    def _of_model(self, row: MapRow) -> Result:
        volume = read_volume(self._maps.file(row, "mask"), where=f"the mask of case {row.case_id}")
        algorithm = Algorithm(row.model, row.version)
        return Result(
            case_id=row.case_id,
            name="model",
            number=1,
            mask=volume.array.astype(np.uint8),
            grid=volume.header.grid,
            sha256=str(row.sha256["mask"]),
            made=Made.AUTOMATIC,
            algorithm=algorithm,
            created=row.created,
            uncertainty=self._uncertainty(row, of=algorithm, grid=volume.header.grid),
        )

    def _uncertainty(self, row: MapRow | None, *, of: Algorithm | None, grid: Grid) -> Uncertainty | None:
        """The uncertainty of a model version, if the last run over the case is of that version."""
        if row is None or of is None or (row.model, row.version) != (of.model, of.version):
            return None
        file = self._maps.file(row, "std")
        if not file.is_file():
            return None
        volume = read_volume(file, where=f"the uncertainty map of case {row.case_id}")
        if not volume.header.grid.same_as(grid):  # of images that were replaced
            return None
        scores: Mapping[str, Any] = {region: row.scores.get(region) or {} for region in REGIONS}
        return Uncertainty(
            values=volume.array.astype(np.float32),
            sha256=str(row.sha256["std"]),
            algorithm=of,
            passes=row.passes,
            seed=row.seed,
            scores=scores,
            created=row.created,
        )


def _algorithm(model_version: str) -> Algorithm | None:
    """A model version as labels name it: ``unet3d starter-1``; None for a label that no mask was before."""
    model, _, version = model_version.partition(" ")
    return Algorithm(model, version or "unknown") if model else None
