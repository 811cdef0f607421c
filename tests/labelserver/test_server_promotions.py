"""Promotions while a real server segments: no error, never a mixed model, no growing memory, and the way back bit for bit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest
import SimpleITK as sitk
import torch
from tests.labelserver.conftest import Server, serving, wait_until, write_small_studies

from gliolabel.recipes import save_model_version
from gliolabel.registry import Registry
from gliolabel.state import StateFolder

PROMOTIONS = 20
#: A version in memory is 22 MB. Twenty that were not let go would be 440 MB.
GROWTH_MB = 120
#: How soon a promotion takes effect, and what a busy machine may add.
EFFECT_S, LOAD_S = 2.0, 3.0


def infer(server: Server, reader: str, case: str = "Case_000", passes: int = 0) -> tuple[np.ndarray, dict]:
    file, params = server.client(reader).infer("unet3d", case, {"passes": passes, "result_extension": ".nrrd"})
    mask = sitk.GetArrayFromImage(sitk.ReadImage(file))
    Path(file).unlink()
    return mask, params


def add_other_version(registry: Registry, folder: Path) -> None:
    """Register ``site-1``: the starter with disturbed weights."""
    starter = registry.champion("unet3d")
    torch.manual_seed(0)
    weights = {name: value * (1 + 0.2 * torch.randn_like(value)) for name, value in starter.build().state_dict().items()}
    path = folder / "site-1.safetensors"
    save_model_version(path, weights, name="unet3d", version="site-1", recipe=starter.recipe, metadata=dict(starter.metadata))
    registry.register(path, parent=starter, manifest={"cases": []}, seed=0, metrics={}, actor="ann")


@pytest.mark.slow
def test_twenty_promotions_while_readers_segment(tmp_path: Path) -> None:
    with serving(tmp_path, None) as start:
        server = start(write_small_studies(tmp_path / "studies", cases=2))
        assert not (server.state / "models").exists()  # MLflow is not opened by a server that starts
        registry = Registry(state=StateFolder(server.state))
        starter = registry.champion("unet3d").version
        add_other_version(registry, tmp_path)

        def switch(version: str) -> None:
            registry.promote("unet3d", version, actor="ann", reason="a test", override=True)

        def served() -> str:
            return infer(server, "ann")[1]["model_version"]

        masks = {starter: infer(server, "ann")[0]}
        switch("site-1")
        began = time.monotonic()
        wait_until(lambda: served() == "site-1", seconds=EFFECT_S + LOAD_S)
        effect = time.monotonic() - began
        masks["site-1"] = infer(server, "ann")[0]
        assert not np.array_equal(masks[starter], masks["site-1"])

        stop, errors, seen = threading.Event(), [], []

        def read(reader: str) -> None:
            try:
                while not stop.is_set():
                    mask, params = infer(server, reader)
                    seen.append((params["model_version"], np.array_equal(mask, masks[params["model_version"]])))
            except Exception as error:  # told by the main thread
                errors.append(error)

        process = psutil.Process(server.process.pid)
        readers = [threading.Thread(target=read, args=(name,)) for name in ("bob", "cy")]
        for thread in readers:
            thread.start()
        memory = []
        try:
            for number in range(PROMOTIONS):
                before = len(seen)
                version = (starter, "site-1")[number % 2]
                switch(version)
                wait_until(lambda before=before, version=version: errors or any(v == version for v, _ in seen[before:]), seconds=60)
                memory.append(process.memory_info().rss / 2**20)
        finally:
            stop.set()
            for thread in readers:
                thread.join()
        assert errors == []
        assert all(same for _, same in seen)
        changes = sum(a[0] != b[0] for a, b in pairwise(seen))
        assert changes >= PROMOTIONS - 1
        # The first few fill what is kept anyway.
        assert memory[-1] - memory[3] < GROWTH_MB, memory

        registry.rollback("unet3d", actor="ann", reason="a test")
        wait_until(lambda: served() == starter, seconds=EFFECT_S + LOAD_S)
        assert np.array_equal(infer(server, "ann")[0], masks[starter])
        assert server.get("/info/").ok
        print(f"{len(seen)} masks, {changes} changes, effect after {effect:.1f} s, memory {memory[3]:.0f} to {memory[-1]:.0f} MB")


@pytest.mark.slow
def test_a_map_is_of_the_version_that_made_the_mask(serve: Callable[..., Server], tmp_path: Path) -> None:
    """With passes before the answer, mask and scores come from one version, also when another is promoted in between."""
    server = serve(write_small_studies(tmp_path / "studies", cases=1))
    registry = Registry(state=StateFolder(server.state))
    add_other_version(registry, tmp_path)
    before = infer(server, "ann", passes=2)[1]
    answers: list[dict] = []
    reader = threading.Thread(target=lambda: answers.append(infer(server, "ann", passes=60)[1]))
    reader.start()
    registry.promote("unet3d", "site-1", actor="ann", reason="a test", override=True)
    reader.join()
    assert answers[0]["model_version"] == before["model_version"]
    wait_until(lambda: infer(server, "ann")[1]["model_version"] == "site-1", seconds=EFFECT_S + LOAD_S)
    _, told = server.client("ann").infer("uncertainty", "Case_000", {"of": "unet3d", "passes": 60})
    assert told["model_version"] == "site-1"
    assert told["computed"]  # the stored map of 60 passes is of the other version
    assert told["uncertainty"] != answers[0]["uncertainty"]
