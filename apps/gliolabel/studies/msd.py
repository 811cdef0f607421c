"""Cases of the Medical Segmentation Decathlon's Task01: one 4-D file per case, described by ``dataset.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gliolabel.errors import InputError
from gliolabel.studies.draft import Draft
from gliolabel.studies.files import LabelFile, VolumeFile, split_extension
from gliolabel.studies.names import sequence_of_word
from gliolabel.studies.numbering import Numbering, numbering_of_names, undecided
from gliolabel.studies.walking import MSD_DESCRIPTION

_IMAGES_AND_LABELS: Final[tuple[tuple[str, str], ...]] = (("imagesTr", "labelsTr"), ("imagesTs", "labelsTs"))


def msd_drafts(root: Path, folder: str, *, numbering: Numbering | None) -> list[Draft]:
    """The cases of an MSD folder.

    Args:
        root: the study folder.
        folder: the MSD folder, relative to ``root``.
        numbering: how labels are numbered; None: as ``dataset.json`` says.

    Raises:
        InputError: ``dataset.json`` cannot be read, or does not name the sequences.
    """
    here = root / folder
    description = _description(here / MSD_DESCRIPTION)
    components = _components(description, here / MSD_DESCRIPTION)
    if numbering is None:
        names = description.get("labels")
        numbering = numbering_of_names(names) if isinstance(names, Mapping) else undecided("dataset.json has no labels")
    drafts = []
    for images, labels in _IMAGES_AND_LABELS:
        known_labels = _volumes(here / labels)
        for stem, path in _volumes(here / images).items():
            draft = Draft(folder=folder, name=stem, numbering=numbering)
            draft.sequences = {sequence: VolumeFile(path, component) for sequence, component in components.items()}
            if (label := known_labels.get(stem)) is not None:
                draft.label = LabelFile(label, numbering)
            draft.empty = [p for p in (path, label) if p is not None and p.stat().st_size == 0]
            drafts.append(draft)
    return drafts


def _volumes(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    visible = (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))
    return {parts[0]: path for path in visible if (parts := split_extension(path.name))}


def _description(path: Path) -> Mapping[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected the description of an MSD data set (a JSON object)")
    return content


def _components(description: Mapping[str, object], path: Path) -> dict[str, int]:
    modality = description.get("modality", description.get("channel_names"))
    if not isinstance(modality, Mapping):
        raise InputError(f"{path}: has no modality, expected the sequences in the order of the 4-D files (FLAIR, T1w, T1gd, T2w)")
    components: dict[str, int] = {}
    for number, word in modality.items():
        sequence = sequence_of_word(str(word))
        if sequence is None or not str(number).isdigit() or sequence in components:
            raise InputError(f"{path}: modality {number!r} is {word!r}, expected each of FLAIR, T1w, T1gd, T2w at most once")
        components[sequence] = int(str(number))
    return components
