"""What a weights file says of itself: data, terms, code."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gliolabel import __version__
from gliolabel.training.folds import cohort_of
from gliolabel.vocabulary import RESEARCH_NOTICE

#: Terms by cohort, as far as they are known: part of every weights file that was trained on it.
TERMS = {
    "BraTS2021": "RSNA-ASNR-MICCAI BraTS 2021 (TCIA), believed CC BY 4.0; cite Baid 2021, Menze 2015, Bakas 2017",
    "Brats18": "TCGA-GBM/LGG (TCIA) images CC BY 3.0; labels under the terms of BraTS 2018; cite Menze 2015, Bakas 2017",
    "TCGA": "TCGA-LGG (TCIA) images CC BY 3.0; masks of Buda et al. 2019 CC BY-NC-SA 4.0: not for commercial use",
}

#: For a cohort of which nothing is known.
UNKNOWN_TERMS = "unknown: ask whoever provided the cases before weights or results leave your institution"


def code_version() -> str:
    """The package's version, and the commit when it runs from a clone, e.g. ``0.1.0+g1a2b3c4``."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        commit = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__}+g{commit}" if commit else __version__


def describe_training(
    trained_on: Mapping[str, Mapping[str, str]],
    *,
    held_out: Sequence[str],
    steps: int,
    initial: Mapping[str, Any] | None,
    pretrained: bool = False,
) -> dict[str, Any]:
    """The metadata of a trained weights file, as JSON.

    Args:
        trained_on: SHA-256 of the training images, by case and file.
        held_out: ids of cases that were kept away from the training.
        steps: optimiser steps.
        initial: the metadata, name and version of the weights it started from, if it did.
        pretrained: the encoder started from ImageNet weights.
    """
    # What the starting weights have seen, these have seen.
    seen = {case_id: dict(files) for case_id, files in {**(initial["trained_on"] if initial else {}), **trained_on}.items()}
    return {
        "trained_on": seen,
        "held_out": sorted(set(held_out) - set(seen)),
        "terms": {cohort: TERMS.get(cohort, UNKNOWN_TERMS) for cohort in sorted({cohort_of(case_id) for case_id in seen})},
        "pretrained": pretrained,
        "steps": steps,
        "started_from": None if initial is None else {key: initial[key] for key in ("name", "version", "steps")},
        "code_version": code_version(),
        "notice": RESEARCH_NOTICE,
    }
