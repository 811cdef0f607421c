"""The app as a real server process over made-up slices."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from lgg_app import APP, EPOCHS, SMALL, Server, serving, train
from made_up_slices import make_patient, write_flair_volume, write_patient, write_slice


@pytest.fixture(scope="session")
def slice_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without weights.

    With masks: three patients' colour slices and two FLAIR volumes. Without: a patient, a single slice, and a volume whose axes point
    elsewhere.
    """
    folder = tmp_path_factory.mktemp("lgg")
    studies = folder / "studies"
    for seed, name in enumerate("ABC"):
        write_patient(studies, name, seed=seed)
    for seed, name in ((3, "D"), (4, "E")):
        write_flair_volume(studies / f"{name}_flair.nii.gz", seed=seed, mask=studies / f"{name}_mask.nii.gz")
    write_patient(studies, "open", seed=10, masks=False)
    write_slice(studies / "single.png", make_patient(11)[0][3][..., 1])
    write_flair_volume(studies / "volume_flair.nii.gz", seed=12, direction=(-1, 0, 0, 0, 1, 0, 0, 0, -1))
    with serving(folder, None, app=APP) as start:
        yield start(studies, conf={"set": ";".join(SMALL), "spacing": "0.9,0.9,5"})


@pytest.fixture(scope="session")
def untrained(slice_server: Server) -> dict[str, Any]:
    """What the plugin is told while there are no weights, and what a request is answered."""
    refused = slice_server.post("/infer/lgg_flair", params={"image": "open"}, data={"params": "{}"})
    return {**slice_server.get("/info/").json(), "refused": (refused.status_code, refused.json()["detail"])}


@pytest.fixture(scope="session")
def trained(slice_server: Server, untrained: dict[str, Any]) -> dict[str, Any]:
    """The first training, when it is over."""
    assert untrained["models"] == {}
    return train(slice_server, epochs=EPOCHS)
