"""The pictures of a result: a case segmented by `gliolabel segment`, opened in Slicer's own scene, drawn by Slicer's own views.

python docs/pictures/make_pictures.py                                              # a synthetic case, into docs/pictures
python docs/pictures/make_pictures.py --studies DIR --case ID --output DIR         # your own case; keep its pictures out of the repository

Needs the extra `test` on Python 3.11 (slicer-core) and EGL. A minute or two on two cores, most of it for the 20 passes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from gliolabel.vocabulary import DEFAULT_MODEL

HERE: Final = Path(__file__).resolve().parent
MODEL, PASSES = DEFAULT_MODEL, 20
#: The synthetic case.
SYNTHETIC: Final = "Phantom"
_SEED: Final = (0, 0)
#: Pixels of one picture. They are drawn twice as large, so that edges are smooth.
SIZE: Final = (440, 440)
_WIDTH_MM: Final = 182.0


def main() -> int:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=Path, help="study folder; by default a synthetic case is made")
    parser.add_argument("--case", help="id of the case; by default the first")
    parser.add_argument("--output", type=Path, default=HERE, help="folder for the pictures")
    parser.add_argument("--work", type=Path, help="folder that keeps the results, so that a second run only draws")
    options = parser.parse_args()
    if options.studies is not None and options.output.resolve().is_relative_to(HERE.parents[1]):
        parser.error("--output: pictures of patients do not belong in the repository; name a folder outside of it")
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        studies = options.studies or _synthetic(work)
        case_id = options.case or _first(studies)
        results = _segment(studies, case_id, work / "results")
        _draw(studies, case_id, results, options.output, Path(temporary), synthetic=options.studies is None)
    return 0


def _synthetic(work: Path) -> Path:
    from gliolabel.phantoms import make_phantom, write_phantom_case

    studies = work / "studies"
    if not studies.exists():
        write_phantom_case(make_phantom(seed=_SEED), studies / SYNTHETIC, name=SYNTHETIC)
    return studies


def _first(studies: Path) -> str:
    from gliolabel.studies import open_studies

    return next(iter(open_studies(studies))).id


def _segment(studies: Path, case_id: str, out: Path) -> Path:
    # The command, as anybody would: it goes on where it was, so a second run computes nothing.
    command = [sys.executable, "-m", "gliolabel.cli", "segment", "--model", MODEL, "--passes", str(PASSES), "--case", case_id]
    subprocess.run([*command, str(studies), str(out)], check=True)
    return out


def _draw(studies: Path, case_id: str, results: Path, output: Path, temporary: Path, *, synthetic: bool) -> None:
    os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    sys.path.insert(0, str(HERE))
    import compose
    from scene import Scene

    from gliolabel.studies import open_studies

    case = open_studies(studies).get(case_id)
    twice = (2 * SIZE[0], 2 * SIZE[1])
    scene = Scene(temporary / "slicer", reference=case.reference_file(temporary), results=results, case_id=case_id, size=twice)
    drawn = {name: temporary / f"{name}.png" for name in ("case", "mask", "map", "space")}
    here: dict[str, Any] = {"superior_mm": scene.places()[0][2] if scene.places() else scene.slice_of_most_tumour(), "width_mm": _WIDTH_MM}
    scene.write_slice(drawn["case"], **here)
    scene.write_slice(drawn["mask"], mask="fill", **here)
    scene.write_slice(drawn["map"], mask="outline", overlay=True, points=True, **here)
    scene.write_space(drawn["space"], comes_from=scene.side(), height_mm=_WIDTH_MM)
    scene.close()
    places = json.loads((results / f"{case_id}_places.mrk.json").read_text())["markups"][0]["controlPoints"]
    output.mkdir(parents=True, exist_ok=True)
    note = f"{'A synthetic case' if synthetic else case_id}, {MODEL}, {PASSES} passes. Research use only, not a medical device."
    words = [place["label"] for place in places]
    compose.compose(drawn, output / "result.png", size=SIZE, places=words, note=note, map_range=scene.map_range)
    for name in drawn:
        compose.single(drawn[name], output / f"{name}.png", size=SIZE)
    print(*sorted(str(output / f"{name}.png") for name in ("result", *drawn)), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
