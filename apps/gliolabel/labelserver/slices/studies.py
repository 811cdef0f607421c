"""A folder of slices and FLAIR volumes as a store of cases."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gliolabel.errors import InputError
from gliolabel.labelserver.slices.cases import TUMOUR_OR_NOT, StackCase
from gliolabel.labelserver.slices.listing import FoundCase, find_slices
from gliolabel.studies.case import Case
from gliolabel.studies.files import EXTENSIONS, LabelFile, VolumeFile
from gliolabel.studies.ids import unique_ids
from gliolabel.studies.lgg import SLICE_EXTENSIONS, LggCase
from gliolabel.studies.store import Listing, Problem, Studies

#: Voxel edges in mm of a stack, x, y, z: TIFF and PNG files do not tell. FLAIR series of the LGG set are mostly 5 to 6 mm apart.
NOMINAL_SPACING: Final = (1.0, 1.0, 5.0)
_NOT_TOLD: Final = (
    f"Slices do not say how large they are: {' x '.join(f'{n:g}' for n in NOMINAL_SPACING)} mm are assumed, and volumes in mL are only as "
    "right as that. Say it with --conf spacing X,Y,Z"
)


class SliceStudies(Studies):
    """The cases of a folder of slices (see :func:`~gliolabel.labelserver.slices.listing.find_slices`).

    Args:
        path: the study folder.
        spacing: mm along x, y, z of stacked slices; None: :data:`NOMINAL_SPACING`, and a warning with each case.
        stacked: slices that differ only in the number at the end of their names are one case.

    Raises:
        InputError: ``path`` is a file.
    """

    def __init__(self, path: Path, *, spacing: tuple[float, float, float] | None = None, stacked: bool = True) -> None:
        self._spacing = spacing
        self._stacked = stacked
        super().__init__(path)

    def describe(self) -> str:
        """One sentence on what was found."""
        labelled = sum(case.label is not None for case in self)
        return f"{len(self)} case{'' if len(self) == 1 else 's'} in {self.path} ({self.layout}), {labelled} with masks."

    def _look(self) -> Listing:
        if not self.path.exists():
            return Listing({}, "nothing", [], [f"The study folder {self.path} does not exist. Check the path for a typing error"])
        if not self.path.is_dir():
            raise InputError(f"{self.path}: is a file, expected the folder that holds the slices")
        found = find_slices(self.path, stacked=self._stacked)
        ids, warnings = unique_ids([(case.folder, case.name) for case in found.cases])
        cases, problems = {}, []
        for case_id, files in sorted(zip(ids, found.cases, strict=True), key=lambda pair: pair[0]):
            cases[case_id] = self._case(case_id, files)
            problems += _problems(case_id, files)
        warnings = [*found.failures, *warnings]
        if found.passed_over:
            warnings.append(f"{len(found.passed_over)} volume file(s) are passed over, since their names say T1 or T2, not FLAIR")
        if not cases:
            warnings.append(
                f"The study folder {self.path} holds no slices and no volumes. Check the path for a typing error. Expected files such as "
                f"PATIENT/PATIENT_1.tif ({', '.join(SLICE_EXTENSIONS)}) or PATIENT_flair.nii.gz ({', '.join(EXTENSIONS)})"
            )
        return Listing(cases, _layout(found.cases), problems, warnings)

    def _case(self, case_id: str, files: FoundCase) -> Case:
        if files.volume is not None:
            label = None if files.label is None else LabelFile(files.label, TUMOUR_OR_NOT)
            return Case(case_id, {"flair": VolumeFile(files.volume)}, label)
        first = files.slices[0]
        masks = [file.mask for file in files.slices if file.mask is not None]
        whole = len(masks) == len(files.slices)
        return StackCase(
            case_id,
            {"flair": VolumeFile(first.path)},
            LabelFile(masks[0], TUMOUR_OR_NOT) if whole else None,
            () if self._spacing else (_NOT_TOLD,),
            stack=LggCase(case_id, case_id, files.slices),
            spacing=self._spacing or NOMINAL_SPACING,
        )


def _problems(case_id: str, files: FoundCase) -> list[Problem]:
    without = [file for file in files.slices if file.mask is None]
    if not without or len(without) == len(files.slices):
        return []
    message = (
        f"case {case_id}: {len(without)} of {len(files.slices)} slices have no mask, so the others are not used; "
        f"the first is {without[0].path.name}"
    )
    return [Problem(case_id, without[0].path, message)]


def _layout(cases: list[FoundCase]) -> str:
    stacks = sum(len(case.slices) > 1 for case in cases)
    single = sum(len(case.slices) == 1 for case in cases)
    kinds = [("stack", " of slices", stacks), ("single slice", "", single), ("FLAIR volume", "", len(cases) - stacks - single)]
    return ", ".join(f"{count} {kind}{'s' if count > 1 else ''}{rest}" for kind, rest, count in kinds if count) or "nothing"
