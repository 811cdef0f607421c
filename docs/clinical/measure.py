"""Measure what registration, thick slices and whole heads do to results, on real cases.

python docs/clinical/measure.py registration --data DATA    # DATA: the folder that holds brats/ and lgg/
python docs/clinical/measure.py sequences --data DATA       # thick slices, and a patient who moved: held-out cases of fold 0
python docs/clinical/measure.py heads --data DATA           # whole heads (LGG), with and without brain extraction; needs deepbet

Results go to docs/clinical/measured-*.json, finished cases at once: run it again to go on. `make_sections.py` writes them into the page.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from gliolabel.cli.benchmark.measuring import machine
from gliolabel.inference import Segmenter
from gliolabel.metrics import dice, region_masks
from gliolabel.preprocessing import processing_for
from gliolabel.preprocessing.raw import raw_signs
from gliolabel.recipes import ModelVersion
from gliolabel.registration import Mode, Transforms, align
from gliolabel.registration.aligning import Source
from gliolabel.registry import Registry
from gliolabel.studies import Case, Grid, open_studies
from gliolabel.studies.files import VolumeFile
from gliolabel.studies.images import CaseImages
from gliolabel.studies.lgg import LggCase, open_lgg
from gliolabel.studies.processing import Processing
from gliolabel.studies.writing import write_volume
from gliolabel.vocabulary import REGIONS

HERE = Path(__file__).parent
#: Thick slices as hospitals have them: mm along x, y, z.
THICK = (0.5, 0.5, 5.0)
#: LGG slices tell neither spacing nor thickness: a field of view of 240 mm, and 150 mm from the first slice to the last, are assumed.
LGG_FIELD_MM, LGG_HEIGHT_MM = 240.0, 150.0
#: Weights of a fold, and the cases that they never saw; the package's saw all twenty.
FOLD_WEIGHTS = HERE.parent / "model-cards" / "held-out" / "unet3d-fold0.safetensors"
HELD_OUT = ("BraTS2021_00012", "BraTS2021_00495", "Brats18_TCIA01_378_1", "Brats18_TCIA03_265_1")


def main() -> None:
    """Measure one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("registration", "sequences", "heads"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after the case during which they are over")
    options = parser.parse_args()
    path = HERE / f"measured-{options.what}.json"
    there = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"machine": machine(), "cases": {}}
    began = time.monotonic()
    kinds: dict[str, Callable[[Path, Mapping[str, Any]], Iterator[tuple[str, Any]]]] = {
        "registration": registration,
        "sequences": sequences,
        "heads": heads,
    }
    for case_id, found in kinds[options.what](options.data, there["cases"]):
        there["cases"][case_id] = found
        path.write_text(json.dumps(there, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(case_id, json.dumps(found)[:300], flush=True)
        if time.monotonic() - began > 60 * options.minutes:
            return


# --- registration: sequences of BraTS as they are, and moved by a known transform


def registration(data: Path, done: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each sequence as it lies, and after a known movement: small in one case, large in the next."""
    for number, case in enumerate(open_studies(data / "brats", processing=Processing(register="off"))):
        if case.id in done:
            continue
        images = case.read()
        rng = np.random.default_rng(number)
        size = (1.0, 3.0)[number % 2]
        still = _aligned(images.arrays, images.grid)
        found = {}
        for name in ("t1", "t2", "flair"):
            movement = _movement(images, size=size, rng=rng)
            moved = _moved(images.arrays[name], images.grid, movement)
            began = time.perf_counter()
            one = _aligned({"t1ce": images.arrays["t1ce"], name: moved}, images.grid)[name]
            found[name] = {
                "overlap_still": round(still[name].overlap, 5),
                "applied_still": still[name].applied,
                "size": size,
                "applied": one.applied,
                "seconds": round(time.perf_counter() - began, 2),
                **one.as_json(),
                **_errors(images, movement, None if one.estimate is None else one.estimate.transform()),
            }
        yield case.id, found


def _aligned(arrays: Mapping[str, np.ndarray], grid: Grid) -> Any:
    sources = {name: Source(array, grid, name) for name, array in arrays.items()}
    return align(sources, reference="t1ce", mode="auto", transforms=Transforms(None))


def _movement(images: CaseImages, *, size: float, rng: np.random.Generator) -> sitk.Euler3DTransform:
    """A turn of up to 4 degrees about each axis and a shift of up to 5 mm along it, times ``size``."""
    transform = sitk.Euler3DTransform()
    transform.SetCenter(images.grid.position(tuple(np.argwhere(images.arrays["t1ce"] != 0).mean(axis=0))))
    transform.SetParameters([*np.deg2rad(rng.uniform(-4, 4, 3) * size), *(rng.uniform(-5, 5, 3) * size)])
    return transform


def _moved(array: np.ndarray, grid: Grid, movement: sitk.Euler3DTransform) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.Resample(grid.image(array), movement.GetInverse(), sitk.sitkLinear, 0.0))


def _errors(images: CaseImages, movement: sitk.Euler3DTransform, found: sitk.Euler3DTransform | None) -> dict[str, float]:
    """Mean distance over the brain between where its points are and where the transform puts them, and the angle between both."""
    points = [images.grid.position(tuple(index)) for index in np.argwhere(images.arrays["t1ce"] != 0)[::5000]]
    there = [np.array(movement.TransformPoint(point)) for point in points]
    before = float(np.mean([np.linalg.norm(a - b) for a, b in zip(there, points, strict=True)]))
    if found is None:
        return {"before_mm": before}
    after = float(np.mean([np.linalg.norm(a - found.TransformPoint(b)) for a, b in zip(there, points, strict=True)]))
    turn = np.array(movement.GetMatrix()).reshape(3, 3).T @ np.array(found.GetMatrix()).reshape(3, 3)
    angle = float(np.rad2deg(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))))
    return {"before_mm": round(before, 3), "error_mm": round(after, 3), "error_deg": round(angle, 3)}


# --- Dice with thick slices, and after a movement


def sequences(data: Path, done: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Held-out cases: as they are, thick in all sequences, moved and left, moved and registered, thick but for T1ce."""
    segmenter = Segmenter(ModelVersion.load(FOLD_WEIGHTS))
    store = open_studies(data / "brats", processing=Processing(register="off"))
    for variants in _GROUPS:
        for case_id in HELD_OUT:
            found = dict(done.get(case_id, {}))
            if all(variant in found for variant in variants):
                continue
            case = store.get(case_id)
            images, label = case.read(), case.read_label()
            assert label is not None
            for variant in variants:
                arrays = _varied(images, variant)
                with tempfile.TemporaryDirectory() as folder:
                    written = replace(_written(arrays, Path(folder), case_id), processing=Processing(register=_mode(variant)))
                    result = segmenter.segment(written)
                truth = label if result.grid.same_as(images.grid) else _thick_label(label, images.grid, result.grid)
                found[variant] = {
                    "dice": _dice(result.mask, truth),
                    "registered": [name for name, one in result.processed["registration"].items() if one["applied"]],
                }
            yield case_id, found


#: What is done to the sequences; the first ones are measured first.
_GROUPS = (("as they are", "all thick"), ("moved, off", "moved, auto"), ("thick but T1ce",))


def _mode(variant: str) -> Mode:
    return "off" if variant == "moved, off" else "auto"


def _varied(images: CaseImages, variant: str) -> dict[str, tuple[np.ndarray, Grid]]:
    """The sequences of a case, thick or after a movement of T2 and FLAIR."""
    arrays = {name: (array, images.grid) for name, array in images.arrays.items()}
    if variant in ("all thick", "thick but T1ce"):
        thick = {name: _thick(array, images.grid) for name, array in images.arrays.items()}
        return thick if variant == "all thick" else {**thick, "t1ce": arrays["t1ce"]}
    if variant.startswith("moved"):
        rng = np.random.default_rng(1)
        for name in ("t2", "flair"):
            arrays[name] = (_moved(images.arrays[name], images.grid, _movement(images, size=1.0, rng=rng)), images.grid)
    return arrays


def _thick(array: np.ndarray, grid: Grid) -> tuple[np.ndarray, Grid]:
    """A volume as a scan of thick slices: the mean over each slice's thickness."""
    target = _thick_grid(grid)
    image = sitk.Resample(grid.image(array), _image(_thin(target)), sitk.Transform(), sitk.sitkLinear, 0.0)
    fine = sitk.GetArrayFromImage(image)
    return fine.reshape(target.shape[0], -1, *target.shape[1:]).mean(axis=1).astype(np.float32), target


def _thick_label(label: np.ndarray, grid: Grid, target: Grid) -> np.ndarray:
    """The label that most of each thick voxel has."""
    image = sitk.Resample(grid.image(label), _image(_thin(target)), sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    fine = sitk.GetArrayFromImage(image)
    parts = fine.reshape(target.shape[0], -1, *target.shape[1:])
    counts = np.stack([(parts == value).sum(axis=1) for value in range(4)])
    return counts.argmax(axis=0).astype(np.uint8)


def _thick_grid(grid: Grid) -> Grid:
    x, y, z = (max(1, int(n * s / t)) for n, s, t in zip(grid.size, grid.spacing, THICK, strict=True))
    corner = np.array(grid.affine[:3, 3]) + grid.affine[:3, :3] @ np.full(3, -0.5)
    origin = corner + np.array(grid.direction).reshape(3, 3) @ (np.array(THICK) / 2)
    return Grid((x, y, z), THICK, (float(origin[0]), float(origin[1]), float(origin[2])), grid.direction)


def _thin(grid: Grid) -> Grid:
    """The grid with its slices cut into five."""
    x, y, z = grid.size
    step = grid.spacing[2] / 5
    origin = np.array(grid.origin) - np.array(grid.direction).reshape(3, 3)[:, 2] * 2 * step
    return Grid((x, y, 5 * z), (*grid.spacing[:2], step), (float(origin[0]), float(origin[1]), float(origin[2])), grid.direction)


def _image(grid: Grid) -> sitk.Image:
    return grid.image(np.zeros(grid.shape, np.uint8))


def _written(arrays: Mapping[str, tuple[np.ndarray, Grid]], folder: Path, case_id: str) -> Case:
    files = {}
    for name, (array, grid) in arrays.items():
        path = folder / f"{case_id}_{name}.nrrd"
        write_volume(np.asarray(array, np.float32), grid, path, compress=False)
        files[name] = VolumeFile(path)
    return Case(case_id, files)


def _dice(mask: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in zip(REGIONS, dice(region_masks(mask), region_masks(truth)), strict=True)}


# --- whole heads


def heads(data: Path, done: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Whole heads in slices, T1, T1ce and FLAIR, without T2: Dice of the whole tumour as they are and after brain extraction."""
    segmenter = Segmenter(Registry().champion("unet3d"))
    for stack in open_lgg(data / "lgg"):
        truth = stack.read_masks() > 0
        if stack.id in done or not truth.any():
            continue
        found: dict[str, Any] = {"slices": len(stack.slices), "true_ml": round(float(truth.sum()) * _lgg_grid(stack).voxel_ml, 1)}
        with tempfile.TemporaryDirectory() as folder:
            case = _written({name: (array, _lgg_grid(stack)) for name, array in stack.read().items()}, Path(folder), stack.id)
            found["signs"] = raw_signs(replace(case, processing=Processing(register="off")).read()).as_json()
            for preprocess in ("off", "clinical"):
                processing = processing_for(preprocess, cache=Path(folder))
                began = time.perf_counter()
                images = replace(case, processing=processing).read()
                read_s = time.perf_counter() - began
                result = segmenter.segment(images)
                answer = {"WT": round(float(dice(result.mask[None] > 0, truth[None])[0]), 4), "read_s": round(read_s, 1)}
                answer["ml"] = round(result.volumes_ml["WT"], 1)
                answer["registration"] = {name: _short(one) for name, one in images.processed["registration"].items()}
                if preprocess == "clinical":
                    answer |= images.processed["brain_extraction"]
                    inside = np.logical_or.reduce([array != 0 for array in images.arrays.values()])
                    answer["tumour_inside"] = round(float((inside & truth).sum() / truth.sum()), 4)
                found[preprocess] = answer
        yield stack.id, found


def _short(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: told[key] for key in ("applied", "why", "moved_mm", "overlap_before", "overlap_after") if key in told}


def _lgg_grid(stack: LggCase) -> Grid:
    z, y, x = stack.shape()
    return Grid((x, y, z), (LGG_FIELD_MM / x, LGG_FIELD_MM / y, LGG_HEIGHT_MM / z), (0.0, 0.0, 0.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))


if __name__ == "__main__":
    main()
