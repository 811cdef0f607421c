"""``gliolabel roles``, and that no training is given a locked case."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gliolabel.phantoms import write_phantom_folder
from gliolabel.state import Database, StateFolder
from gliolabel.state.roles import Role, Roles


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Twelve patients with a case each; what they are for was decided by share and hash."""
    folder = StateFolder(tmp_path / "state").create()
    database = Database(folder)
    for number in range(12):
        Roles(database).assign(f"Phantom_{number:03d}", patient=f"Phantom_{number:03d}", volume_ml=20.0 * number, trained_on=False)
    database.close()
    return folder.path


def of_role(gliolabel: Callable, state: Path, role: str) -> list[dict]:
    answer = gliolabel("--state", state, "roles", "--role", role, "--json")
    assert answer.code == 0, answer.err
    return list(json.loads(answer.out))


def test_roles_are_listed_with_their_reasons(gliolabel: Callable, state: Path) -> None:
    rows = json.loads(gliolabel("--state", state, "roles", "--json").out)
    assert [row["case_id"] for row in rows] == [f"Phantom_{number:03d}" for number in range(12)]
    assert {row["role"] for row in rows} == {"train", "validation", "locked"}
    assert rows[0]["stratum"] == "tumour below 60 mL"
    assert all("share" in row["reason"] for row in rows)
    assert sum(len(of_role(gliolabel, state, role)) for role in Role) == 12
    assert [row["volume_ml"] for row in json.loads(gliolabel("--state", state, "roles", "--case", "Phantom_003", "--json").out)] == [60.0]
    shown = gliolabel("--state", state, "roles")
    assert "Phantom_011" in shown.out
    assert "12 cases of 12 patients" in shown.err


def test_without_roles_it_says_why(gliolabel: Callable, tmp_path: Path) -> None:
    answer = gliolabel("roles")
    assert answer.code == 2
    assert "no state folder" in answer.err
    assert gliolabel("--state", tmp_path / "nowhere", "roles").code == 2
    assert not (tmp_path / "nowhere").exists()
    StateFolder(tmp_path / "fresh").create()
    assert "no label was accepted" in gliolabel("--state", tmp_path / "fresh", "roles").err


@pytest.mark.parametrize(
    "recipe",
    [
        ["--recipe=unet3d"],
        ["--recipe=keller_unet2d_brats20", "--set=data.slices=[18, 24]", "--set=data.split.take=[{role: test, share: 0.05}]"],
    ],
)
def test_a_training_on_a_locked_case_is_refused(gliolabel: Callable, state: Path, tmp_path: Path, recipe: list[str]) -> None:
    write_phantom_folder(tmp_path / "studies", cases=12, shape=(24, 32, 32))
    locked = [row["case_id"] for row in of_role(gliolabel, state, "locked")]
    assert len(locked) > 1
    options = ["train", *recipe, "--studies", tmp_path / "studies", "--output", tmp_path / "run", "--steps", "1", "--device", "cpu"]
    answer = gliolabel("--state", state, *options)
    assert answer.code == 2, answer.err
    assert any(case_id in answer.err for case_id in locked)
    assert "locked" in answer.err
    assert not (tmp_path / "run" / "unet3d.safetensors").exists()
