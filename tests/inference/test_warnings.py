"""What a reader is told about a mask besides the mask."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from gliolabel.inference.warnings import FAINT, faint_enhancement
from gliolabel.preprocessing import prepare
from gliolabel.studies import open_studies
from gliolabel.vocabulary import LABELS, SEQUENCES

EDEMA, ENHANCING = LABELS["edema"], LABELS["enhancing tumor"]


def a_case(above: float) -> tuple[Tensor, Tensor, Tensor]:
    """Image, brain and labels of a head whose enhancing tumour is so many standard deviations brighter on t1ce than the brain."""
    image = torch.randn(4, 30, 30, 30, generator=torch.Generator().manual_seed(0))
    brain = torch.ones(30, 30, 30, dtype=torch.bool)
    labels = torch.zeros(30, 30, 30, dtype=torch.int64)
    labels[5:20, 5:20, 5:20], labels[7:17, 7:17, 7:17] = EDEMA, ENHANCING
    image[SEQUENCES.index("t1ce")][labels == ENHANCING] += above
    return image, brain, labels


@pytest.mark.parametrize("above", [FAINT + 0.5, 4.0])
def test_what_enhances_is_not_doubted(above: float) -> None:
    assert faint_enhancement(*a_case(above), present=SEQUENCES) == []


@pytest.mark.parametrize("above", [FAINT - 0.5, 0.0, -1.0])
def test_what_hardly_enhances_is_doubted_and_the_sentence_says_how_much(above: float) -> None:
    (sentence,) = faint_enhancement(*a_case(above), present=SEQUENCES)
    said = float(sentence.split("(")[1].split()[0])
    assert said == pytest.approx(above, abs=0.2)
    assert "may enhance less" in sentence


def test_the_scale_of_the_image_does_not_matter() -> None:
    image, brain, labels = a_case(0.0)
    said = faint_enhancement(image, brain, labels, present=SEQUENCES)
    assert faint_enhancement(300 * image + 1000, brain, labels, present=SEQUENCES) == said


def test_nothing_is_said_of_what_cannot_be_seen() -> None:
    image, brain, labels = a_case(0.0)
    assert faint_enhancement(image, brain, labels, present=("t1", "t2", "flair")) == []
    assert faint_enhancement(image, brain, torch.where(labels == ENHANCING, EDEMA, labels), present=SEQUENCES) == []
    assert faint_enhancement(image, brain, torch.full_like(labels, ENHANCING), present=SEQUENCES) == []


def test_on_real_cases_a_persons_enhancing_tumour_is_believed_and_edema_is_not(brats_folder: Path) -> None:
    case = open_studies(brats_folder).get("BraTS2021_00000")
    prepared = prepare(case.read())
    label = case.read_label()
    assert label is not None
    turned = torch.from_numpy(prepared.turn.apply(label)[prepared.box].astype("int64"))
    assert faint_enhancement(prepared.image, prepared.brain, turned, present=prepared.present) == []
    swapped = turned.clone()
    swapped[turned == EDEMA], swapped[turned == ENHANCING] = ENHANCING, EDEMA
    assert len(faint_enhancement(prepared.image, prepared.brain, swapped, present=prepared.present)) == 1
