"""The study: for each seed the strategies choose, train and are tested, budget after budget."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from gliolabel.selection import Candidate
from gliolabel.selection.candidates import candidate_of
from gliolabel.selection_study.design import ALL, FIRST, Design, Draw, draw
from gliolabel.selection_study.picking import needs_scores, pick
from gliolabel.selection_study.records import Record, Records
from gliolabel.selection_study.trials import Trials

#: Folder of the training that is under way, within the study's.
_WORK: Final = "work"


@dataclass(frozen=True)
class Advance:
    """A training that is finished.

    Args:
        record: what was found.
        done: finished trainings, those of earlier runs included.
        total: trainings of the study.
        seconds_left: for the rest, at the mean of those so far.
    """

    record: Record
    done: int
    total: int
    seconds_left: float


class Study:
    """A study that can be stopped at any moment and goes on where it was.

    Args:
        design: what is compared.
        seeds: the repetitions.
        trials: trains and tests.
        records: keeps what is finished.

    Raises:
        InputError: there are too few patients for the budgets.
    """

    def __init__(self, design: Design, *, seeds: Sequence[int], trials: Trials, records: Records) -> None:
        self._design, self._trials, self._records = design, trials, records
        patients = {case_id: facts.patient for case_id, facts in trials.facts.items()}
        self._draws = [draw(patients, design, seed=seed) for seed in seeds]
        self._label_ml = {case_id: facts.volume_ml for case_id, facts in trials.facts.items()}
        self._seconds: list[float] = []
        self._report: Callable[[Advance], None] | None = None
        self._done = 0

    @property
    def draws(self) -> list[Draw]:
        """Who is who in each repetition."""
        return list(self._draws)

    @property
    def total(self) -> int:
        """Trainings of the study: of a seed the first, the one on all, and each strategy at each later budget."""
        return len(self._draws) * (2 + len(self._design.strategies) * (len(self._design.budgets) - 1))

    def run(self, report: Callable[[Advance], None] | None = None) -> list[Record]:
        """Do what is not done yet.

        Args:
            report: called after each training, and once for each that was finished before.

        Returns:
            The records of these seeds.

        Raises:
            InputError: a case cannot be read.
            UnavailableError: the disk is full. What is finished is kept in both.
        """
        self._report, self._done, self._seconds = report, 0, []
        found = []
        for one in self._draws:
            first = self._training(one, FIRST, one.first, (), score=True)
            found.append(first)
            for strategy in self._design.strategies:
                record = first
                for budget in self._design.budgets[1:]:
                    record = self._next(one, strategy, record, budget)
                    found.append(record)
            found.append(self._training(one, ALL, one.pool, (), score=False))
        shutil.rmtree(self._records.folder / _WORK, ignore_errors=True)
        return found

    def _next(self, one: Draw, strategy: str, before: Record, budget: int) -> Record:
        """From one budget to the next: choose by what the last model says, then train on all that is annotated."""
        chosen = pick(
            strategy,
            to_do=candidates(one, before),
            done=before.labelled,
            label_ml=self._label_ml,
            count=budget - before.budget,
            generator=random.Random(f"{one.seed} {strategy} {budget}"),
        )
        labelled = (*before.labelled, *(choice.case_id for choice in chosen))
        score = needs_scores(strategy) and budget < self._design.budgets[-1]
        return self._training(one, strategy, labelled, tuple(choice.reason for choice in chosen), score=score)

    def _training(self, one: Draw, strategy: str, labelled: tuple[str, ...], reasons: tuple[str, ...], *, score: bool) -> Record:
        record = self._records.find(seed=one.seed, strategy=strategy, budget=len(labelled))
        if record is None:
            began = time.monotonic()
            # The name of what is trained: a checkpoint is continued by nothing else.
            work = self._records.folder / _WORK / f"{one.seed}-{strategy}-{len(labelled)}"
            left = [case_id for case_id in one.pool if case_id not in labelled] if score else []
            outcome = self._trials.run(labelled, test=one.locked, score=left, seed=one.seed, passes=self._design.passes, folder=work)
            record = Record(one.seed, strategy, labelled, reasons, outcome, time.monotonic() - began)
            self._records.add(record)
            shutil.rmtree(work, ignore_errors=True)
        self._done += 1
        self._seconds.append(record.seconds)
        if self._report is not None:
            left_s = (self.total - self._done) * fmean(self._seconds)
            self._report(Advance(record, self._done, self.total, left_s))
        return record


def candidates(one: Draw, record: Record) -> list[Candidate]:
    """The cases without a label as the newest model sees them; unscored where it was not asked."""
    pool: Mapping = record.outcome.pool
    left = [case_id for case_id in one.pool if case_id not in record.labelled]
    return [candidate_of(case_id, pool[case_id].scores) if case_id in pool else Candidate(case_id) for case_id in left]
