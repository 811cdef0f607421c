"""Two processes train as one would: the same losses, weights and statistics at the same batch."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from gliolabel.errors import InputError
from gliolabel.training.distributed import Processes

SCRIPT = Path(__file__).with_name("together.py")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("together", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two processes found."""
    out = tmp_path_factory.mktemp("two")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(SCRIPT), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(out / f"{rank}.pt") for rank in (0, 1)]


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one(script: ModuleType, of_two: list[dict[str, Any]]) -> None:
    before, threads = script.engine.best_precision, torch.get_num_threads()
    torch.set_num_threads(1)  # as the two had: another number of threads rounds differently
    try:
        of_one = script.train_all(Processes())
    finally:
        script.engine.best_precision = before
        torch.set_num_threads(threads)
    for name, alone in of_one.items():
        both = [found["runs"][name]["losses"] for found in of_two]
        # ResUNet's many batch normalisations of a dozen values each make rounding grow; its gradients are compared below.
        tolerance = 2e-2 if "focal" in name else 1e-5
        assert both[0] == both[1], name
        assert both[0] == pytest.approx(alone["losses"], rel=tolerance), name
        assert len(set(alone["losses"])) == 10
        for key, value in alone["sums"].items():
            assert of_two[0]["runs"][name]["sums"][key] == of_two[1]["runs"][name]["sums"][key], (name, key)
            assert of_two[0]["runs"][name]["sums"][key] == pytest.approx(value, rel=10 * tolerance, abs=1e-2), (name, key)


@pytest.mark.slow
def test_two_processes_have_the_gradients_of_one(script: ModuleType, of_two: list[dict[str, Any]]) -> None:
    """In double precision, with a loss over the whole batch and statistics over the whole batch."""
    for name, alone in script.gradients(Processes()).items():
        largest = max(float(gradient.abs().max()) for gradient in alone.values())
        assert largest > 0.01
        for found in of_two:
            assert found["gradients"][name].keys() == alone.keys()
            for key, gradient in alone.items():
                assert float((found["gradients"][name][key] - gradient).abs().max()) < 1e-11 * largest, (name, key)


@pytest.mark.slow
def test_only_the_first_process_writes(of_two: list[dict[str, Any]]) -> None:
    assert {tuple(found["files"]) for found in of_two[0]["runs"].values()} == {("checkpoint.pt",)}
    assert {tuple(found["files"]) for found in of_two[1]["runs"].values()} == {()}


@pytest.mark.parametrize(("count", "processes"), [(4, 2), (5, 2), (7, 3), (3, 3)])
def test_every_sample_belongs_to_one_process(count: int, processes: int) -> None:
    parts = [Processes(rank=rank, count=processes).mine(count) for rank in range(processes)]
    assert [index for part in parts for index in range(count)[part]] == list(range(count))
    assert all(part.stop > part.start for part in parts)


def test_alone_nothing_is_gathered() -> None:
    logits = torch.rand(2, 1, 4)
    assert Processes().gather(logits, 2) is logits
    assert Processes().agree("value") == "value"


def test_more_processes_than_samples_are_refused() -> None:
    with pytest.raises(InputError, match=r"sampling.batch_size = 2 with 3 processes"):
        Processes(rank=0, count=3).check_batch(2)
