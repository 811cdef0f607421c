"""Retraining on real cases: wrong labels are refused, right ones help an early version. A small network, so that it takes minutes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.training.retraining.phantom_site import Looker, Site, early_version

from gliolabel.recipes import Recipe, load_recipe
from gliolabel.studies import open_studies
from gliolabel.training.retraining.retrain import retrain

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]

#: Lets six locked cases decide, of a network that is worse than any that is served.
CRITERIA = """
least_patients: 6
least_patients_per_region: 3
floor: {WT: 0.0, TC: 0.0, ET: 0.0}
hd95_margin_mm: 30.0
volume_bias_margin_percent: 200.0
false_volume_margin_ml: 200.0
calibration_margin: 0.2
"""
#: The first four cases made the early version; of the others four are for training, two for validation, six are locked.
CASES = 16
LEARNED = 4


def early_recipe() -> Recipe:
    """The 3-D model, small enough to learn something of real cases in a minute."""
    changes = ("network.channels=[8,16,32]", "network.dropout=[0.0,0.1,0.1]", "sampling.patch=[48,48,48]", "optimiser.learning_rate=0.01")
    return load_recipe("unet3d", (*changes, "optimiser.mean_decay=0.95", "augmentation.missing_share=0.0", "inference.mirror=false"))


def early_and_others(brats_folder: Path, folder: Path) -> tuple[Path, Path]:
    """A folder of weights that learned a little from the first cases, and a study folder of the others."""
    chosen = list(open_studies(brats_folder))[:CASES]
    (folder / "studies").mkdir()
    for case in chosen[LEARNED:]:
        (folder / "studies" / case.id).symlink_to(next(iter(case.sequences.values())).path.parent)
    return early_version(folder / "early", steps=40, recipe=early_recipe(), cases=chosen[:LEARNED]), folder / "studies"


@pytest.fixture(scope="module")
def make_site(brats_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Site]:
    folder = tmp_path_factory.mktemp("real")
    weights, studies = early_and_others(brats_folder, folder)

    def make(name: str) -> Site:
        (folder / name).mkdir()
        return Site(folder / name, weights=weights, studies=studies)

    return make


def test_right_labels_help_an_early_version(make_site: Callable[[str], Site]) -> None:
    site = make_site("right")
    outcome = retrain(site.job(criteria=CRITERIA), Looker())
    assert (outcome.status, outcome.decision, outcome.promoted) == ("DONE", "promote", True), outcome.sentence
    assert site.champion.version == "site-1"


def test_wrong_labels_are_refused_and_the_served_weights_are_the_same(make_site: Callable[[str], Site]) -> None:
    site = make_site("wrong")
    before = site.champion.sha256()
    outcome = retrain(site.job(criteria=CRITERIA, corrupted=True), Looker())
    assert (outcome.status, outcome.decision, outcome.promoted) == ("DONE", "refuse", False), outcome.sentence
    assert site.champion.sha256() == before
