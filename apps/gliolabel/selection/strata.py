"""Random within strata of tumour size and enhancement, so that small and unusual tumours come as often as ordinary ones.

The counterpart, for whole cases, of the foreground-aware random sampling that active learning rarely beats (Lüth et al., nnActive,
TMLR 2025, arXiv 2511.19183).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from gliolabel.selection.candidates import Candidate, Choice

#: Below this share the tumour counts as not enhancing.
NO_ENHANCEMENT = 0.01


@dataclass(frozen=True)
class Strata:
    """Where the strata are cut.

    Args:
        small_ml: tumours below are small.
        large_ml: tumours from here on are large.
        share: share of enhancing tumour from which it counts as much.
    """

    small_ml: float
    large_ml: float
    share: float

    def name(self, candidate: Candidate) -> str:
        """The stratum of a case, in words."""
        volume, share = candidate.volume_ml, candidate.enhancing_share
        if volume is None:
            return "not scored yet"
        if volume < self.small_ml:
            size = f"tumour below {self.small_ml:.0f} mL"
        elif volume < self.large_ml:
            size = f"tumour of {self.small_ml:.0f} to {self.large_ml:.0f} mL"
        else:
            size = f"tumour of {self.large_ml:.0f} mL or more"
        if share is None:
            return size
        return f"{size}, " + ("no enhancement" if share < NO_ENHANCEMENT else f"{'much' if share >= self.share else 'little'} enhancement")


def strata_of(candidates: Sequence[Candidate]) -> Strata:
    """Cut at the thirds of the predicted volumes and at the median share of enhancing tumour among those that enhance."""
    volumes = [c.volume_ml for c in candidates if c.volume_ml is not None]
    shares = [c.enhancing_share for c in candidates if c.enhancing_share is not None and c.enhancing_share >= NO_ENHANCEMENT]
    low, high = quantiles(volumes, n=3) if len(volumes) > 1 else (0.0, 0.0)
    return Strata(small_ml=low, large_ml=high, share=median(shares) if shares else 1.0)


def stratified_random(
    candidates: Sequence[Candidate],
    *,
    generator: random.Random,
    to_do: Sequence[Candidate] | None = None,
    done: Sequence[Candidate] = (),
) -> Choice | None:
    """A random case of the stratum of which fewest are done; among equals, the stratum with most left.

    Cases whose volume is not known yet are a stratum of their own, so they are never left to the end.

    Args:
        candidates: to choose from.
        generator: of the choice within the stratum.
        to_do: all cases that are to do, by default the same.
        done: the completed cases.
    """
    if not candidates:
        return None
    everything = to_do or candidates
    strata = strata_of([*everything, *done])
    finished = Counter(strata.name(candidate) for candidate in done)
    left = Counter(strata.name(candidate) for candidate in everything)
    by_stratum: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        by_stratum.setdefault(strata.name(candidate), []).append(candidate)
    stratum = min(by_stratum, key=lambda name: (finished[name], -left[name], name))
    return Choice(
        generator.choice(by_stratum[stratum]).case_id,
        f"{stratum}: {finished[stratum]} done, {left[stratum]} to do; random among these",
    )
