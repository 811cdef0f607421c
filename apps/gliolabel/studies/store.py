"""The study folder as a store of cases."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gliolabel.errors import InputError, UnknownError
from gliolabel.studies.case import Case
from gliolabel.studies.draft import Draft
from gliolabel.studies.files import EXTENSIONS
from gliolabel.studies.ids import unique_ids
from gliolabel.studies.layout import group
from gliolabel.studies.msd import msd_drafts
from gliolabel.studies.numbering import WAY_OUT, Numbering, numbering_named
from gliolabel.studies.processing import Processing
from gliolabel.studies.walking import MSD_IMAGES, FoundFile, Walk, walk
from gliolabel.vocabulary import SEQUENCES

if TYPE_CHECKING:
    from gliolabel.dicom import DicomOptions

#: So many names are given as examples in a warning.
_EXAMPLES: Final[int] = 3


@dataclass(frozen=True)
class Problem:
    """Something wrong with a case or a file that listing the folder already shows.

    Args:
        case_id: the case, or ``""`` when the file belongs to none.
        path: the file.
        message: names the case and the file, what is wrong and what to do.
    """

    case_id: str
    path: Path
    message: str


@dataclass(frozen=True)
class Listing:
    """What looking at a study folder found: cases by id, layouts in words, what is wrong with files, and with the folder."""

    cases: Mapping[str, Case]
    layout: str
    problems: list[Problem]
    warnings: list[str]


class Studies:
    """The cases of a study folder, in the order of their ids.

    Listing looks at names and sizes only. What is wrong inside a file is found when the case is read, and says so
    there; the other cases keep working.

    Args:
        path: the study folder.
        labels: name of the numbering of all labels in it; None: decided by layout.
        processing: what is done to the images of every case.

    Raises:
        InputError: ``path`` is a file, or ``labels`` is not a numbering that is known.
    """

    def __init__(self, path: Path, *, labels: str | None = None, processing: Processing | None = None) -> None:
        self.path = path
        self.processing = processing or Processing()
        self._numbering = None if labels is None else numbering_named(labels)
        self._lock = threading.Lock()
        self._listing = self._processed(self._look())

    def _look(self) -> Listing:
        return _list(self.path, self._numbering)

    def _processed(self, listing: Listing) -> Listing:
        if self.processing == Processing():
            return listing
        return replace(listing, cases={name: replace(case, processing=self.processing) for name, case in listing.cases.items()})

    @property
    def place(self) -> str:
        """Where the cases are, for people."""
        return str(self.path)

    @property
    def has_news(self) -> bool:
        """Whether the store knows of changes that :meth:`refresh` would show."""
        return False

    @property
    def layout(self) -> str:
        """The layouts found, for people."""
        return self._listing.layout

    @property
    def problems(self) -> list[Problem]:
        """What listing found wrong with single files."""
        return list(self._listing.problems)

    @property
    def warnings(self) -> list[str]:
        """What a person should know about the folder as a whole: it is empty, not there, ambiguous."""
        return list(self._listing.warnings)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all cases, sorted."""
        return tuple(self._listing.cases)

    def __len__(self) -> int:
        return len(self._listing.cases)

    def __iter__(self) -> Iterator[Case]:
        return iter(self._listing.cases.values())

    def __contains__(self, case_id: object) -> bool:
        return case_id in self._listing.cases

    def get(self, case_id: str) -> Case:
        """The case of that id.

        Raises:
            UnknownError: there is none.
        """
        try:
            return self._listing.cases[case_id]
        except KeyError:
            raise UnknownError(f"case {case_id!r} is not in {self.place} ({len(self)} cases). Check the id, or refresh the list") from None

    def refresh(self) -> None:
        """Look at the folder again. Readers in other threads see the old list or the new one, never a mixture."""
        with self._lock:
            self._listing = self._processed(self._look())

    def describe(self) -> str:
        """One or two sentences on what was found, for a log or a terminal."""
        cases = list(self)
        if not cases:
            return f"No case found in {self.place}."
        labelled = sum(case.label is not None for case in cases)
        numberings = sorted({case.label.numbering.meaning for case in cases if case.label is not None})
        text = f"{len(cases)} case{'s' if len(cases) > 1 else ''} in {self.place} ({self.layout}), {labelled} with a label"
        text += f" ({'; '.join(numberings)})" if numberings else ""
        without = Counter(sequence for case in cases for sequence in case.missing)
        lacking = ", ".join(f"{without[s]} without {s}" for s in SEQUENCES if without[s])
        text += f". Sequences missing: {lacking}." if lacking else ". All four sequences everywhere."
        return text + (f" {len(self.problems)} file{'s' if len(self.problems) > 1 else ''} with a problem." if self.problems else "")


def open_studies(
    path_or_url: str | Path, *, labels: str | None = None, dicom: DicomOptions | None = None, processing: Processing | None = None
) -> Studies:
    """Open a study folder, or a PACS.

    BraTS folders of 2017 to 2024, flat ``<case>_<sequence>`` files, MSD Task01, any depth; .nii, .nii.gz, .nrrd, .mha. Or a folder of
    DICOM files, or the address of a DICOMweb service. A folder that does not exist or is empty gives an empty store whose
    :attr:`Studies.warnings` say so.

    Args:
        path_or_url: the folder or address.
        labels: how the labels in it are numbered: ``brats2021``, ``brats2023``, ``msd`` or ``gliolabel``; None: decided
            by the layout and names (see :mod:`gliolabel.studies.layout`).
        dicom: how DICOM is read, where there is any.
        processing: what is done to the images of every case; by default sequences are registered where the patient moved.

    Raises:
        InputError: it is a file or an address that cannot be used, or ``labels`` is not a numbering that is known.
        UnavailableError: the PACS does not answer.
    """
    text = str(path_or_url)
    if "://" in text:
        from gliolabel.dicom import DicomOptions, DicomWebStudies

        return DicomWebStudies(text, dicom or DicomOptions(), processing)
    path = Path(text).expanduser()
    if path.is_dir():
        from gliolabel.dicom import DicomFolder, DicomOptions, holds_dicom  # pydicom is read only where it is needed

        if holds_dicom(path):
            return DicomFolder(path, dicom or DicomOptions(), processing)
    return Studies(path, labels=labels, processing=processing)


def _list(path: Path, numbering: Numbering | None) -> Listing:
    if not path.exists():
        return Listing({}, "nothing", [], [f"The study folder {path} does not exist. Check the path for a typing error"])
    if not path.is_dir():
        raise InputError(f"{path}: is a file, expected the folder that holds the cases")
    found = walk(path)
    warnings = list(found.failures)
    msd: list[Draft] = []
    for folder in found.msd:
        try:
            msd.extend(msd_drafts(path, folder, numbering=numbering))
        except (InputError, OSError) as error:
            warnings.append(str(error))
    files, orphans = group(found.files, root_name=path.resolve().name, numbering=numbering)
    cases, problems, notes = _cases([*files, *msd])
    problems += [_orphan(file) for file in orphans]
    warnings += notes + _folder_warnings(path, found, cases)
    return Listing(cases, _layout(files, msd), problems, warnings)


def _cases(drafts: list[Draft]) -> tuple[dict[str, Case], list[Problem], list[str]]:
    ids, warnings = unique_ids([(draft.folder, draft.name) for draft in drafts])
    problems = []
    cases = {}
    for case_id, draft in sorted(zip(ids, drafts, strict=True), key=lambda pair: pair[0]):
        for path in draft.empty:
            message = f"case {case_id}, file {path.name}: the file is empty (0 bytes). Copy it again from its source"
            problems.append(Problem(case_id, path, message))
        notes = tuple(f"case {case_id}: {warning}" for warning in draft.warnings)
        cases[case_id] = Case(case_id, {s: draft.sequences[s] for s in SEQUENCES if s in draft.sequences}, draft.label, notes)
    return cases, problems, warnings


def _orphan(file: FoundFile) -> Problem:
    message = f"file {file.path.name}: is a label without a sequence of the same name beside it, so it is not used"
    return Problem("", file.path, message)


def _folder_warnings(path: Path, found: Walk, cases: Mapping[str, Case]) -> list[str]:
    warnings = []
    if found.unknown:
        examples = ", ".join(file.name for file in found.unknown[:_EXAMPLES])
        warnings.append(
            f"{len(found.unknown)} volume file(s) are passed over, since their names do not end in t1, t1ce, t2, flair or seg "
            f"(or t1n, t1c, t2w, t2f): {examples}{', ...' if len(found.unknown) > _EXAMPLES else ''}"
            + (
                ". MSD Task01 needs its dataset.json beside imagesTr"
                if any(file.parent.name in MSD_IMAGES for file in found.unknown)
                else ""
            )
        )
    if not cases:
        what = "is empty" if found.nothing else "holds no case"
        warnings.append(
            f"The study folder {path} {what}. Check the path for a typing error (MONAI Label makes a folder that does not exist). "
            f"Expected files such as CASE/CASE_t1ce.nii.gz ({', '.join(EXTENSIONS)})"
        )
    refused = Counter(
        case.label.numbering.meaning for case in cases.values() if case.label is not None and not case.label.numbering.decided
    )
    warnings += [f"The labels of {count} case(s) cannot be used: {why}. {WAY_OUT}" for why, count in refused.items()]
    decided = {case.label.numbering.name for case in cases.values() if case.label is not None and case.label.numbering.decided}
    if len(decided) > 1:
        ways = ", ".join(sorted(decided))
        warnings.append(f"Labels are numbered in {len(decided)} ways below {path} ({ways}); each subfolder decided by its file names")
    return warnings


def _layout(files: list[Draft], msd: list[Draft]) -> str:
    flat = Counter(draft.folder for draft in files)
    folders = sum(1 for draft in files if flat[draft.folder] == 1 and draft.folder)
    kinds = []
    if folders:
        kinds.append("one folder per case")
    if folders < len(files):
        kinds.append("flat files")
    if msd:
        kinds.append("MSD 4-D files")
    return ", ".join(kinds) or "nothing"
