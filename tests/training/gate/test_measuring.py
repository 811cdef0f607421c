"""Measuring locked cases: once each, kept, resumed, and never a case that the version has seen."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gliolabel.errors import InputError
from gliolabel.recipes import ModelVersion, load_recipe
from gliolabel.recipes.model_version import save_model_version
from gliolabel.studies import open_studies
from gliolabel.training.gate import GateCase, judge, load_criteria, measure


def test_numbers_and_mask(starter: ModelVersion, locked: list[GateCase], opened: list[Any]) -> None:
    told: list[str] = []
    found = measure(starter, locked, report=told.append)
    assert told == [case.case_id for case in locked]
    for case, measures in zip(locked, found, strict=True):
        assert measures.refused == ""
        assert measures.patient == case.case_id
        assert measures.weights_sha256 == starter.sha256()
        assert set(measures.digests) == {"t1", "t1ce", "t2", "flair", "label"}
        assert measures.value("WT", "dice") == 1.0
        assert measures.value("WT", "volume_ml") == measures.value("WT", "true_volume_ml")
        assert measures.counts("ET").total.sum() == case.label.size
        assert measures.mask is not None
        np.testing.assert_array_equal(measures.mask.array(), case.label)


def test_finished_cases_are_kept(
    starter: ModelVersion, corrupted: Callable[..., ModelVersion], locked: list[GateCase], opened: list[Any], tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    first = measure(starter, locked, kept=kept)
    again = measure(starter, locked, kept=kept)
    assert again == first
    assert again[0].mask is not None
    assert first[0].mask is not None
    np.testing.assert_array_equal(again[0].mask.array(), first[0].mask.array())
    assert [len(predictor.predicted) for predictor in opened] == [3]  # the second time no model was opened
    measure(corrupted("other-1", noise=0.1), locked, kept=kept)  # the next challenger
    assert [len(predictor.predicted) for predictor in opened] == [3, 3]


def test_a_new_label_is_measured_again(starter: ModelVersion, locked: list[GateCase], opened: list[Any], tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    before = measure(starter, locked, kept=kept)
    label = locked[0].label.copy()
    label[label == 3] = 1
    changed = [replace(locked[0], label=label), *locked[1:]]
    after = measure(starter, changed, kept=kept)
    assert opened[-1].predicted == [locked[0].case_id]
    with pytest.raises(InputError, match="different files or labels"):
        judge(before, after, load_criteria())


def test_a_damaged_record_is_measured_again(starter: ModelVersion, locked: list[GateCase], opened: list[Any], tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    measure(starter, locked, kept=kept)
    (path,) = kept.glob(f"*/{locked[1].case_id}.npz")
    path.write_bytes(path.read_bytes()[:100])
    measure(starter, locked, kept=kept)
    assert opened[-1].predicted == [locked[1].case_id]


def test_an_interruption_loses_one_case(starter: ModelVersion, locked: list[GateCase], opened: list[Any], tmp_path: Path) -> None:
    calls = 0

    def pause() -> None:
        nonlocal calls
        calls += 1
        if calls == 4:  # before the network sees the second case
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(starter, locked, kept=tmp_path / "kept", pause=pause)
    measure(starter, locked, kept=tmp_path / "kept")
    assert [predictor.predicted for predictor in opened] == [[locked[0].case_id], [case.case_id for case in locked[1:]]]


def test_a_case_of_the_training_does_not_count(
    starter: ModelVersion, corrupted: Callable[..., ModelVersion], locked: list[GateCase], opened: list[Any]
) -> None:
    # Whatever the case is called now: its images are known.
    seen = {"renamed": locked[1].image_digests()}
    challenger = corrupted("site-1", noise=0.1, trained_on=seen)
    one, other = measure(starter, locked), measure(challenger, locked)
    assert [measures.refused for measures in other] == ["", "unet3d site-1 was trained on it", ""]
    assert locked[1].case_id not in opened[-1].predicted
    verdict = judge(one, other, load_criteria())
    assert verdict.refused == {locked[1].case_id: "unet3d site-1 was trained on it"}
    assert [measures.case_id for measures in verdict.champion] == [locked[0].case_id, locked[2].case_id]


def test_a_case_that_cannot_be_read_is_named(starter: ModelVersion, phantom_folder: Path, opened: list[Any], tmp_path: Path) -> None:
    folder = tmp_path / "studies"
    shutil.copytree(phantom_folder, folder)
    cases = [GateCase.of(case) for case in open_studies(folder)]
    broken = cases[0].case.sequences["t2"].path
    broken.write_bytes(broken.read_bytes()[:1000])
    found = measure(starter, cases)
    assert broken.name in found[0].refused
    assert [measures.refused for measures in found[1:]] == ["", ""]
    verdict = judge(found, found, load_criteria())
    assert list(verdict.refused) == [cases[0].case_id]


def test_weights_that_do_not_fit_leave_out_no_case(starter: ModelVersion, locked: list[GateCase], tmp_path: Path) -> None:
    """Else a broken challenger would be judged on the cases that it survives."""
    broken = save_model_version(tmp_path / "b.safetensors", {}, name="unet3d", version="broken", recipe=starter.recipe, metadata={})
    with pytest.raises(InputError, match="the weights do not fit the network"):
        measure(broken, locked)


def test_a_label_that_does_not_fit_is_named(starter: ModelVersion, locked: list[GateCase], opened: list[Any]) -> None:
    short, odd = locked[0].label[1:], np.where(locked[1].label == 3, 4, locked[1].label).astype(np.uint8)
    found = measure(starter, [replace(locked[0], label=short), replace(locked[1], label=odd)])
    assert "its label has 64 x 64 x 39 voxels (x, y, z), its t1ce 64 x 64 x 40" in found[0].refused
    assert "its label holds the value 4; expected 0 to 3" in found[1].refused


def test_a_case_without_a_label_is_an_error(phantom_folder: Path) -> None:
    case = replace(next(iter(open_studies(phantom_folder))), label=None)
    with pytest.raises(InputError, match="has no label; the gate compares with one"):
        GateCase.of(case)


def test_models_of_other_regions_cannot_be_judged(locked: list[GateCase], tmp_path: Path) -> None:
    recipe = load_recipe("patsatzi2023_unet2d_lgg")
    other = save_model_version(tmp_path / "lgg.safetensors", {}, name="lgg", version="1", recipe=recipe, metadata={})
    with pytest.raises(InputError, match=r"model lgg 1: .* does not predict WT, TC, ET of whole cases"):
        measure(other, locked)
