"""A PACS as a store of cases."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

from pydicom.dataset import Dataset

from gliolabel.dicom.files import SeriesFile
from gliolabel.dicom.journal import Journal, StudyRecord
from gliolabel.dicom.options import DicomOptions
from gliolabel.dicom.series import Series
from gliolabel.dicom.store import DicomStudies
from gliolabel.dicom.volumes import SeriesVolume, read_series
from gliolabel.dicom.web import DicomWeb, ListedStudy, PacsError
from gliolabel.errors import GlioLabelError
from gliolabel.studies.processing import Processing
from gliolabel.studies.store import Listing

_LOG = logging.getLogger(__name__)

#: A PACS is asked for its studies this often (seconds), and so rarely that asking takes at most one part in so many of the time.
LOOK_S: Final = 30.0
_LOOK_SHARE: Final = 10.0
#: After a failure it is tried again after so many seconds, then twice as many, and so on to the largest.
RETRY_S: Final = (5.0, 60.0)


class DicomWebStudies(DicomStudies):
    """The studies of a PACS.

    A study is a case as soon as it was looked at: one question for its series, two for each MR series. What was learnt is kept on disk.
    Images are fetched when a case is read.

    Attributes:
        pacs: where they are.

    Args:
        url: root of the PACS's DICOMweb service.
        options: what the site chose. With ``follow`` nothing waits for the PACS: a thread asks it, again and again.
        processing: see :class:`~gliolabel.studies.store.Studies`.

    Raises:
        InputError: the address, the search or the rule file cannot be used.
        PacsError: without ``follow``: the PACS does not answer.
    """

    def __init__(self, url: str, options: DicomOptions, processing: Processing | None = None) -> None:
        self.pacs = DicomWeb(url, search=options.search)
        self._journal = Journal(options.cache / "studies.jsonl" if options.cache else None)
        self._records = self._journal.load()
        self._follow = options.follow
        self._changed = False
        self._waiting = 0
        self._trouble = ""
        self._passed_over: dict[str, str] = {}
        self._records_lock = threading.Lock()
        super().__init__(Path(), options, processing)
        if options.follow:
            threading.Thread(target=self._keep_asking, name="pacs", daemon=True).start()

    @property
    def place(self) -> str:
        """The address."""
        return self.pacs.url

    @property
    def has_news(self) -> bool:
        """Whether a study came, changed or went since the last look."""
        return self._changed

    @property
    def warnings(self) -> list[str]:
        """What a person should know: what is in doubt, what is still to be looked at, and that the PACS does not answer."""
        notes = super().warnings
        if self._trouble:
            notes.append(f"{self._trouble}. It is asked again every {RETRY_S[1]:g} s; studies known before stay in the list")
        if self._waiting:
            notes.append(f"{self._waiting} studies of the PACS are still to be looked at")
        if self._passed_over:
            notes.append(f"{len(self._passed_over)} studies could not be looked at, last because: {list(self._passed_over.values())[-1]}")
        return notes

    def _look(self) -> Listing:
        if not self._follow:
            self._ask()
        self._changed = False
        with self._records_lock:
            studies = {study: record.series for study, record in self._records.items()}
        return self._list_studies(studies, layout="DICOMweb", problems=[], warnings=[])

    def _file(self, series: Series, *, stem: str, where: str) -> SeriesFile:
        content = f"{series.uid} {series.slices} {series.echo}"
        return SeriesFile(stem, content=content, cache=self._cache, make=lambda: self._fetch(series, where=where))

    def _fetch(self, series: Series, *, where: str) -> SeriesVolume:
        return read_series(_complete(self.pacs.images(series.study, series.uid), series, where=where), where=where)

    def _headers(self, series: Series, keywords: Collection[str], *, where: str) -> list[Dataset]:
        return _complete(self.pacs.headers(series.study, series.uid, keywords), series, where=where)

    def _keep_asking(self) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            try:
                self._ask()
                if self._trouble:
                    _LOG.info("The PACS at %s answers again", self.place)
                self._trouble, failures = "", 0
                pause = max(LOOK_S, _LOOK_SHARE * (time.monotonic() - began))
            except GlioLabelError as error:
                if str(error) != self._trouble:
                    _LOG.warning("%s. It is asked again and again; studies known before stay in the list", error)
                self._trouble = str(error)
                pause = min(RETRY_S[0] * 2**failures, RETRY_S[1])
                failures = min(failures + 1, 10)
            except Exception as error:  # the thread must go on; the message might name a patient, its kind does not
                _LOG.error("Looking at the PACS at %s failed (%s), it is tried again", self.place, type(error).__name__)
                pause = RETRY_S[1]
            time.sleep(pause)

    def _ask(self) -> None:
        """Bring what is known up to date, the newest studies first.

        Raises:
            PacsError: the PACS does not answer. What was learnt until then is kept.
        """
        present = {study.uid: study for study in self.pacs.studies()}
        gone = self._records.keys() - present.keys()
        if gone:
            with self._records_lock:
                self._records = {study: record for study, record in self._records.items() if study in present}
            self._journal.replace(self._records)
            self._changed = True
        todo = [study for study in present.values() if study.uid not in self._records or self._records[study.uid].mark != study.mark]
        todo.sort(key=lambda study: study.date, reverse=True)
        self._passed_over = {study: why for study, why in self._passed_over.items() if study in present}
        for number, study in enumerate(todo):
            self._waiting = len(todo) - number
            try:
                record = StudyRecord(study.mark, self._series_of(study))
            except PacsError as error:
                if not error.answered:
                    raise
                self._passed_over[study.uid] = str(error)
                continue
            self._passed_over.pop(study.uid, None)
            with self._records_lock:
                self._records[study.uid] = record
            self._journal.add(study.uid, record)
            self._changed = True
        self._waiting = 0

    def _series_of(self, study: ListedStudy) -> tuple[Series, ...]:
        if study.modalities and "MR" not in study.modalities:
            return tuple(Series(study.uid, "", None, "", {"Modality": modality}) for modality in study.modalities)
        return tuple(self.pacs.series(study.uid))


def _complete(images: list[Dataset], series: Series, *, where: str) -> list[Dataset]:
    """The images of the series' echo.

    Raises:
        PacsError: some are missing.
    """
    if series.echo:
        images = [image for image in images if _same_number(image.get("EchoTime", ""), series.echo)]
    frames = sum(int(image.get("NumberOfFrames") or 1) for image in images)
    if frames < series.slices:
        raise PacsError(f"{where}: the PACS sent {frames} of {series.slices} images. Try again", answered=True)
    return images


def _same_number(value: object, text: str) -> bool:
    """Whether a value is the one of a text; JSON writes ``80`` as ``80.0``."""
    try:
        return str(value) == text or float(str(value)) == float(text)
    except ValueError:
        return False
