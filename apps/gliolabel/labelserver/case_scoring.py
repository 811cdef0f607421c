"""Scoring one case: how far the model's passes disagree, or how far its mask and the accepted label agree."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from gliolabel.errors import GlioLabelError
from gliolabel.labelserver.cases import CaseRef
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.labelserver.queueing import StoppedError
from gliolabel.labelserver.results import json_safe
from gliolabel.labelserver.wire import BACKGROUND_PASSES
from gliolabel.labelserver.workbench import Workbench
from gliolabel.metrics import dice
from gliolabel.recipes import ModelVersion
from gliolabel.state.labels import FINAL
from gliolabel.state.scores import MapKey
from gliolabel.state.tables import LabelRow

_LOG = logging.getLogger(__name__)
#: Seed of the passes: every case is scored alike.
SEED: Final = 0


@dataclass(frozen=True)
class Item:
    """Something to score.

    Args:
        case_id: the case.
        kind: ``disagreement`` of a case that is to do, ``agreement`` of a completed one with its label.
    """

    case_id: str
    kind: Literal["disagreement", "agreement"]


class CaseScorer:
    """Finds what has no score by the served version of the default model, and scores it.

    Nothing but the tables of scores is written: no label, no map, no note.

    Args:
        workbench: has the models.
        cases: what is scored.
    """

    def __init__(self, workbench: Workbench, cases: CaseDatastore) -> None:
        self._workbench = workbench
        self._cases = cases

    def version(self) -> ModelVersion | None:
        """The version that scores: the default model's champion; None without weights."""
        return next(iter(self._workbench.models().values()), None)

    def pending(self, version: ModelVersion, *, failed_too: bool = False) -> list[Item]:
        """What is to be scored: first the cases to do, then the completed ones, both in an order that looks random and is always the same.

        So the cases that are scored at any time are like the others.

        Args:
            version: by which version.
            failed_too: those as well that could not be scored before, with images that did not change since.
        """
        found = list(self._pending(version, failed_too=failed_too))
        return sorted(found, key=lambda item: (item.kind == "agreement", hashlib.sha256(item.case_id.encode()).digest()))

    def score(self, item: Item, version: ModelVersion, *, pause: Callable[[], None]) -> str:
        """Score and store it.

        Args:
            item: what.
            version: by which version.
            pause: called between steps; waits, or raises :class:`StoppedError`.

        Returns:
            Why it could not be done, or nothing.

        Raises:
            StoppedError: from ``pause``.
            UnavailableError: the database cannot be written.
        """
        if item.case_id not in self._cases.list_images():
            return ""  # it is gone meanwhile
        ref: CaseRef | None = None
        source = ""
        label = self._label(item.case_id)
        try:
            ref = self._cases.case(item.case_id)
            source = ref.source()
            if item.kind == "disagreement":
                scores = (
                    None if label is not None else json_safe(self._workbench.score(ref, version, passes=BACKGROUND_PASSES, pause=pause))
                )
                agreement = None
            else:
                scores, agreement = None, None if label is None else self._agreement(ref, label, version, pause)
            error = ""
        except StoppedError:
            raise
        except GlioLabelError as reason:
            scores, agreement, error = None, None, str(reason)
        except Exception as reason:  # out of memory, say: one case must not end the run
            _LOG.exception("case %s cannot be scored", item.case_id)
            scores, agreement, error = None, None, f"{type(reason).__name__}: {reason}"
        if item.kind == "disagreement" and (scores is not None or error):
            self._cases.scores.put(self._key(item.case_id, version, source), scores=scores, error=error)
        elif label is not None and (agreement is not None or error):
            self._cases.scores.put_agreement(
                item.case_id,
                model=version.name,
                version=version.version,
                label_id=label.id,
                source=source,
                dice=agreement or {},
                error=error,
            )
        return error

    def _pending(self, version: ModelVersion, *, failed_too: bool) -> Iterator[Item]:
        maps = self._workbench.makes_maps(version.name)
        scores = self._cases.scores.scores(model=version.name, version=version.version)
        agreements = self._cases.scores.agreements(model=version.name, version=version.version)
        labels = self._cases.survey.labels()
        for case_id in self._cases.list_images():
            label = labels.get(case_id, {}).get(FINAL)
            if label is None:
                score = scores.get(case_id)
                if maps and (
                    score is None
                    or (failed_too and score.error)
                    or (not score.error and score.passes < BACKGROUND_PASSES)
                    or (score.source is not None and self._changed(case_id, score.source))
                ):
                    yield Item(case_id, "disagreement")
            else:
                agreement = agreements.get(case_id)
                if (
                    agreement is None
                    or agreement.label_id != label.id
                    or (failed_too and agreement.error)
                    or self._changed(case_id, agreement.source)
                ):
                    yield Item(case_id, "agreement")

    def _changed(self, case_id: str, source: str) -> bool:
        try:
            return self._cases.case(case_id).source() != source
        except GlioLabelError:
            return bool(source)  # it could be read then, and cannot now; the other way round it stays as it is

    def _label(self, case_id: str) -> LabelRow | None:
        return self._cases.survey.labels().get(case_id, {}).get(FINAL)

    def _agreement(self, ref: CaseRef, label: LabelRow, version: ModelVersion, pause: Callable[[], None]) -> dict[str, float]:
        truth = self._cases.read_label(ref, label)
        mask = self._workbench.mask_of(ref, version, pause=pause)
        regions = self._cases.label_set.regions
        found = dice(_masks(mask, regions.values()), _masks(truth, regions.values()))
        return dict(zip(regions, (float(value) for value in found), strict=True))

    def _key(self, case_id: str, version: ModelVersion, source: str) -> MapKey:
        return MapKey(case_id, version.name, version.version, BACKGROUND_PASSES, SEED, source)


def _masks(mask: np.ndarray, regions: Collection[Collection[int]]) -> np.ndarray:
    return np.stack([np.isin(mask, list(values)) for values in regions])
