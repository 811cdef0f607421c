"""A retraining from beginning to end, in this process, on phantoms."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.training.retraining.phantom_site import Looker, Site

from gliolabel.recipes import ModelVersion
from gliolabel.state.roles import Role
from gliolabel.training.retraining.folder import one_at_a_time
from gliolabel.training.retraining.job import JobFile
from gliolabel.training.retraining.retrain import retrain
from gliolabel.training.retraining.watch import StoppedError

pytestmark = pytest.mark.slow


class PowerCutError(BaseException):
    """Ends a training where it stands: nothing catches it."""


def test_good_labels_make_a_better_version_that_is_served(site: Site) -> None:
    champion, folder, looker = site.champion, site.job(), Looker()
    outcome = retrain(folder, looker)
    assert (outcome.status, outcome.decision, outcome.promoted) == ("DONE", "promote", True), outcome.sentence
    served = site.registry.champion("unet3d")
    assert served.version == outcome.version == "site-1"
    assert served.sha256() != champion.sha256()
    assert folder.outcome() == outcome
    # What it learned from, and what it must never have learned from.
    job = folder.job()
    train = {case.case_id for case in job.of_role(Role.TRAIN)}
    assert set(served.metadata["trained_on"]) == train | set(champion.metadata["trained_on"])
    assert served.metadata["retrained"]["labels"] == job.labels()
    assert set(served.metadata["held_out"]) == {case.case_id for case in job.cases} - train
    assert served.recipe == champion.recipe, "the next retraining takes its share of the same learning rate"
    assert served.calibration is not None
    assert served.calibration["cases"] == 2
    manifest = site.registry.details("unet3d", "site-1")["manifest"]
    assert {case["case_id"] for case in manifest["cases"]} == train
    # How far it was, in the plugin's words.
    epochs = [stats["epoch"] for stats in looker.stats]
    assert epochs == sorted(epochs)
    assert epochs[-1] == looker.stats[-1]["total_epochs"] == 1
    assert 0 < looker.stats[-1]["best_metric"] <= 1
    assert any("Dice" in line for line in looker.said)
    assert not folder.run.exists(), "checkpoints and prepared images are not kept"
    assert {path.name for path in folder.verdict.iterdir()} >= {"verdict.json", "criteria.yaml", "index.html"}
    with site.registry.audit() as log:
        events = [(row.event, row.actor, row.version) for row in log.entries()]
    assert events == [("verdict", "gliolabel", "site-1"), ("promotion", "ann", "site-1")]


def test_wrong_labels_are_refused_with_the_reason_and_nothing_changes(site: Site) -> None:
    champion, folder = site.champion, site.job(corrupted=True)
    before = champion.sha256()
    outcome = retrain(folder, Looker())
    assert (outcome.status, outcome.decision, outcome.promoted) == ("DONE", "refuse", False), outcome.sentence
    assert "Refused: " in outcome.sentence
    assert site.registry.champion("unet3d").sha256() == before
    assert site.registry.champion("unet3d").version == "early-1"
    assert json.loads((folder.verdict / "verdict.json").read_text())["decision"] == "refuse"
    challenger = site.registry.challenger("unet3d")
    assert challenger is not None
    assert challenger.version == outcome.version, "it can be looked at"


def test_a_person_can_decide(site: Site) -> None:
    outcome = retrain(site.job(promote=False), Looker())
    assert (outcome.decision, outcome.promoted) == ("promote", False), outcome.sentence
    assert "gliolabel models promote unet3d site-1" in outcome.sentence
    assert site.champion.version == "early-1"
    assert site.registry.promote("unet3d", "site-1", actor="ann", reason="looked at").version == "site-1"


def test_too_few_locked_cases_never_promote(site: Site) -> None:
    outcome = retrain(site.job(criteria=None), Looker())
    assert (outcome.status, outcome.decision, outcome.promoted) == ("DONE", "unproven", False)
    assert site.champion.version == "early-1"


def test_interrupted_and_continued_it_makes_the_very_same_weights(new_site: Callable[[str], Site]) -> None:
    whole, torn = new_site("whole"), new_site("torn")
    expected = retrain(whole.job(promote=False), Looker())
    folder = torn.job(promote=False)
    for _ in range(2):
        with pytest.raises(PowerCutError):
            retrain(folder, Looker(after=50, error=PowerCutError()))
        assert folder.outcome() is None
        assert torn.champion.version == "early-1"
    looker = Looker()
    outcome = retrain(folder, looker)
    assert any("continued after step" in line for line in looker.said), looker.said
    assert outcome.decision == expected.decision
    weights = [site.registry.version("unet3d", "site-1") for site in (whole, torn)]
    first, second = (version.build().state_dict() for version in weights)
    assert all(bool((first[name] == second[name]).all()) for name in first)


def test_interrupted_at_the_gate_it_is_not_trained_again(site: Site) -> None:
    folder = site.job()
    with pytest.raises(PowerCutError):
        retrain(folder, Until("are compared"))
    made = ModelVersion.load(folder.weights).sha256()
    looker = Looker()
    outcome = retrain(folder, looker)
    assert outcome.promoted, outcome.sentence
    assert looker.stats == []
    assert site.champion.sha256() == made


class Until(Looker):
    """A power cut when it says a word."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self._word = word

    def say(self, line: str) -> None:
        super().say(line)
        if self._word in line:
            raise PowerCutError


def test_stopped_is_stopped(site: Site) -> None:
    folder = site.job()
    outcome = retrain(folder, Looker(after=30, error=StoppedError("stopped; nothing was changed.")))
    assert (outcome.status, outcome.final) == ("STOPPED", True)
    assert folder.outcome() == outcome
    assert not folder.run.exists()
    assert site.champion.version == "early-1"
    assert site.registry.challenger("unet3d") is None


def test_a_broken_case_is_named_and_nothing_changes(site: Site, tmp_path: Path) -> None:
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"not an image")
    cases = list(site.cases())
    cases[1] = cases[1].model_copy(update={"sequences": {**cases[1].sequences, "t2": JobFile(path=broken)}})
    outcome = retrain(site.job(cases=tuple(cases)), Looker())
    assert (outcome.status, outcome.final) == ("ERROR", True)
    assert cases[1].case_id in outcome.sentence
    assert "broken.nii.gz" in outcome.sentence
    assert site.champion.version == "early-1"
    assert site.registry.challenger("unet3d") is None


def test_a_locked_image_under_another_name_is_refused(site: Site) -> None:
    cases = list(site.cases())
    cases[0] = cases[0].model_copy(update={"sequences": {**cases[0].sequences, "flair": cases[-1].sequences["flair"]}})
    outcome = retrain(site.job(cases=tuple(cases)), Looker())
    assert outcome.status == "ERROR"
    assert cases[0].case_id in outcome.sentence
    assert cases[-1].case_id in outcome.sentence
    assert "locked" in outcome.sentence


def test_a_training_that_diverges_is_given_up(site: Site) -> None:
    outcome = retrain(site.job(learning_rate=1e30), Looker())
    assert (outcome.status, outcome.final) == ("ERROR", True)
    assert site.champion.version == "early-1"
    assert site.registry.challenger("unet3d") is None


def test_a_champion_whose_file_was_replaced_is_not_gone_on_from(site: Site) -> None:
    outcome = retrain(site.job(champion_sha256="0" * 64), Looker())
    assert outcome.status == "ERROR"
    assert "no longer the file" in outcome.sentence


def test_two_at_once_are_one_and_one_that_waits(site: Site) -> None:
    folder = site.job()
    with one_at_a_time(site.state):
        outcome = retrain(folder, Looker())
    assert (outcome.status, outcome.final) == ("ERROR", False)
    assert "Another training is under way" in outcome.sentence
    assert folder.outcome() is None
