"""``gliolabel models`` without and with a state folder."""

from __future__ import annotations

import getpass
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from gliolabel.cli.model_choice import choose_model
from gliolabel.errors import UnknownError
from gliolabel.recipes import build_network, load_recipe, save_model_version
from gliolabel.registry import Registry
from gliolabel.state import StateFolder


@pytest.fixture
def two_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry with two versions of a tiny unet3d."""
    recipe = load_recipe("unet3d")
    network = recipe.network.model_copy(update={"channels": (4, 8), "dropout": (0.1, 0.1)})
    recipe = recipe.model_copy(update={"network": network})
    torch.manual_seed(0)
    weights = build_network(network).state_dict()
    for version in ("starter-9", "starter-10"):
        path = tmp_path / f"unet3d-{version}.safetensors"
        save_model_version(path, weights, name="unet3d", version=version, recipe=recipe, metadata={"terms": "CC BY 4.0"})
    monkeypatch.setattr("gliolabel.cli.model_choice.open_registry", lambda: Registry(tmp_path))
    return tmp_path


@pytest.fixture
def with_challenger(tmp_path: Path, two_versions: Path, monkeypatch: pytest.MonkeyPatch, empty_mlflow: Path) -> Registry:
    """A state folder whose first champion is starter-10, with a challenger site-1 of another recipe."""
    monkeypatch.undo()
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("GLIOLABEL_STATE", str(tmp_path / "state"))
    state = StateFolder(tmp_path / "state").create()
    state.models.mkdir()
    shutil.copyfile(empty_mlflow, state.models / "mlflow.db")
    registry = Registry(two_versions, state=state)
    parent = registry.champion("unet3d")
    recipe = parent.recipe.model_copy(update={"steps": 300})
    path = tmp_path / "trained" / "site-1.safetensors"
    metadata = {"trained_on": {"Old_1": {"t1": "aa"}}, "terms": {}}
    save_model_version(path, parent.build().state_dict(), name="unet3d", version="site-1", recipe=recipe, metadata=metadata)
    manifest = {"cases": [{"case_id": "New_1", "label_version": "2", "label_sha256": "bb", "weight": 3.0}]}
    registry.register(path, parent=parent, manifest=manifest, seed=1, metrics={"dice_WT": 0.75}, actor="ann")
    registry.decide("unet3d", "site-1", verdict={"decision": "refuse", "sentence": "ET fell by 0.12."}, files=None)
    return registry


def test_list_marks_the_champion(gliolabel: Callable, two_versions: Path) -> None:
    rows = json.loads(gliolabel("models", "list", "--json").out)
    assert [(row["version"], row["champion"]) for row in rows] == [("starter-9", False), ("starter-10", True)]
    assert "champion" in gliolabel("models", "list").out


def test_show(gliolabel: Callable, two_versions: Path) -> None:
    shown = json.loads(gliolabel("models", "show", "unet3d", "--json").out)
    assert shown["version"] == "starter-10"
    assert shown["metadata"]["terms"] == "CC BY 4.0"
    assert len(shown["sha256"]) == 64
    assert yaml.safe_load(gliolabel("models", "show", "unet3d", "starter-9").out)["champion"] is False


def test_what_is_not_there(gliolabel: Callable, two_versions: Path) -> None:
    missing = gliolabel("models", "show", "unet3d", "starter-11")
    assert missing.code == 2
    assert "starter-9, starter-10" in missing.err
    assert gliolabel("models", "show", "resunet2d").code == 1
    for file in two_versions.glob("*.safetensors"):
        file.unlink()
    empty = gliolabel("models", "list")
    assert empty.code == 1
    assert "no models" in empty.err


def test_list_and_show_with_a_challenger(gliolabel: Callable, with_challenger: Registry) -> None:
    rows = {row["version"]: row for row in json.loads(gliolabel("models", "list", "--json").out)}
    assert rows["starter-10"]["champion"]
    assert rows["site-1"]["challenger"]
    assert (rows["site-1"]["parent"], rows["site-1"]["decision"]) == ("starter-10", "refuse")
    assert "challenger" in gliolabel("models", "list").out
    shown = json.loads(gliolabel("models", "show", "unet3d", "site-1", "--json").out)
    assert shown["metrics"] == {"dice_WT": 0.75}
    assert shown["verdict"]["sentence"] == "ET fell by 0.12."
    assert shown["manifest"]["cases"][0]["case_id"] == "New_1"


def test_compare(gliolabel: Callable, with_challenger: Registry) -> None:
    found = json.loads(gliolabel("models", "compare", "unet3d", "starter-10", "site-1", "--json").out)
    assert [row["key"] for row in found["recipe"]] == ["steps"]
    assert found["recipe"][0]["second"] == 300
    assert found["cases"]["only_second"] == ["New_1", "Old_1"]
    assert found["metrics"] == [{"key": "dice_WT", "first": None, "second": 0.75}]
    assert found["verdict"]["decision"] == "refuse"
    text = gliolabel("models", "compare", "unet3d", "site-1", "starter-10").out
    assert "only A: 2 (New_1, Old_1)" in text
    assert "Gate, site-1 against starter-10: refuse. ET fell by 0.12." in text


def test_promote_override_rollback_and_the_audit_log(gliolabel: Callable, with_challenger: Registry) -> None:
    refused = gliolabel("models", "promote", "unet3d", "site-1")
    assert refused.code == 1
    assert "--override" in refused.err
    no_reason = gliolabel("models", "promote", "unet3d", "site-1", "--override")
    assert no_reason.code == 2
    assert "--reason" in no_reason.err
    assert with_challenger.champion("unet3d").version == "starter-10"

    done = gliolabel("models", "promote", "unet3d", "site-1", "--override", "--reason", "tumour board", "--actor", "ann")
    assert "site-1 is the champion now; before it was starter-10" in done.out
    assert with_challenger.champion("unet3d").version == "site-1"
    assert "already" in gliolabel("models", "promote", "unet3d", "site-1").out
    back = json.loads(gliolabel("models", "rollback", "unet3d", "--reason", "worse", "--json").out)
    assert (back["champion"], back["before"]) == ("starter-10", "site-1")
    assert gliolabel("models", "rollback", "unet3d").code == 1

    rows = json.loads(gliolabel("models", "audit", "--json").out)
    assert [(row["event"], row["version"], row["reason"]) for row in rows] == [
        ("override", "site-1", "tumour board"),
        ("promotion", "site-1", "tumour board"),
        ("rollback", "starter-10", "worse"),
    ]
    assert rows[0]["actor"] == "ann"
    assert rows[2]["actor"] == getpass.getuser()
    assert [row["event"] for row in json.loads(gliolabel("models", "audit", "--actor", "ann", "--limit", "1", "--json").out)] == [
        "promotion"
    ]
    assert json.loads(gliolabel("models", "audit", "--until", "2020-01-01", "--json").out) == []
    assert len(json.loads(gliolabel("models", "audit", "--since", "2020-01-01T10:00", "--json").out)) == 3
    assert "tumour board" in gliolabel("models", "audit", "--event", "override").out
    unknown = gliolabel("models", "audit", "--event", "party")
    assert unknown.code == 2
    assert "override" in unknown.err


def test_a_change_needs_a_state_folder(gliolabel: Callable, two_versions: Path) -> None:
    for command in (("promote", "unet3d", "starter-9"), ("rollback", "unet3d"), ("audit",)):
        refused = gliolabel("models", *command)
        assert refused.code == 2, command
        assert "--state" in refused.err


def test_a_version_by_name(with_challenger: Registry) -> None:
    assert choose_model("unet3d@site-1").version == "site-1"
    assert choose_model("unet3d").version == "starter-10"
    with pytest.raises(UnknownError, match="starter-9, starter-10, site-1"):
        choose_model("unet3d@site-2")
