"""The benchmark measures both pipelines with the same weights, and says so when one fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn

from gliolabel.cli.benchmark import measuring, worker
from gliolabel.cli.benchmark.measuring import Job, measure
from gliolabel.cli.benchmark.table import table
from gliolabel.phantoms import make_phantom, write_phantom_case
from gliolabel.recipes import ModelVersion, build_network, load_recipe, save_model_version
from gliolabel.studies import open_studies


@pytest.fixture(scope="module")
def tiny_unet(tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    """An untrained U-Net of a few thousand weights."""
    recipe = load_recipe("unet3d")
    network = recipe.network.model_copy(update={"channels": (4, 8), "dropout": (0.1, 0.1)})
    recipe = recipe.model_copy(update={"network": network, "sampling": recipe.sampling.model_copy(update={"patch": (32, 32, 32)})})
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "unet3d.safetensors"
    return save_model_version(path, build_network(network).state_dict(), name="unet3d", version="tiny", recipe=recipe, metadata={})


@pytest.fixture(scope="module")
def small_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study folder of one case whose few voxels are of 1 mm: nothing has to be resampled, so all is quick."""
    phantom = make_phantom(shape=(40, 64, 64), seed=(0, 0))
    folder = tmp_path_factory.mktemp("small") / "studies"
    write_phantom_case(replace(phantom, grid=replace(phantom.grid, spacing=(1.0, 1.0, 1.0))), folder / "small", name="small")
    return folder


def _job(version: ModelVersion, studies: Path, pipeline: str, *, passes: int = 2) -> Job:
    return Job(pipeline=pipeline, model=version.path, studies=studies, case=open_studies(studies).ids[0], passes=passes, device="cpu")


def test_a_job_travels_as_json(tiny_unet: ModelVersion, small_case: Path) -> None:
    job = _job(tiny_unet, small_case, "stock")
    assert Job.from_json(job.to_json()) == job


@pytest.mark.parametrize(
    ("pipeline", "stages"),
    [
        ("gliolabel", {"read", "prepare", "network", "restore", "write"}),
        pytest.param("stock", {"pre", "infer", "invert", "post", "write"}, marks=pytest.mark.slow),
    ],
)
def test_both_pipelines_are_measured(tiny_unet: ModelVersion, small_case: Path, pipeline: str, stages: set[str]) -> None:
    row = worker.run(_job(tiny_unet, small_case, pipeline))
    assert stages <= set(row["stages_s"])
    assert row["total_s"] >= row["stages_s"]["write"]
    assert 0 < row["map_s"] < 300
    assert 0.05 < row["peak_gib"] <= row["peak_map_gib"] < 64
    assert set(row["dice"]) == {"WT", "TC", "ET"}
    assert all(0 <= value <= 1 for value in row["dice"].values())
    json.dumps(row)


class _Brightest(nn.Module):
    """Logits by voxel: 0 for background, and the normalised t1, t1ce and t2 for classes 1 to 3."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.zeros_like(image[:, :1]), image[:, :3]], dim=1)


def test_the_stock_pipeline_turns_normalises_and_comes_back(tiny_unet: ModelVersion, small_case: Path) -> None:
    """With a network that looks at single voxels, what must come out of all its transforms and windows is known."""
    from gliolabel.labelserver.benchmark_stock import StockTask, segment_stock
    from gliolabel.vocabulary import SEQUENCES

    case = next(iter(open_studies(small_case)))
    version: Any = SimpleNamespace(build=_Brightest, recipe=tiny_unet.recipe)
    mask = segment_stock(StockTask(version), [case.sequences[s].path for s in SEQUENCES], device="cpu").mask
    scores = [np.zeros(case.grid().shape)]
    for sequence in SEQUENCES[:3]:
        volume = case.read().arrays[sequence]
        inside = volume != 0
        scores.append(np.where(inside, (volume - volume[inside].mean()) / volume[inside].std(), 0))
    expected = np.argmax(scores, axis=0)
    assert len(np.unique(expected)) == 4
    assert (mask == expected).mean() > 0.999


def test_a_failed_measurement_is_a_row(tiny_unet: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*arguments: Any, **options: Any) -> Any:
        return type("Done", (), {"returncode": -9, "stdout": "", "stderr": "the last words"})

    monkeypatch.setattr(measuring.subprocess, "run", killed)
    row = measure(Job(pipeline="stock", model=tiny_unet.path, studies=tmp_path, case="x", passes=2, device=None))
    assert row["model"] == "unet3d"
    assert "out of memory" in row["error"]
    assert "the last words" in row["error"]


def _row(pipeline: str, *, total: float, map_s: float | None, error: str = "") -> dict[str, Any]:
    numbers = {"total_s": total, "cold_s": total, "map_s": map_s, "peak_gib": 1.5, "peak_map_gib": 2.0}
    dice = {"WT": 0.9, "TC": 0.8, "ET": 0.7}
    return {"model": "unet3d", "pipeline": pipeline, "passes": 2, "error": error, "stages_s": {"network": 1.0}, "dice": dice, **numbers}


def _text(rows: list[dict[str, Any]]) -> str:
    machine = {"gliolabel": "0", "torch": "2", "processor": "A processor", "cores": 2, "bf16": "AMX", "memory_gib": 8, "gpu": None}
    console = Console(width=250, record=True, quiet=True)
    with console.capture() as capture:
        console.quiet = False
        console.print(table({"rows": rows, "machine": machine, "case": {"id": "c", "grid": "a grid", "synthetic": True}}))
    return capture.get()


def test_the_table_compares() -> None:
    text = _text([_row("gliolabel", total=2.0, map_s=10.0), _row("stock", total=9.0, map_s=35.0)])
    assert "the mask is 4.5 times faster" in text
    assert "the map 3.5 times" in text
    assert "a map of 2 passes takes 5.0 times as long as a mask." in text
    assert "0.900" in text
    assert "c (synthetic)" in text
    assert "A processor, 2 cores with AMX bfloat16, no GPU" in text


def test_a_map_is_compared_with_the_one_computed_pass_by_pass(tiny_unet: ModelVersion, small_case: Path) -> None:
    row = measure(replace(_job(tiny_unet, small_case, "gliolabel", passes=7), check_map=True))
    assert row["error"] == ""
    assert row["plain"]["map_s"] > 0
    assert set(row["plain"]["differences"]) == {"std", "entropy", "mutual_information"}
    assert max(row["plain"]["differences"].values()) <= 0.002
    assert row["plain"]["scores"] <= 0.01
    assert "computed pass by pass" in _text([row])


def test_the_table_tells_failures_apart() -> None:
    text = _text([_row("gliolabel", total=2.0, map_s=None), _row("stock", total=0.0, map_s=None, error="killed")])
    assert "failed: killed" in text
    assert "times faster" not in text


def test_the_command(
    gliolabel: Callable, tiny_unet: ModelVersion, small_case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "measure", lambda job: _row(job.pipeline, total=1.0, map_s=None))
    answer = gliolabel("benchmark", "--studies", small_case, "--model", tiny_unet.path, "--output", tmp_path / "b.json", "--json")
    assert answer.code == 0, answer.err
    assert [row["pipeline"] for row in json.loads(answer.out)["rows"]] == ["gliolabel", "stock"]
    assert json.loads((tmp_path / "b.json").read_text()) == json.loads(answer.out)
    alone = gliolabel("benchmark", "--studies", small_case, "--model", tiny_unet.path, "--no-stock", "--json")
    assert [row["pipeline"] for row in json.loads(alone.out)["rows"]] == ["gliolabel"]
    assert gliolabel("benchmark", "--studies", tmp_path / "none", "--model", tiny_unet.path).code == 2
