"""Weights, state, disk space and the study folder."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gliolabel.cli.doctor.check import Check, Level
from gliolabel.cli.doctor.images import images
from gliolabel.cli.state import STATE_VARIABLE, state_path
from gliolabel.errors import GlioLabelError, InputError
from gliolabel.vocabulary import SEQUENCES

if TYPE_CHECKING:
    from gliolabel.dicom import DicomOptions, Series, StudyReading

#: Free disk space (GiB): below the first nothing can be stored safely, below the second it will soon be so.
_LEAST_GIB, _WANTED_GIB = 1.0, 10.0
#: So many problems of a study folder are printed; all are in ``--json``.
_SHOWN = 5


def weights() -> Check:
    """Whether every model that is offered has weights that load."""
    from gliolabel.cli.model_choice import open_registry
    from gliolabel.registry import Registry

    name = "Models"
    try:
        try:
            registry = open_registry()
        except InputError:  # several state folders, as the next check says
            registry = Registry()
        champions = [registry.champion(model) for model in registry.names()]
        for champion in champions:
            champion.build()
    except GlioLabelError as error:
        return Check(name, Level.BAD, str(error), "Install gliolabel again, or go back to another model version: gliolabel models list.")
    if not champions:
        fix = "Install from a release or a full clone: the weights files are part of both (apps/gliolabel/weights)."
        return Check(name, Level.BAD, "no weights are installed, so the server would offer no model", fix)
    found = {c.name: c.version for c in champions}
    return Check(name, Level.OK, ", ".join(f"{model} {version}" for model, version in found.items()), details=found)


def state_folder(studies: str | Path | None) -> Check:
    """Which state folder is used, and whether it can be written."""
    from gliolabel.state import resolve_state_folder

    name = "State folder"
    if studies is None and not os.environ.get(STATE_VARIABLE):
        try:
            path = state_path()
        except GlioLabelError as error:
            return Check(name, Level.WARNING, str(error), "Name the folder: gliolabel --state DIR ...")
        if path is None:
            return Check(name, Level.OK, "none yet; the server makes one for each study folder")
    else:
        path = resolve_state_folder(studies=studies).path
    existing = _existing(path)
    details = {"path": str(path), "exists": path.exists()}
    if not os.access(existing, os.W_OK | os.X_OK):
        return Check(name, Level.BAD, f"{path} cannot be written", "Change its permissions, or name another: --state DIR.", details)
    return Check(name, Level.OK, f"{path}" + ("" if path.exists() else " (will be made)"), details=details)


def disk(studies: str | Path | None) -> Check:
    """Free space where label versions, maps and models are stored."""
    from gliolabel.state import resolve_state_folder

    try:
        # Without a study folder, any name shows on which disk state folders are.
        folder = _existing(resolve_state_folder(studies=studies or Path.cwd()).path)
    except GlioLabelError:
        folder = Path.home()
    gib = shutil.disk_usage(folder).free / 2**30
    details = {"folder": str(folder), "free_gib": round(gib, 1)}
    text = f"{gib:.1f} GiB free at {folder}"
    if gib < _LEAST_GIB:
        return Check("Disk", Level.BAD, text, "Make space, or put the state folder on another disk: --state DIR.", details)
    if gib < _WANTED_GIB:
        return Check("Disk", Level.WARNING, text, "Masks and maps of every case are stored there. Make space in time.", details)
    return Check("Disk", Level.OK, text, details=details)


def study_folder(studies: str | Path, *, labels: str | None, dicom: DicomOptions | None = None) -> Iterator[Check]:
    """What is in the study folder or PACS, and what is wrong with it; of DICOM, every study."""
    from gliolabel.dicom import DicomStudies
    from gliolabel.studies import open_studies

    name = "Studies"
    if "://" not in str(studies) and not Path(studies).expanduser().is_dir():
        yield Check(name, Level.BAD, f"{studies}: there is no such folder", "Check the path. MONAI Label would make it, empty.")
        return
    try:
        store = open_studies(studies, labels=labels, dicom=dicom)
    except GlioLabelError as error:
        yield Check(name, Level.BAD, str(error), "Name a folder of cases or a PACS, and the options as the message says.")
        return
    missing = Counter(sequence for case in store for sequence in case.missing)
    without = {sequence: missing[sequence] for sequence in SEQUENCES if missing[sequence]}
    details = {"cases": len(store), "layout": store.layout, "without": without}
    text = f"{len(store)} cases ({store.layout}), {sum(case.label is not None for case in store)} with a label"
    if without:
        text += "; cases without " + ", ".join(f"{sequence}: {count}" for sequence, count in without.items())
    if len(store) == 0:
        fix = "Name the folder that holds the case folders, or files called <case>_<sequence>.nii.gz; see docs/how-to/study-folders.md."
        yield Check(name, Level.BAD, f"{studies}: no case found", fix, details)
    else:
        yield Check(name, Level.OK, text, details=details)
    for warning in store.warnings:
        yield Check(name, Level.WARNING, warning)
    if len(store):
        yield images(store)
    problems = [f"{p.case_id or p.path.name}: {p.message}" for p in store.problems]
    if problems:
        text = "; ".join(problems[:_SHOWN]) + (f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else "")
        yield Check(name, Level.WARNING, text, "The other cases work. Repair or remove these files.", {"problems": problems})
    if isinstance(store, DicomStudies):
        yield from (dicom_study(reading) for reading in store.readings)


def dicom_study(reading: StudyReading) -> Check:
    """What was recognised in a DICOM study. It quotes the series' descriptions, which go to this terminal and nowhere else."""
    found = [f"{sequence} = {_quoted(chosen.series)} by {chosen.why}" for sequence, chosen in reading.chosen.items()]
    left_out = [f"{_quoted(series)}: {reason}" for series, reason in reading.left_out]
    parts = ["; ".join(found) or reading.refusal, *reading.doubts]
    text = ". ".join([*parts, *(["left out: " + "; ".join(left_out)] if left_out else [])])
    details = {
        "case": reading.case_id,
        "sequences": {sequence: chosen.series.number for sequence, chosen in reading.chosen.items()},
        "left_out": left_out,
        "doubts": list(reading.doubts),
        "refusal": reading.refusal,
    }
    fix = "Say what is right in a rule file, see docs/how-to/dicom.md." if reading.doubts else ""
    doubtful = bool(reading.doubts or reading.refusal)
    return Check(f"Study {reading.case_id}", Level.WARNING if doubtful else Level.OK, text, fix, details)


def _quoted(series: Series) -> str:
    description = series.value("Description")
    return f"{series.name} ({description})" if description else series.name


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
