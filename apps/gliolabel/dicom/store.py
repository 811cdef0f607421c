"""DICOM studies as a store of cases, wherever they come from."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from pydicom.dataset import Dataset

from gliolabel.dicom.cache import VolumeCache
from gliolabel.dicom.files import SeriesFile
from gliolabel.dicom.options import DicomOptions
from gliolabel.dicom.recognising import StudyReading, read_study
from gliolabel.dicom.rules import load_rules
from gliolabel.dicom.series import Series
from gliolabel.errors import InputError
from gliolabel.studies.case import Case
from gliolabel.studies.processing import Processing
from gliolabel.studies.store import Listing, Problem, Studies

#: A PatientID with more studies than this is what an archive was anonymised with, and no patient.
_MOST_STUDIES: Final = 50
#: Where volumes go with the process, so much is kept of what is no longer in use (GiB).
_TEMPORARY_GIB: Final = 2.0


class DicomStudies(Studies):
    """Cases made of DICOM studies: one of each study that has a sequence.

    Args:
        path: where they are.
        options: what the site chose.
        processing: see :class:`~gliolabel.studies.store.Studies`.

    Raises:
        InputError: the rule file cannot be used.
    """

    def __init__(self, path: Path, options: DicomOptions, processing: Processing | None = None) -> None:
        self._rules = load_rules(options.rules)
        self._cache = VolumeCache(options.cache, limit_gib=options.cache_gib if options.cache else _TEMPORARY_GIB)
        self._known: dict[str, tuple[tuple[Series, ...], StudyReading]] = {}
        self._readings: Mapping[str, StudyReading] = {}
        super().__init__(path, processing=processing)

    @property
    def readings(self) -> list[StudyReading]:
        """What was recognised in every study, whether it makes a case or not, by id."""
        return list(self._readings.values())

    def get(self, case_id: str) -> Case:
        """The case of that id.

        Raises:
            UnknownError: there is no such study.
            InputError: the study makes no case; the message says why.
        """
        reading = self._readings.get(case_id)
        if reading is not None and reading.refusal and case_id not in self:
            raise InputError(f"case {case_id}: the study {reading.refusal}")
        return super().get(case_id)

    def headers(self, case_id: str, keywords: Collection[str]) -> dict[str, tuple[str, list[Dataset]]]:
        """What some keywords are of every image of a case: by sequence, with what messages call the series.

        Raises:
            UnknownError: there is no such study.
            InputError: the study makes no case, or an image cannot be read.
            UnavailableError: the PACS does not answer.
        """
        self.get(case_id)
        found = {}
        for sequence, chosen in self._readings[case_id].chosen.items():
            where = f"case {case_id}, {chosen.series.name} ({sequence})"
            found[sequence] = (where, self._headers(chosen.series, keywords, where=where))
        return found

    def _list_studies(
        self, studies: Mapping[str, Iterable[Series]], *, layout: str, problems: list[Problem], warnings: list[str]
    ) -> Listing:
        """The listing of studies, by StudyInstanceUID; sets :attr:`readings`."""
        known = {study: self._read(study, tuple(series)) for study, series in studies.items()}
        self._known = known
        readings = sorted((reading for _, reading in known.values()), key=lambda one: one.case_id)
        self._readings = {reading.case_id: reading for reading in readings}
        cases = {reading.case_id: self._case(reading) for reading in readings if not reading.refusal}
        of_patient = Counter(case.patient for case in cases.values() if case.patient)
        crowds = {patient for patient, count in of_patient.items() if count > _MOST_STUDIES}
        if crowds:
            cases = {case_id: replace(case, patient="") if case.patient in crowds else case for case_id, case in cases.items()}
            warnings.append(
                f"{sum(of_patient[patient] for patient in crowds)} studies have a PatientID that more than {_MOST_STUDIES} share, as in an "
                "anonymised archive; each is taken for a patient of its own, so one study of a patient may be for training and another for "
                "comparing models"
            )
        without = len(readings) - len(cases)
        doubtful = sum(bool(reading.doubts) for reading in readings)
        if without:
            warnings.append(f"{without} of {len(readings)} studies make no case; `gliolabel doctor` says why")
        if doubtful:
            warnings.append(f"{doubtful} studies are in doubt; `gliolabel doctor` lists what has to be decided")
        return Listing(cases, layout, problems, warnings)

    def _read(self, study: str, series: tuple[Series, ...]) -> tuple[tuple[Series, ...], StudyReading]:
        """A study by the rules; what did not change since the last look is not read again."""
        there = self._known.get(study)
        return there if there is not None and there[0] == series else (series, read_study(study, series, self._rules))

    def _case(self, reading: StudyReading) -> Case:
        files = {}
        for sequence, chosen in reading.chosen.items():
            where = f"case {reading.case_id}, {chosen.series.name} ({sequence})"
            files[sequence] = self._file(chosen.series, stem=f"{reading.case_id}_{sequence}", where=where)
        patient = next((chosen.series.patient for chosen in reading.chosen.values() if chosen.series.patient), "")
        doubts = tuple(f"case {reading.case_id}: {doubt}" for doubt in reading.doubts)
        return Case(reading.case_id, files, warnings=doubts, patient=patient)

    @abstractmethod
    def _file(self, series: Series, *, stem: str, where: str) -> SeriesFile:
        """The series as a file of a case."""

    @abstractmethod
    def _headers(self, series: Series, keywords: Collection[str], *, where: str) -> list[Dataset]:
        """What some keywords are of every image of the series."""
