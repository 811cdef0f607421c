"""MONAI Label's datastore on top of the study folder (read only) and the state folder (everything that arises)."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from monailabel.interfaces.datastore import Datastore, DefaultLabelTag

from gliolabel.errors import ConflictError, GlioLabelError, UnknownError
from gliolabel.labelserver.archive import write_archive
from gliolabel.labelserver.cases import CaseRef
from gliolabel.labelserver.label_infos import brief, label_info, map_info, public_name
from gliolabel.labelserver.login import login_is_on
from gliolabel.labelserver.looking import Looking
from gliolabel.labelserver.submitting import FACTS, Stored, accept_if_approved, submit
from gliolabel.labelserver.survey import Survey
from gliolabel.labelserver.training_lists import TrainingLists
from gliolabel.labelserver.uploads import Uploads
from gliolabel.labelserver.wire import label_tag as checked_tag
from gliolabel.state import Database
from gliolabel.state.cases import CaseNotes
from gliolabel.state.checksums import Checksums
from gliolabel.state.labels import FINAL, UNCERTAINTY, LabelStore
from gliolabel.state.leases import Leases
from gliolabel.state.maps import MapStore
from gliolabel.state.masks import MaskStore
from gliolabel.state.roles import Roles
from gliolabel.state.scores import ScoreStore
from gliolabel.state.tables import LabelRow, MapRow, RoleRow
from gliolabel.studies import Case, Studies
from gliolabel.studies.files import split_extension
from gliolabel.studies.single import case_from_volume
from gliolabel.studies.voxels import read_volume
from gliolabel.studies.writing import write_volume
from gliolabel.vocabulary import TISSUES, LabelSet

_LOG = logging.getLogger(__name__)


class CaseDatastore(Datastore):
    """One image id per case; its file is the reference sequence.

    A label found beside a case is its ``final`` version 1 by ``import``. Nothing is ever written to the study folder.

    Args:
        studies: the study folder.
        database: the state.
        import_labels: whether labels found beside the cases count.
        label_set: what may be submitted.
    """

    #: Whether a case gets a role when its label is accepted. Not in an app whose trainings are served without a comparison.
    gives_roles: ClassVar[bool] = True
    #: Whether an accepted label is noted in the outbox in the same transaction.
    sends_accepted: bool = False

    def __init__(self, studies: Studies, database: Database, *, import_labels: bool = True, label_set: LabelSet = TISSUES) -> None:
        self.studies = studies
        self.label_set = label_set
        self.labels = LabelStore(database, imported=import_labels)
        self.maps = MapStore(database)
        self.notes = CaseNotes(database)
        self.scores = ScoreStore(database)
        self.leases = Leases(database)
        self.masks = MaskStore(database)
        self.roles = Roles(database)
        self.checksums = Checksums(database)
        self.training_lists = TrainingLists()
        self.uploads = Uploads(database)
        self.survey = Survey(
            database,
            ids=lambda: tuple(self.list_images()),
            labels=self.labels,
            maps=self.maps,
            notes=self.notes,
            roles=self.roles,
            entry=self._entry,
        )
        self.database = database
        self._folder = database.folder
        self._import_labels = import_labels
        self._name, self._description = "GlioLabel", studies.describe()
        self._extensions: dict[str, str] = {}
        self._take_over()
        self._looking = Looking(self._look)

    # --- cases

    def case(self, image_id: str, *, sequence: str = "auto") -> CaseRef:
        """The case of an image id.

        Args:
            image_id: as in :meth:`list_images`.
            sequence: which sequence an uploaded volume is; ``auto``: by its name.

        Raises:
            UnknownError: there is no such case.
            InputError: an uploaded volume whose name does not tell its sequence.
        """
        if image_id not in self.studies:
            uploaded = self.uploads.case(image_id, sequence=sequence)
            if uploaded is not None:
                return CaseRef(image_id, replace(uploaded, processing=self.studies.processing))
            self._looking.for_unknown()
        return CaseRef(image_id, self.studies.get(image_id))

    def opened(self, path: Path, *, name: str, sequence: str = "auto") -> Case:
        """The case of a volume that a reader opened and did not upload.

        Args:
            path: the volume.
            name: what the reader calls it.
            sequence: as in :meth:`case`.

        Raises:
            InputError: its name does not tell its sequence.
        """
        return replace(case_from_volume(path, name=name, sequence=sequence), processing=self.studies.processing)

    def known(self, image_id: str) -> bool:
        """Whether there is a case of that id."""
        return image_id in self.studies or image_id in self.uploads

    def require(self, image_id: str) -> str:
        """The image id, when there is a case of that id.

        Raises:
            UnknownError: there is none.
        """
        if not self.known(image_id):
            self._looking.for_unknown()
        if not self.known(image_id):
            raise UnknownError(f"There is no image {image_id[:128]!r} here. Press refresh in Slicer, or check the name.")
        return image_id

    # --- MONAI Label's interface: names

    def name(self) -> str:
        return self._name

    def set_name(self, name: str) -> None:
        self._name = name

    def description(self) -> str:
        return self._description

    def set_description(self, description: str) -> None:
        self._description = description

    # --- images

    def list_images(self) -> list[str]:
        return [*self.studies.ids, *(image_id for image_id in self.uploads if image_id not in self.studies)]

    def get_image_uri(self, image_id: str) -> str:
        self.require(image_id)
        if image_id not in self.studies:
            return str(self.uploads.file(image_id))
        return str(self.studies.get(image_id).reference_file(self._folder.cache / "images").resolve())

    def get_image(self, image_id: str, params: Any = None) -> io.BytesIO:
        return io.BytesIO(Path(self.get_image_uri(image_id)).read_bytes())

    def get_image_info(self, image_id: str) -> dict[str, Any]:
        """What Next Sample adds to its answer: a file name of its own kind for Slicer's download cache, and the checksum."""
        self.require(image_id)
        path = Path(self.get_image_uri(image_id))
        info = self.survey.notes(image_id)
        info["name"] = public_name(image_id, path.name)
        info["path"] = str(path)
        info["checksum"] = f"SHA256:{self.checksums.of(path)}"
        return info

    def update_image_info(self, image_id: str, info: dict[str, Any]) -> None:
        self.notes.merge(self.require(image_id), {key: value for key, value in info.items() if key != "path"})

    def add_image(self, image_id: str, image_filename: str, image_info: dict[str, Any]) -> str:
        """Store an uploaded volume, unless the same one is there already.

        Raises:
            InputError: it is no 3-D volume, or the name cannot be used.
            ConflictError: another volume has that name.
        """
        path = Path(image_filename)
        if not image_id:
            image_id = (split_extension(path.name) or (path.stem, ""))[0]
        there = Path(self.get_image_uri(image_id)) if image_id in self.studies else None
        author = str(image_info.get("user") or image_info.get("client_id") or "")
        self.uploads.add(image_id, path, author=author, there=there)
        return image_id

    def remove_image(self, image_id: str) -> None:
        self.require(image_id)
        if image_id in self.studies:
            raise ConflictError(f"{image_id} lies in the study folder, which this server only reads. Remove its files there.")
        self.labels.remove(image_id)
        self.maps.remove(image_id)
        self.masks.remove(image_id)
        self.uploads.remove(image_id)

    # --- labels

    def get_labels_by_image_id(self, image_id: str) -> dict[str, str]:
        self.require(image_id)
        tags = {row.tag for row in self.labels.versions(image_id)}
        return dict.fromkeys(sorted(tags | ({UNCERTAINTY} if self.maps.current(image_id) else set())), image_id)

    def get_label_by_image_id(self, image_id: str, tag: str) -> str:
        return self.get_labels_by_image_id(image_id).get(_plain(tag), "")

    def get_label_uri(self, label_id: str, label_tag: str, *, version: int | None = None, author: str | None = None) -> str:
        """The file of a label.

        Args:
            label_id: the case.
            label_tag: the tag.
            version: the number of the version; by default the newest.
            author: of the versions by this author only.

        Raises:
            UnknownError: there is none.
        """
        self.require(label_id)
        tag = _plain(label_tag)
        if tag == UNCERTAINTY:
            return str(self.maps.file(self._current_map(label_id), "std"))
        return str(self.label_file(self._newest(label_id, tag, version=version, author=author))[0])

    def label_file(self, row: LabelRow) -> tuple[Path, LabelRow]:
        """The file of a label version, and the version as it is with it. The file of an imported one is made when first asked for.

        Raises:
            UnknownError: the label beside the case is no longer there.
            InputError: it cannot be read.
        """
        if row.path is None:
            label = self.studies.get(row.case_id).read_label_image()
            if label is None:
                raise UnknownError(f"The label beside case {row.case_id!r} is no longer there.")
            row = self.labels.materialise(row, lambda target: write_volume(label.array, label.grid, target))
        file = self.labels.file(row)
        assert file is not None
        return file, row

    def get_label(self, label_id: str, label_tag: str, params: Any = None) -> io.BytesIO:
        return io.BytesIO(Path(self.get_label_uri(label_id, label_tag)).read_bytes())

    def get_label_info(self, label_id: str, label_tag: str) -> dict[str, Any]:
        self.require(label_id)
        tag = _plain(label_tag)
        return map_info(self._current_map(label_id)) if tag == UNCERTAINTY else label_info(self._newest(label_id, tag))

    def label_versions(self, image_id: str, tag: str | None = None) -> list[dict[str, Any]]:
        """What is known of every version of a case's labels, by tag, oldest first.

        Args:
            image_id: the case.
            tag: only of this tag.

        Raises:
            UnknownError: there is no such case.
        """
        return [{"tag": row.tag, **label_info(row)} for row in self.labels.versions(self.require(image_id), tag)]

    def update_label_info(self, label_id: str, label_tag: str, info: dict[str, Any]) -> None:
        row = self.labels.update_info(
            self.require(label_id), checked_tag(_plain(label_tag)), {key: value for key, value in info.items() if key not in FACTS}
        )
        # Who says so is the login; `approvedBy` is whatever the client calls itself.
        accept_if_approved(self, row, by=str(info.get("user") or "") if login_is_on() else "")

    def save_label(self, image_id: str, label_filename: str, label_tag: str, label_info: dict[str, Any]) -> str:
        """Store a label as a new version.

        Raises:
            InputError: unknown image, or the label does not fit; nothing was stored.
        """
        self.submit(image_id, Path(label_filename), tag=_plain(label_tag), info=label_info)
        return image_id

    def submit(self, image_id: str, path: Path, *, tag: str, info: Mapping[str, Any], reader: str = "") -> Stored:
        """As :meth:`save_label`, see :func:`gliolabel.labelserver.submitting.submit`."""
        return submit(self, image_id, path, tag=tag, info=info, reader=reader)

    def read_label(self, ref: CaseRef, row: LabelRow) -> np.ndarray:
        """A stored label version, uint8 (z, y, x) on the case's reference grid.

        Raises:
            InputError: the file cannot be read.
            UnknownError: it is no longer there.
        """
        file = self.labels.file(row)
        array = ref.case.read_label() if file is None else read_volume(file, where=f"the label of case {ref.key}").array
        if array is None:
            raise UnknownError(f"The label beside case {ref.key!r} is no longer there.")
        return array

    def remove_label(self, label_id: str, label_tag: str) -> None:
        tag = checked_tag(_plain(label_tag))
        if tag == UNCERTAINTY:
            self.maps.remove(self.require(label_id))
        elif not self.labels.remove(self.require(label_id), tag):
            raise UnknownError(f"Case {label_id!r} has no label {tag!r}.")

    # --- lists

    def datalist(self, full_path: bool = True) -> list[dict[str, Any]]:
        """Image and ``final`` label of every completed case."""
        found = []
        for image_id in self.get_labeled_images():
            try:
                found.append({"image": self.get_image_uri(image_id), "label": self.get_label_uri(image_id, FINAL)})
            except GlioLabelError as error:
                _LOG.warning("left out of the list: %s", error)
        return found

    def get_labeled_images(self, label_tag: str | None = None, labels: list[str] | None = None) -> list[str]:
        known, tag = self.survey.labels(), _plain(label_tag or FINAL)
        return [image_id for image_id in self.list_images() if tag in known.get(image_id, ())]

    def get_unlabeled_images(self, label_tag: str | None = None, labels: list[str] | None = None) -> list[str]:
        known, tag = self.survey.labels(), _plain(label_tag or FINAL)
        return [image_id for image_id in self.list_images() if tag not in known.get(image_id, ())]

    def get_dataset_archive(self, limit_cases: int | None) -> str:
        """A ZIP archive of the completed cases: ``image/`` (all sequences), ``label/``."""
        completed = self.get_labeled_images()
        if not completed:
            raise UnknownError("No case is completed yet, so there is nothing to put into an archive.")
        chosen = completed[:limit_cases] if limit_cases and limit_cases > 0 else completed
        cases = ((self.case(image_id, sequence="t1"), Path(self.get_label_uri(image_id, FINAL))) for image_id in chosen)
        return str(write_archive(cases, self._folder.cache / "dataset.zip", temporary=self._folder.temporary))

    def refresh(self) -> None:
        """Look at the study folder again."""
        self._looking.now()

    def refresh_now_and_then(self) -> None:
        """Look at the study folder again if that was not done for a while, in a thread."""
        self._looking.now_and_then(news=self.studies.has_news)

    def status(self) -> dict[str, Any]:
        total, tags, maps = self.survey.counts()
        return {"total": total, "completed": tags.get(FINAL, 0), "label_tags": {**tags, **({UNCERTAINTY: maps} if maps else {})}}

    def json(self) -> dict[str, Any]:
        """The whole datastore in the shape of MONAI Label's own, entries kept small."""
        listing: dict[str, Any] = json.loads(self.listing())
        return listing

    def listing(self) -> bytes:
        """As :meth:`json`, encoded."""
        return self.survey.listing({"name": self._name, "description": self._description, "images_dir": "", "labels_dir": "labels"})

    # --- helpers

    def _entry(
        self, image_id: str, notes: Mapping[str, Any], labels: Mapping[str, LabelRow], current: MapRow | None, role: RoleRow | None
    ) -> dict[str, Any]:
        extension = self._extension(image_id)
        info = {**notes, **({} if role is None else {"role": role.role})}
        rows = {tag: {"ext": ".nii.gz", "info": brief(label_info(row))} for tag, row in labels.items()}
        if current is not None:
            rows[UNCERTAINTY] = {"ext": ".nii.gz", "info": brief(map_info(current))}
        return {"image": {"ext": extension, "info": {**info, "name": public_name(image_id, extension)}}, "labels": rows}

    def _look(self) -> None:
        self.studies.refresh()
        self._take_over()

    def _take_over(self) -> None:
        """Note the labels beside the cases; what is listed of a case depends on its files."""
        if self._import_labels:
            self.labels.note_imports(case.id for case in self.studies if case.label is not None and case.label.numbering.decided)
        extensions = {case.id: self._extension(case.id) for case in self.studies}
        if extensions != self._extensions:
            self.survey.forget_entries()
        self._extensions = extensions

    def _extension(self, image_id: str) -> str:
        if image_id not in self.studies:
            return (split_extension(self.uploads.file(image_id).name) or ("", ".nii.gz"))[1]
        case = self.studies.get(image_id)
        return case.sequences[case.reference].extension

    def _newest(self, image_id: str, tag: str, *, version: int | None = None, author: str | None = None) -> LabelRow:
        row = self.labels.version(image_id, checked_tag(tag), version=version, author=author)
        if row is None:
            which = ("" if version is None else f" version {version}") + ("" if author is None else f" by {author[:128]!r}")
            raise UnknownError(f"Case {image_id!r} has no label {tag!r}{which}.")
        return row

    def _current_map(self, image_id: str) -> MapRow:
        row = self.maps.current(image_id)
        if row is None:
            raise UnknownError(f"Case {image_id!r} has no uncertainty map yet. Run a segmentation first.")
        return row

    def last_segmentation(self, image_id: str) -> str:
        """The model version that segmented a case last (``unet3d starter-1``), or nothing."""
        last = self.notes.get(image_id).get("last_segmentation")
        return f"{last.get('model')} {last.get('version')}" if isinstance(last, Mapping) else ""


def _plain(tag: str | DefaultLabelTag) -> str:
    return tag.value if isinstance(tag, DefaultLabelTag) else str(tag)
