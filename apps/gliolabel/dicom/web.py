"""Asking a PACS over DICOMweb. It may be slow, away or wrong; every answer that cannot be used becomes one kind of error."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import pydicom
import requests
from dicomweb_client import DICOMwebClient
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from gliolabel.dicom.series import GROUPS, READ, Series, series_of
from gliolabel.errors import InputError, UnavailableError

#: Seconds to wait for a connection, and for the next bytes of an answer.
TIMEOUT_S: Final = (10.0, 60.0)
#: Studies asked for at once.
PAGE: Final = 500
#: Where the login is looked up: the names that MONAI Label uses.
USER_VARIABLE: Final = "MONAI_LABEL_DICOMWEB_USERNAME"
PASSWORD_VARIABLE: Final = "MONAI_LABEL_DICOMWEB_PASSWORD"

_TAGS: Final[dict[str, str]] = {keyword: f"{tag_for_keyword(keyword):08X}" for keyword in READ}
_AS_STORED: Final = (("application/dicom", "*"),)
#: Why an object was refused: it is there already. PS3.18 annex I.2.2.
_DUPLICATE: Final = 0x0111
_BOUNDARY: Final = "gliolabel-8f1e3a5d9c7b4a60"

# It writes the addresses it asks for, with the studies' numbers in them, into the log.
logging.getLogger("dicomweb_client").setLevel(logging.CRITICAL)


class PacsError(UnavailableError):
    """The PACS did not give what was asked for.

    Args:
        message: what happened.
        answered: it did answer, so the next question may succeed.
    """

    def __init__(self, message: str, *, answered: bool) -> None:
        super().__init__(message)
        self.answered = answered


@dataclass(frozen=True)
class ListedStudy:
    """A study in a PACS's list.

    Args:
        uid: its StudyInstanceUID.
        mark: another text when images were added.
        date: when it was made.
        modalities: of its series; empty when the PACS does not tell.
    """

    uid: str
    mark: str
    date: str
    modalities: tuple[str, ...]


class DicomWeb:
    """A PACS.

    Args:
        url: root of its DICOMweb service.
        search: which studies are asked for, ``Keyword=value&Keyword=value``.

    Raises:
        InputError: the address or the search cannot be used.
    """

    def __init__(self, url: str, *, search: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"{url}: is no address of a PACS, expected http://HOST/PATH or https://HOST/PATH")
        if parts.username or parts.password:
            raise InputError(
                f"{parts.scheme}://...@{parts.hostname}: an address with a password ends up in logs. Set {USER_VARIABLE} and "
                f"{PASSWORD_VARIABLE} in the environment instead"
            )
        self.url = url.rstrip("/")
        self._filters = _search(search)
        session = self._session = _Session()
        user, password = os.environ.get(USER_VARIABLE), os.environ.get(PASSWORD_VARIABLE)
        if user and password:
            session.auth = (user, password)
        self._client = DICOMwebClient(self.url, session=session, permissive_uid=True)
        self._client.set_http_retry_params(retry=False)  # whoever asks knows better when to ask again

    def studies(self) -> Iterator[ListedStudy]:
        """Every study, page by page.

        Raises:
            PacsError: no answer, or none that can be used.
        """
        # Modalities are asked for, not asked by: Orthanc loses studies on the second page of a search by ModalitiesInStudy.
        fields = ("NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances", "ModalitiesInStudy")
        seen: set[str] = set()
        offset = 0
        while True:
            with self._asking():
                page = _objects(
                    self._client.search_for_studies(limit=PAGE, offset=offset, fields=fields, search_filters=dict(self._filters))
                )
            fresh = [study for study in page if (uid := _value(study, "StudyInstanceUID")) and uid not in seen]
            if not fresh:  # the last page, or a PACS that knows no pages and gives the first one again
                return
            for study in fresh:
                seen.add(_value(study, "StudyInstanceUID"))
                yield ListedStudy(
                    uid=_value(study, "StudyInstanceUID"),
                    mark="/".join(_value(study, name) for name in fields[:2]),
                    date=_value(study, "StudyDate"),
                    modalities=tuple(_values(study, "ModalitiesInStudy")),
                )
            offset += len(page)

    def series(self, study: str) -> list[Series]:
        """The series of a study, each by its first image.

        Raises:
            PacsError: no answer, or none that can be used.
        """
        with self._asking():
            found = _objects(self._client.search_for_series(study, fields=("NumberOfSeriesRelatedInstances", "SeriesDescription")))
            return [one for answer in found for one in self._series(study, answer)]

    def images(self, study: str, series: str) -> list[Dataset]:
        """The images of a series, whole, as they are stored.

        Raises:
            PacsError: no answer, or none that can be used.
        """
        with self._asking():
            return list(self._client.iter_series(study, series, media_types=_AS_STORED))

    def headers(self, study: str, series: str, keywords: Collection[str]) -> list[Dataset]:
        """What some keywords are of every image of a series.

        Raises:
            PacsError: no answer, or none that can be used.
        """
        tags = [f"{tag_for_keyword(keyword):08X}" for keyword in keywords]
        with self._asking():
            found = _objects(self._client.retrieve_series_metadata(study, series))
            kept = ({tag: image[tag] for tag in tags if tag in image} for image in found)
            return [Dataset.from_json(image, bulk_data_uri_handler=lambda tag, vr, uri: None) for image in kept]

    def holds(self, study: str, instance: str) -> bool:
        """Whether the PACS has an object.

        Raises:
            PacsError: no answer, or none that can be used.
        """
        with self._asking():
            found = _objects(self._client.search_for_instances(study, search_filters={"SOPInstanceUID": instance}))
            return any(_value(one, "SOPInstanceUID") == instance for one in found)

    def store(self, made: Dataset) -> None:
        """Store an object; one that the PACS has already stays as it is.

        Raises:
            PacsError: no answer, or the PACS refuses it.
        """
        with BytesIO() as stream:
            pydicom.dcmwrite(stream, made, write_like_original=False)
            part = f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
            body = part + stream.getvalue() + f"\r\n--{_BOUNDARY}--\r\n".encode()
        kind = f'multipart/related; type="application/dicom"; boundary="{_BOUNDARY}"'
        headers = {"Content-Type": kind, "Accept": "application/dicom+json"}
        with self._asking():
            answer = self._session.post(f"{self.url}/studies", data=body, headers=headers, allow_redirects=False)
            reasons = _refusals(answer)
            if not reasons and answer.status_code // 100 != 2:
                raise requests.HTTPError(response=answer)
        others = [reason for reason in reasons if reason != _DUPLICATE]
        if others:
            raise PacsError(f"The PACS at {self.url} refuses a result (DICOM failure reason {others[0]:04X}H)", answered=True)

    def forward(self, resource: str, *, query: str, accept: str) -> tuple[int, str, bytes]:
        """Ask for any resource, and hand on the answer as it is: status, media type, content.

        Raises:
            PacsError: no answer.
        """
        address = f"{self.url}/{resource}" + (f"?{query}" if query else "")
        with self._asking():
            answer = self._session.get(address, headers={"Accept": accept})
            return answer.status_code, answer.headers.get("Content-Type", ""), answer.content

    def _series(self, study: str, answer: dict[str, Any]) -> Iterator[Series]:
        uid, modality = _value(answer, "SeriesInstanceUID"), _value(answer, "Modality")
        count = int(_value(answer, "NumberOfSeriesRelatedInstances") or 0)
        number = _value(answer, "SeriesNumber")
        told = Series(study, uid, int(number) if number else None, "", {"Modality": modality}, slices=count)
        if modality != "MR":
            yield told
            return
        count = count or len(_objects(self._client.search_for_instances(study, uid)))
        first = self._image(study, uid, offset=0)
        if first is None:
            yield replace(told, problem="the PACS has no image of it")
            return
        frames = len(first.get(GROUPS[1]) or ()) or 1
        one = replace(series_of(first), study=study, uid=uid, slices=max(count, 1) * frames)
        # A long repetition with a short echo is proton density, or the first echo of two.
        last = self._image(study, uid, offset=count - 1) if count > 1 and _may_have_two_echoes(one) else None
        other = one if last is None else replace(one, tags=series_of(last).tags)
        if other.value("EchoTime") == one.value("EchoTime"):
            yield one
            return
        for echo in (one, other):
            yield replace(echo, echo=echo.value("EchoTime"), slices=one.slices // 2)

    def _image(self, study: str, series: str, *, offset: int) -> Dataset | None:
        """What is kept of an image's header."""
        found = _objects(self._client.search_for_instances(study, series, limit=1, offset=offset))
        if not found:
            return None
        header = self._client.retrieve_instance_metadata(study, series, _value(found[0], "SOPInstanceUID"))
        kept = {tag: header[tag] for tag in _TAGS.values() if tag in header}
        return Dataset.from_json(kept, bulk_data_uri_handler=lambda tag, vr, uri: None)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Turns whatever can go wrong into a :class:`PacsError` that names the PACS and no study."""
        try:
            yield
        except requests.HTTPError as error:
            code = error.response.status_code
            hint = f". Set {USER_VARIABLE} and {PASSWORD_VARIABLE} in the server's environment" if code in (401, 403) else ""
            raise PacsError(
                f"The PACS at {self.url} answered {code} {error.response.reason or ''}".rstrip() + hint, answered=True
            ) from None
        except requests.Timeout:
            raise PacsError(f"The PACS at {self.url} does not answer within {TIMEOUT_S[1]:g} s", answered=False) from None
        except requests.exceptions.SSLError:
            text = f"The certificate of the PACS at {self.url} cannot be checked. Name the hospital's own with REQUESTS_CA_BUNDLE"
            raise PacsError(text, answered=False) from None
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            text = f"The PACS at {self.url} cannot be reached. Check the address, the network, and that the PACS is running"
            raise PacsError(text, answered=False) from None
        except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError, pydicom.errors.InvalidDicomError) as error:
            text = f"The PACS at {self.url} answers with no DICOM ({type(error).__name__}). Is it the address of its DICOMweb service?"
            raise PacsError(text, answered=True) from None


class _Session(requests.Session):
    """Never waits for ever."""

    def request(self, *args: Any, **options: Any) -> requests.Response:
        options["timeout"] = options.get("timeout") or TIMEOUT_S
        return super().request(*args, **options)


def _search(text: str) -> dict[str, str]:
    try:
        found = dict(parse_qsl(text, strict_parsing=True)) if text.strip() else {}
    except ValueError:
        found = {"": text}
    for keyword in found:
        if tag_for_keyword(keyword) is None:
            raise InputError(f"search {text!r}: {keyword!r} is no DICOM keyword, expected e.g. StudyDate=20260101-&ModalitiesInStudy=MR")
    return found


def _refusals(answer: requests.Response) -> list[int]:
    """Why objects were not stored, by DICOM's numbers; empty when all were, or the answer does not say."""
    try:
        told = answer.json()
    except ValueError:
        return []
    told = told[0] if isinstance(told, list) and told else told
    failed = told.get(f"{tag_for_keyword('FailedSOPSequence'):08X}", {}).get("Value") if isinstance(told, dict) else None
    return [int(_value(one, "FailureReason") or 0) for one in failed or [] if isinstance(one, dict)]


def _may_have_two_echoes(series: Series) -> bool:
    try:
        return float(series.value("EchoTime")) < 50.0 and float(series.value("RepetitionTime")) >= 1800.0
    except ValueError:
        return False


def _objects(answer: list[Any]) -> list[dict[str, Any]]:
    """What a search found.

    Raises:
        TypeError: it is no list of objects.
    """
    if not all(isinstance(one, dict) for one in answer):
        raise TypeError("no list of objects")
    return answer


def _value(answer: dict[str, Any], keyword: str) -> str:
    """The first value of an attribute in DICOM JSON; empty when there is none."""
    return next(iter(_values(answer, keyword)), "")


def _values(answer: dict[str, Any], keyword: str) -> list[str]:
    return [str(value) for value in answer.get(f"{tag_for_keyword(keyword):08X}", {}).get("Value") or []]
