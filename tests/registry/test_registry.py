"""Registering, judging, promoting and going back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gliolabel.errors import ConflictError, InputError, UnavailableError, UnknownError
from gliolabel.registry import Registry
from gliolabel.registry.mlflow_client import open_client
from gliolabel.state import Database, StateFolder
from gliolabel.state.audit import AuditLog

MANIFEST = {"cases": [{"case_id": "Case_1", "label_version": "3", "label_sha256": "aa", "weight": 2.0}], "recipe": "unet3d"}


def add(registry: Registry, path: Path, *, parent: str = "starter-1") -> str:
    version = registry.register(
        path, parent=registry.version("unet3d", parent), manifest=MANIFEST, seed=7, metrics={"dice_WT": 0.8}, actor="ann"
    )
    return version.version


def let_through(registry: Registry, version: str) -> None:
    registry.decide("unet3d", version, verdict={"decision": "promote", "sentence": "better"}, files=None)


def test_a_fresh_state_folder_holds_the_starters(state: StateFolder, starters: Path) -> None:
    registry = Registry(starters, state=state)
    assert registry.names() == ("unet3d",)
    assert registry.champion("unet3d").version == "starter-1"
    assert registry.challenger("unet3d") is None
    assert registry.new_version_name("unet3d") == "site-1"
    assert not (state.models / "served.json").exists()


def test_from_challenger_to_champion_and_back(state: StateFolder, starters: Path, trained: Callable[..., Path]) -> None:
    registry = Registry(starters, state=state)
    assert add(registry, trained("site-1")) == "site-1"
    assert [v.version for v in registry.versions("unet3d")] == ["starter-1", "site-1"]
    challenger = registry.challenger("unet3d")
    assert challenger is not None
    assert challenger.version == "site-1"
    assert registry.champion("unet3d").version == "starter-1"
    assert registry.new_version_name("unet3d") == "site-2"

    with pytest.raises(ConflictError, match="not judged"):
        registry.promote("unet3d", "site-1", actor="ann", reason="")
    registry.decide("unet3d", "site-1", verdict={"decision": "refuse", "sentence": "ET fell by 0.1"}, files=None)
    with pytest.raises(ConflictError, match="'refuse'"):
        registry.promote("unet3d", "site-1", actor="ann", reason="")
    let_through(registry, "site-1")
    assert registry.promote("unet3d", "site-1", actor="ann", reason="").version == "site-1"

    # Another process sees the same.
    elsewhere = Registry(state=state)
    assert elsewhere.champion("unet3d").version == "site-1"
    assert elsewhere.challenger("unet3d") is None
    assert elsewhere.before("unet3d") == ("starter-1",)
    assert registry.rollback("unet3d", actor="bob", reason="worse").version == "starter-1"
    assert elsewhere.champion("unet3d").version == "starter-1"
    with pytest.raises(ConflictError, match="nothing to go back to"):
        registry.rollback("unet3d", actor="bob", reason="")


def test_the_record_in_mlflow(state: StateFolder, starters: Path, trained: Callable[..., Path], tmp_path: Path) -> None:
    registry = Registry(starters, state=state)
    add(registry, trained("site-1"))
    page = tmp_path / "verdict"
    page.mkdir()
    (page / "index.html").write_text("<p>better</p>")
    registry.decide("unet3d", "site-1", verdict={"decision": "promote", "sentence": "better"}, files=page)
    registry.promote("unet3d", "site-1", actor="ann", reason="")

    client = open_client(f"sqlite:///{state.models / 'mlflow.db'}")
    champion = client.get_model_version_by_alias("unet3d", "champion")
    assert champion.tags["gliolabel.version"] == "site-1"
    run = client.get_run(champion.run_id)
    assert run.data.metrics == {"dice_WT": 0.8}
    assert run.data.params["seed"] == "7"
    assert run.data.params["code_version"] == "abc123"
    details = registry.details("unet3d", "site-1")
    assert details["manifest"] == MANIFEST
    assert details["verdict"]["sentence"] == "better"
    assert (Path(details["verdict_page"]) / "index.html").read_text() == "<p>better</p>"
    files = {artifact.path for artifact in client.list_artifacts(champion.run_id)}
    assert {"weights", "recipe.yaml", "manifest.json", "calibration.json", "decision"} <= files
    # What is served is MLflow's own file, not a copy of it.
    served = registry.champion("unet3d").path
    assert served.is_relative_to(state.models / "artifacts" / champion.run_id)


def test_a_verdict_is_against_one_champion(state: StateFolder, starters: Path, trained: Callable[..., Path]) -> None:
    registry = Registry(starters, state=state)
    for version, seed in (("site-1", 1), ("site-2", 2)):
        add(registry, trained(version, seed=seed))
        let_through(registry, version)
    registry.promote("unet3d", "site-2", actor="ann", reason="")
    with pytest.raises(ConflictError, match=r"judged against starter-1, and the champion is site-2"):
        registry.promote("unet3d", "site-1", actor="ann", reason="")


def test_going_back_undoes_promotions_one_by_one(state: StateFolder, starters: Path, trained: Callable[..., Path]) -> None:
    registry = Registry(starters, state=state)
    add(registry, trained("site-1"))
    for version in ("site-1", "starter-1", "site-1"):
        registry.promote("unet3d", version, actor="ann", reason="a test", override=True)
    registry.promote("unet3d", "site-1", actor="ann", reason="again", override=True)  # it is: nothing happens
    assert registry.before("unet3d") == ("starter-1", "site-1", "starter-1")
    backwards = [registry.rollback("unet3d", actor="ann", reason="").version for _ in range(3)]
    assert backwards == ["starter-1", "site-1", "starter-1"]


def test_registering_again(state: StateFolder, starters: Path, trained: Callable[..., Path]) -> None:
    registry = Registry(starters, state=state)
    path = trained("site-1")
    add(registry, path)
    add(registry, path)
    assert len(registry.versions("unet3d")) == 2
    with pytest.raises(ConflictError, match="site-2"):
        add(registry, trained("site-1", seed=5))


def test_what_cannot_be_done(state: StateFolder, starters: Path, trained: Callable[..., Path]) -> None:
    registry = Registry(starters, state=state)
    add(registry, trained("site-1"))
    with pytest.raises(UnknownError, match="site-9"):
        registry.promote("unet3d", "site-9", actor="ann", reason="")
    with pytest.raises(UnknownError, match="unet9d"):
        registry.promote("unet9d", "site-1", actor="ann", reason="")
    with pytest.raises(UnknownError, match="starter-1, site-1"):
        registry.version("unet3d", "site-9")
    with pytest.raises(InputError, match="reason"):
        registry.promote("unet3d", "site-1", actor="ann", reason=" ", override=True)
    with pytest.raises(InputError, match="decision"):
        registry.decide("unet3d", "site-1", verdict={"decision": "maybe"}, files=None)
    with pytest.raises(InputError, match="state folder"):
        Registry(starters).promote("unet3d", "site-1", actor="ann", reason="")
    # Damaged weights are not promoted, and the champion stays.
    registry.version("unet3d", "site-1").path.write_bytes(b"damaged")
    with pytest.raises(UnavailableError, match="not what was registered"):
        registry.promote("unet3d", "site-1", actor="ann", reason="test", override=True)
    assert registry.champion("unet3d").version == "starter-1"


def test_a_new_starter_does_not_replace_the_champion(state: StateFolder, starters: Path, trained: Callable[..., Path]) -> None:
    registry = Registry(starters, state=state)
    add(registry, trained("site-1"))
    registry.promote("unet3d", "site-1", actor="ann", reason="test", override=True)
    trained("starter-2", seed=9).rename(starters / "unet3d-2.safetensors")
    (starters / "unet3d.safetensors").unlink()  # the update of the package took the old one away
    assert registry.champion("unet3d").version == "site-1"
    assert [v.version for v in registry.versions("unet3d")] == ["starter-1", "site-1", "starter-2"]
    assert registry.promote("unet3d", "starter-2", actor="ann", reason="newer", override=True).version == "starter-2"


def test_the_folder_may_be_moved(state: StateFolder, starters: Path, trained: Callable[..., Path], tmp_path: Path) -> None:
    registry = Registry(starters, state=state)
    add(registry, trained("site-1"))
    registry.promote("unet3d", "site-1", actor="ann", reason="test", override=True)
    moved = StateFolder(state.path.rename(tmp_path / "moved"))
    registry = Registry(state=moved)
    assert registry.champion("unet3d").path.is_relative_to(moved.models)
    assert registry.rollback("unet3d", actor="ann", reason="test").path.is_relative_to(moved.models)
    add(registry, trained("site-2", seed=2))
    assert registry.version("unet3d", "site-2").path.is_relative_to(moved.models)
    assert not state.path.exists()


def test_served_json_follows_mlflow(state: StateFolder, starters: Path, trained: Callable[..., Path]) -> None:
    registry = Registry(starters, state=state)
    add(registry, trained("site-1"))
    # By hand, in MLflow's own page.
    open_client(f"sqlite:///{state.models / 'mlflow.db'}").set_registered_model_alias("unet3d", "champion", "2")
    assert registry.champion("unet3d").version == "starter-1"
    registry.catch_up()
    assert registry.champion("unet3d").version == "site-1"
    assert registry.before("unet3d") == ("starter-1",)
    # A lost or damaged copy is written anew.
    (state.models / "served.json").write_text("{")
    with pytest.raises(UnavailableError, match=r"served\.json"):
        registry.champion("unet3d")
    (state.models / "served.json").unlink()
    registry.catch_up()
    assert registry.champion("unet3d").version == "site-1"


def test_another_mlflow_is_not_taken_for_ours(state: StateFolder, starters: Path, trained: Callable[..., Path], empty_mlflow: Path) -> None:
    registry = Registry(starters, state=state)
    add(registry, trained("site-1"))
    registry.promote("unet3d", "site-1", actor="ann", reason="test", override=True)
    (state.models / "mlflow.db").write_bytes(empty_mlflow.read_bytes())
    before = (state.models / "served.json").read_bytes()
    with pytest.raises(ConflictError, match="does not know unet3d site-1"):
        registry.promote("unet3d", "starter-1", actor="ann", reason="test", override=True)
    assert (state.models / "served.json").read_bytes() == before


def test_somebody_elses_model_is_left_alone(state: StateFolder, starters: Path, trained: Callable[..., Path]) -> None:
    open_client(f"sqlite:///{state.models / 'mlflow.db'}").create_registered_model("unet3d")
    with pytest.raises(ConflictError, match="did not make"):
        add(Registry(starters, state=state), trained("site-1"))


def test_many_at_once(state: StateFolder, starters: Path, trained: Callable[..., Path]) -> None:
    paths = [trained(f"site-{number}", seed=number) for number in range(1, 5)]

    def one(path: Path) -> str:
        registry = Registry(starters, state=state)
        version = add(registry, path)
        return registry.promote("unet3d", version, actor="ann", reason="test", override=True).version

    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(one, paths))
    registry = Registry(state=state)
    assert sorted(v.version for v in registry.versions("unet3d")) == ["site-1", "site-2", "site-3", "site-4", "starter-1"]
    assert {registry.champion("unet3d").version, *registry.before("unet3d")} == {"starter-1", *versions}


def test_the_uri_and_the_starters_are_remembered(
    state: StateFolder, starters: Path, trained: Callable[..., Path], tmp_path: Path, empty_mlflow: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    elsewhere.write_bytes(empty_mlflow.read_bytes())
    add(Registry(starters, state=state, uri=f"sqlite:///{elsewhere}"), trained("site-1"))
    again = Registry(state=state)
    again.promote("unet3d", "site-1", actor="ann", reason="test", override=True)
    champion = open_client(f"sqlite:///{elsewhere}").get_model_version_by_alias("unet3d", "champion")
    assert champion.tags["gliolabel.version"] == "site-1"
    kept = state.models / "registry.json"
    assert json.loads(kept.read_text())["weights"] == str(starters)
    assert kept.stat().st_mode & 0o077 == 0


def test_reading_opens_no_mlflow(state: StateFolder, starters: Path, trained: Callable[..., Path]) -> None:
    add(Registry(starters, state=state), trained("site-1"))
    script = (
        "import sys; from pathlib import Path; from gliolabel.registry import Registry; from gliolabel.state import StateFolder;"
        f"r = Registry(state=StateFolder(Path({str(state.path)!r})));"
        "r.names(), r.versions('unet3d'), r.champion('unet3d'), r.challenger('unet3d'), r.new_version_name('unet3d');"
        # MONAI imports `mlflow` itself when it is there; its databases are what takes the time.
        "r.catch_up(); assert not {'alembic', 'gliolabel.registry.record'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_who_and_why_stand_in_the_audit_log(state: StateFolder, starters: Path, trained: Callable[..., Path]) -> None:
    registry = Registry(starters, state=state)
    add(registry, trained("site-1"))
    registry.promote("unet3d", "site-1", actor="ann", reason="asked by Dr. B", override=True)
    registry.rollback("unet3d", actor="bob", reason="worse on our scanner")
    let_through(registry, "site-1")
    registry.promote("unet3d", "site-1", actor="cy", reason="passed the gate", override=True)  # which was not needed
    database = Database(state)
    rows = AuditLog(database).entries()
    database.close()
    assert [(row.event, row.actor, row.version, row.reason) for row in rows] == [
        ("override", "ann", "site-1", "asked by Dr. B"),
        ("promotion", "ann", "site-1", "asked by Dr. B"),
        ("rollback", "bob", "starter-1", "worse on our scanner"),
        ("promotion", "cy", "site-1", "passed the gate"),
    ]
    assert rows[-1].details["decision"] == "promote"
    assert rows[-1].details["champion_before"] == "starter-1"
