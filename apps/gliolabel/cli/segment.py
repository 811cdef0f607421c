"""``gliolabel segment``: masks, maps and places for a whole study folder, without a server."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gliolabel.cli import console
from gliolabel.cli.logs import quiet_libraries
from gliolabel.cli.model_choice import choose_model
from gliolabel.cli.reading import N4, BrainExtraction, DicomRules, DicomSearch, Register, StudiesArgument, open_named
from gliolabel.cli.volumes_table import VolumesTable
from gliolabel.errors import GlioLabelError, InputError
from gliolabel.vocabulary import DEFAULT_MODEL, REGIONS, RESEARCH_NOTICE

if TYPE_CHECKING:
    from gliolabel.inference import Segmentation, Segmenter
    from gliolabel.studies import Case


def segment(
    studies: StudiesArgument,
    out: Annotated[Path, typer.Argument(help="Where the results go; made when needed.", metavar="OUT")],
    model: Annotated[
        str, typer.Option(help="Model or MODEL@VERSION (`gliolabel models list` shows them), or a .safetensors file.")
    ] = DEFAULT_MODEL,
    passes: Annotated[int, typer.Option(min=0, max=200, help="Passes of the uncertainty map. 0: no map and no places.")] = 20,
    case: Annotated[list[str] | None, typer.Option(help="Only this case; may be given more than once.")] = None,
    places: Annotated[int, typer.Option(min=1, max=50, help="How many places to look at.")] = 5,
    seed: Annotated[int, typer.Option(help="The same seed gives the same map.")] = 0,
    labels: Annotated[str | None, typer.Option(help="Numbering of labels in the folder, if its layout does not tell.")] = None,
    register: Register = "auto",
    preprocess: Annotated[Literal["off", "clinical"], typer.Option(help="clinical: for whole heads; extracts the brain.")] = "off",
    brain_extraction: BrainExtraction = "auto",
    n4: N4 = False,
    dicom_rules: DicomRules = None,
    dicom_search: DicomSearch = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Segment again what is done already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Segment every case of a study folder.

    Writes for each case CASE_mask.nii.gz (1 necrosis, 2 edema, 3 enhancing tumor), CASE_uncertainty.nii.gz (standard deviation over the
    passes, 0 to 0.5), CASE_places.mrk.json (drag it into 3D Slicer) and CASE_processing.json (registration and preprocessing, with their
    checks), and volumes.csv for all. Can be stopped and started again: finished cases are skipped. A case that cannot be read is
    named, and the others go on; the exit code is then 1.
    """
    quiet_libraries()
    from gliolabel.inference import Segmenter
    from gliolabel.preprocessing import processing_for

    processing = processing_for(preprocess, register=register, extractor=brain_extraction, n4=n4)
    store = open_named(studies, labels=labels, rules=dicom_rules, search=dicom_search, processing=processing)
    chosen = [store.get(name) for name in case] if case else list(store)
    version = choose_model(model)
    for problem in store.problems:
        console.warning(problem.message)
    if not chosen:
        raise InputError(f"STUDIES {studies}: no case found. `gliolabel doctor --studies {studies}` says what was looked for.")
    _make(out)
    table = VolumesTable(out / "volumes.csv")
    key = {"model": version.name, "model_version": version.version, "passes": str(passes), "seed": str(seed)}
    key["processing"] = processing.mark.replace("\n", "; ")
    if not overwrite:
        table.check(key)
    todo = [c for c in chosen if overwrite or not (table.has(c.id) and (out / f"{c.id}_mask.nii.gz").is_file())]
    if len(todo) < len(chosen):
        console.note(f"{len(chosen) - len(todo)} of {len(chosen)} cases are done already; --overwrite segments them again.")
    failed = _segment_all(
        todo, Segmenter(version), out=out, table=table, key=key, passes=passes, seed=seed, count=places, shown=not as_json
    )
    failed.update({problem.case_id or problem.path.name: problem.message for problem in store.problems if not case})
    if as_json:
        done = [{**row, **_read_processing(out, row["case"])} for row in table.rows() if row["case"] in {c.id for c in chosen}]
        console.print_json({"out": str(out), "model": version.name, "model_version": version.version, "cases": done, "failed": failed})
    else:
        console.out.print(
            f"{len(chosen) - len([c for c in chosen if c.id in failed])} cases in {out}, volumes in {table.path}. {RESEARCH_NOTICE}"
        )
    if failed:
        raise typer.Exit(1)


def _segment_all(
    cases: Sequence[Case],
    segmenter: Segmenter,
    *,
    out: Path,
    table: VolumesTable,
    key: dict[str, str],
    passes: int,
    seed: int,
    count: int,
    shown: bool,
) -> dict[str, str]:
    failed: dict[str, str] = {}
    with console.progress_bar(shown=shown) as bar:
        task = bar.add_task("Cases", total=len(cases))
        for case in cases:
            bar.update(task, description=case.id)
            begin = time.perf_counter()
            try:
                result = segmenter.segment(case, passes=passes, seed=seed)
                write_result(result, out, count=count)
            except InputError as error:  # this case's own fault; a full disk or lost device would stop them all
                failed[case.id] = str(error)
                console.error(f"case {case.id}: {error}")
            else:
                for text in result.warnings:
                    console.warning(f"case {case.id}: {text}")
                table.put(_row(result, key=key, seconds=time.perf_counter() - begin))
            bar.advance(task)
    return failed


def write_result(result: Segmentation, out: Path, *, count: int = 5) -> dict[str, Path]:
    """Write a segmentation's files: places, map, and last the mask, whose presence means that the case is done.

    Args:
        result: the segmentation, with or without maps.
        out: an existing folder.
        count: how many places.

    Returns:
        The files by kind: ``mask``, ``processing`` and with maps ``uncertainty`` and ``places``.
    """
    from gliolabel.studies.writing import write_volume
    from gliolabel.uncertainty import places_to_look, to_markups

    files: dict[str, Path] = {}
    if result.maps is not None:
        files["places"] = out / f"{result.case_id}_places.mrk.json"
        maps = result.maps
        found = places_to_look(maps.by_region["std"], result.mask, result.grid, k=count, expected_error=maps.expected_error)
        files["places"].write_text(json.dumps(to_markups(found), indent=2) + "\n", encoding="utf-8")
        files["uncertainty"] = out / f"{result.case_id}_uncertainty.nii.gz"
        write_volume(maps.measures["std"], result.grid, files["uncertainty"])
    files["processing"] = _processing_file(out, result.case_id)
    files["processing"].write_text(json.dumps(result.processed, indent=2) + "\n", encoding="utf-8")
    files["mask"] = out / f"{result.case_id}_mask.nii.gz"
    write_volume(result.mask, result.grid, files["mask"])
    return files


def _processing_file(out: Path, case_id: str) -> Path:
    return out / f"{case_id}_processing.json"


def _read_processing(out: Path, case_id: str) -> dict[str, Any]:
    try:
        content = json.loads(_processing_file(out, case_id).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # taken away by somebody
        return {}
    return {"registration": content.pop("registration", {}), "preprocess": content}


def _row(result: Segmentation, *, key: dict[str, str], seconds: float) -> dict[str, str]:
    scores: dict[str, Any] = {} if result.maps is None else dict(result.maps.scores)
    row = {"case": result.case_id}
    for region in REGIONS:
        row[f"{region}_ml"] = f"{result.volumes_ml[region]:.3f}"
        for bound in ("volume_ml_p05", "volume_ml_p95"):
            value = scores.get(region, {}).get(bound)
            row[f"{region}_{bound.removeprefix('volume_')}"] = "" if value is None else f"{value:.3f}"
    return row | key | {"device": result.device, "seconds": f"{seconds:.1f}", "warnings": "; ".join(result.warnings)}


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GlioLabelError(
            f"OUT {out}: the folder cannot be made ({error.strerror}). Name another one or change its permissions."
        ) from error
