"""``gliolabel demo``: the main job on synthetic cases, with Slicer or without."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from gliolabel.cli import console
from gliolabel.cli.app_folder import APP_NAME, find_app_folder
from gliolabel.cli.logs import quiet_libraries
from gliolabel.cli.model_choice import choose_model
from gliolabel.cli.ports import port_is_free
from gliolabel.errors import InputError, UnavailableError
from gliolabel.vocabulary import DEFAULT_MODEL, RESEARCH_NOTICE

_SYNTHETIC = "The cases are synthetic: computed shapes that look like a brain with a tumour. They show how it works, not how well."


def demo(
    folder: Annotated[Path, typer.Argument(help="Where everything goes; made when needed.", metavar="[DIR]")] = Path("gliolabel-demo"),
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Segment one case and write a picture instead; needs no Slicer.")] = False,
    model: Annotated[str, typer.Option(help="Model for --no-serve.")] = DEFAULT_MODEL,
    passes: Annotated[int, typer.Option(min=2, max=200, help="Passes of the uncertainty map for --no-serve.")] = 20,
    host: Annotated[str, typer.Option(help="Address to listen on. The default is reached from this machine only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
) -> None:
    """Make a small folder of synthetic cases and start the server on it, ready for 3D Slicer.

    Everything lies in DIR: studies, state, app and results. Remove DIR to remove it all.
    """
    quiet_libraries()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"DIR {folder}: a folder is expected, this is a file. Name another place.")
    folder = folder.resolve()
    studies = _studies(folder)
    if no_serve:
        _picture(folder, studies, model=model, passes=passes)
    else:
        _serve(folder, studies, host=host, port=port)


def _studies(folder: Path) -> Path:
    from gliolabel.phantoms import write_phantom_folder
    from gliolabel.studies import open_studies

    studies = folder / "studies"
    if not studies.is_dir() or len(open_studies(studies)) == 0:
        studies.mkdir(parents=True, exist_ok=True)
        with console.err.status("Making synthetic cases ..."):
            write_phantom_folder(studies)
    console.note(f"Studies: {studies} ({len(open_studies(studies))} cases). {_SYNTHETIC}")
    return studies


def _picture(folder: Path, studies: Path, *, model: str, passes: int) -> None:
    from gliolabel.cli.picture import draw_result
    from gliolabel.cli.segment import write_result
    from gliolabel.inference import Segmenter
    from gliolabel.studies import open_studies
    from gliolabel.uncertainty import places_to_look

    segmenter = Segmenter(choose_model(model, state=folder / "state"))
    case = next(iter(open_studies(studies)))
    with console.err.status(f"Segmenting {case.id} with {model}, then {passes} passes for the map ..."):
        images = case.read()
        result = segmenter.segment(images, passes=passes)
    assert result.maps is not None
    places = places_to_look(result.maps.by_region["std"], result.mask, result.grid, expected_error=result.maps.expected_error)
    results = folder / "results"
    results.mkdir(exist_ok=True)
    write_result(result, results)
    path = draw_result(images, result, places, results / f"{case.id}.png", note="Synthetic case.")
    for text in result.warnings:
        console.warning(text)
    volumes = ", ".join(f"{region} {ml:.1f} mL" for region, ml in result.volumes_ml.items())
    console.note(f"{result.model} {result.model_version} on {result.device}: {volumes}. Mask, map and places: {results}")
    console.note(RESEARCH_NOTICE)
    console.out.print("Picture:", str(path), highlight=False)


def _serve(folder: Path, studies: Path, *, host: str, port: int) -> None:
    from gliolabel.cli.server_process import ServerProcess

    try:
        free = port_is_free(host, port)
    except OSError as error:
        raise InputError(f"--host {host} --port {port}: cannot listen there ({error.strerror or error}). Use --host 127.0.0.1.") from error
    if not free:
        raise InputError(f"--port {port}: something listens there already. Stop it, or choose another: gliolabel demo --port {port + 1}")
    process = ServerProcess(app=_app(folder), studies=studies, state=folder / "state", host=host, port=port, log=folder / "server.log")
    with process:
        with console.err.status("Starting the server ..."):
            process.wait_until_ready()
        console.out.print(_steps(process.address, process.log), highlight=False, markup=False)
        raise typer.Exit(process.wait())


def _app(folder: Path) -> Path:
    # A copy: MONAI Label writes logs into the app folder, and an installed one may belong to the system.
    source = find_app_folder()
    if source is None:
        raise UnavailableError("The app folder brain_tumor is missing: `gliolabel doctor` says what to do.")
    target = folder / APP_NAME
    target.mkdir(exist_ok=True)
    for file in source.glob("*.py"):
        shutil.copyfile(file, target / file.name)
    return target


def _steps(address: str, log: Path) -> str:
    return f"""
The server is ready: {address}

In 3D Slicer (5.6 or newer):
  1. Once: View > Extensions Manager, install "MONAILabel", restart Slicer.
  2. Open the module MONAI Label (Modules > Active Learning > MONAI Label).
  3. Set "MONAI Label server" to {address} and press the round arrow beside it.
  4. Press "Next Sample": a case appears.
  5. Under "Auto Segmentation" choose unet3d and press "Run": the tumour mask appears.
  6. Choose where_to_look and press "Run": the places to check first appear as points.
  7. Correct the mask in the Segment Editor, then press "Submit Label".

{_SYNTHETIC}
{RESEARCH_NOTICE}
Log: {log}. Ctrl-C stops the server."""
