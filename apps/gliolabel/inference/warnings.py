"""Sentences that tell a reader what a result was made from, when it was not made from everything."""

from __future__ import annotations

from collections.abc import Sequence

from gliolabel.vocabulary import SEQUENCES


def missing_sequences(present: Sequence[str]) -> list[str]:
    """One sentence naming the sequences that were missing, or nothing.

    Args:
        present: the sequences that the case has.
    """
    missing = [name for name in SEQUENCES if name not in present]
    if not missing:
        return []
    return [
        f"{', '.join(missing)} missing: segmented from {', '.join(present)} alone, which is less accurate "
        "(the model card gives the accuracy without each sequence)"
    ]
