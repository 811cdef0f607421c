"""The pictures of docs/concepts/gate.md, from synthetic cases: a starter version against itself with noise on its weights.

Run: python docs/gate/make_pictures.py WORK_FOLDER     (some minutes; finished cases are kept in the folder)
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from urllib.parse import unquote

import torch
from safetensors.torch import load_file

from gliolabel.phantoms import write_phantom_folder
from gliolabel.recipes import ModelVersion
from gliolabel.recipes.model_version import save_model_version
from gliolabel.registry import Registry
from gliolabel.studies import open_studies
from gliolabel.training.gate import GateCase, judge, load_criteria, measure, write_verdict
from gliolabel.training.gate.pairing import Pair
from gliolabel.training.gate.pictures import draw_dice, draw_side_by_side

HERE = Path(__file__).parent
CASES, SHAPE, NOISE = 4, (48, 80, 80), 0.5


def noisy(starter: ModelVersion, path: Path) -> ModelVersion:
    """The starter with noise of half a standard deviation on every weight."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for name, tensor in load_file(starter.path).items():
        weights[name] = tensor.float() + NOISE * tensor.float().std(unbiased=False) * torch.randn(tensor.shape, generator=generator)
    return save_model_version(
        path, weights, name=starter.name, version="noisy-1", recipe=starter.recipe, metadata=dict(starter.metadata),
        calibration=starter.calibration,
    )  # fmt: skip


def main(folder: Path) -> None:
    """Make the page and take two of its pictures."""
    write_phantom_folder(folder / "studies", cases=CASES, shape=SHAPE)
    cases = [GateCase.of(case) for case in open_studies(folder / "studies")]
    starter = Registry().champion("unet3d")
    challenger = noisy(starter, folder / "noisy.safetensors")
    before, after = (measure(version, cases, report=print, kept=folder / "kept") for version in (starter, challenger))
    criteria = load_criteria().model_copy(update={"least_patients": CASES, "least_patients_per_region": CASES})
    verdict = judge(before, after, criteria)
    print(write_verdict(folder / "verdict", verdict, criteria=criteria, champion=starter, challenger=challenger, cases=cases))
    pairs = [Pair(a, b) for a, b in zip(verdict.champion, verdict.challenger, strict=True)]
    names = {"champion": f"unet3d {starter.version}", "challenger": f"unet3d {challenger.version}"}
    dice = draw_dice(pairs, verdict, **names)
    assert dice is not None
    shown = min(range(CASES), key=lambda i: pairs[i].challenger.value("TC", "dice") or 0.0)
    beside = draw_side_by_side(cases[shown].open(), pairs[shown], **names)
    for name, picture in (("dice.svg", dice), ("side-by-side.png", beside)):
        (HERE / name).write_bytes(base64.b64decode(unquote(picture.address.split(",", 1)[1])))
        print(f"{name}: {picture.alt}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
