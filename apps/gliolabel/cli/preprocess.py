"""``gliolabel preprocess``: raw clinical studies, made into what the networks know, as files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gliolabel.cli import console
from gliolabel.cli.logs import quiet_libraries
from gliolabel.cli.reading import N4, BrainExtraction, DicomRules, DicomSearch, Register, StudiesArgument, open_named
from gliolabel.errors import GlioLabelError, InputError

if TYPE_CHECKING:
    from gliolabel.studies import Case

#: What was done to a case, and the checks.
PROCESSING = "processing.json"


def preprocess(
    studies: StudiesArgument,
    out: Annotated[Path, typer.Argument(help="Where the prepared studies go; made when needed.", metavar="OUT")],
    case: Annotated[list[str] | None, typer.Option(help="Only this case; may be given more than once.")] = None,
    register: Register = "auto",
    brain_extraction: BrainExtraction = "auto",
    n4: N4 = False,
    labels: Annotated[str | None, typer.Option(help="Numbering of labels in the folder, if its layout does not tell.")] = None,
    dicom_rules: DicomRules = None,
    dicom_search: DicomSearch = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Register the sequences, extract the brain and resample to 1 mm; write the result as a study folder.

    OUT/CASE/CASE_t1.nii.gz and so on, the label beside them if there is one, and processing.json with transforms and checks. All of a case
    lies on one grid of 1 mm along the axes of its reference sequence. Masks of these studies lie on that grid: to get masks on the reader's
    own, give --preprocess clinical to `gliolabel segment`, or --conf preprocess clinical to the server, instead.

    Can be stopped and started again: finished cases are skipped. A case that cannot be read is named, and the others go on; the exit code
    is then 1.
    """
    quiet_libraries()
    from gliolabel.preprocessing import processing_for
    from gliolabel.studies.record import write_record

    processing = processing_for("clinical", register=register, extractor=brain_extraction, n4=n4)
    store = open_named(studies, labels=labels, rules=dicom_rules, search=dicom_search, processing=processing)
    chosen = [store.get(name) for name in case] if case else list(store)
    if not chosen:
        raise InputError(f"STUDIES {studies}: no case found. `gliolabel doctor --studies {studies}` says what was looked for.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_record(out, labels="gliolabel")
    except OSError as error:
        raise GlioLabelError(f"OUT {out}: cannot be written ({error.strerror}). Name another one or change its permissions.") from error
    done: dict[str, object] = {}
    failed: dict[str, str] = {}
    with console.progress_bar(shown=not as_json) as bar:
        task = bar.add_task("Cases", total=len(chosen))
        for one in chosen:
            bar.update(task, description=one.id)
            try:
                done[one.id] = write_prepared(one, out)
            except InputError as error:
                failed[one.id] = str(error)
                console.error(f"case {one.id}: {error}")
            bar.advance(task)
    if as_json:
        console.print_json({"out": str(out), "cases": done, "failed": failed})
    else:
        console.out.print(f"{len(done)} cases in {out}.")
    if failed:
        raise typer.Exit(1)


def write_prepared(case: Case, out: Path) -> dict[str, object]:
    """Read a case as it is processed and write it in voxels of 1 mm, whole or not at all; what is there already stays.

    Args:
        case: the case.
        out: an existing folder.

    Returns:
        What was done, as in ``processing.json``.

    Raises:
        InputError: a file of the case cannot be used.
        UnavailableError: the disk is full.
    """
    import numpy as np

    from gliolabel.preprocessing.brain import brain_mask
    from gliolabel.preprocessing.resampling import resampled, working_grid
    from gliolabel.studies.writing import write_volume

    folder = out / case.id
    if (folder / PROCESSING).is_file():
        there: dict[str, object] = json.loads((folder / PROCESSING).read_text(encoding="utf-8"))
        return there
    images, label = case.read(), case.read_label()
    for text in images.warnings:
        console.warning(text)
    grid, fine = images.grid, working_grid(images.grid)
    volumes = dict(images.arrays)
    if fine is not grid:
        # Interpolation leaves a trace of the brain in the air around it.
        brain = resampled(brain_mask(volumes.values()).astype(np.float32), grid, fine, outside=0.0) > 0.5
        volumes = {name: np.where(brain, resampled(array, grid, fine, outside=0.0), 0) for name, array in volumes.items()}
        label = None if label is None else resampled(label, grid, fine, outside=0.0, nearest=True)
    # A name with a dot in front: listing passes over it.
    part = out / f".{case.id}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        for name, array in volumes.items():
            write_volume(array.astype(np.float32), fine, part / f"{case.id}_{name}.nii.gz")
        if label is not None:
            write_volume(label, fine, part / f"{case.id}_seg.nii.gz")
        (part / PROCESSING).write_text(json.dumps(images.processed, indent=2) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return dict(images.processed)
