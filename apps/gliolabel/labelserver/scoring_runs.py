"""Scoring in the background of the server: one scorer, which goes on where it was when it is interrupted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from monailabel.interfaces.tasks.scoring import ScoringMethod

from gliolabel.errors import ConflictError, GlioLabelError, UnknownError
from gliolabel.labelserver.background import BackgroundRun, OneAtATime, now
from gliolabel.labelserver.case_scoring import CaseScorer, Item
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.labelserver.queueing import StoppedError
from gliolabel.labelserver.queueing.serving import step_back
from gliolabel.labelserver.readers import Readers
from gliolabel.labelserver.workbench import Workbench
from gliolabel.recipes import ModelVersion

_LOG = logging.getLogger(__name__)
#: The only scoring method.
METHOD: Final = "disagreement"
#: Seconds between two looks for something to score.
_LOOK_S: Final = 15.0
#: The log has a line for every so many cases.
_SAY_EVERY = 50


@dataclass(eq=False)
class ScoringRun(BackgroundRun):
    """A run over the cases that have no score."""

    version: str = ""
    total: int = 0
    done: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def say(self, line: str) -> None:
        """A line for the log and for whoever asks for the status."""
        self.details.append(line)
        _LOG.info("scoring: %s", line)

    def report(self) -> dict[str, Any]:
        """What a client is told."""
        progress = {"model_version": self.version, "total": self.total, "done": self.done, "failed": dict(self.failed)}
        return self.told({"method": METHOD}, progress=progress)


class DisagreementScoring(ScoringMethod):
    """What MONAI Label shows of the scoring; the work is done by :class:`ScoringRuns`.

    Args:
        progress: how far it is.
    """

    def __init__(self, progress: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__("How far the default model's passes disagree on each case, and how far it agrees with accepted labels")
        self._progress = progress

    def info(self) -> dict[str, Any]:
        """The description, and how far it is."""
        return {"description": self.description, "progress": dict(self._progress())}

    def __call__(self, request: Mapping[str, Any], datastore: CaseDatastore) -> dict[str, Any]:
        """MONAI Label's interface; the app runs it otherwise."""
        return dict(self._progress())


class ScoringRuns(OneAtATime[ScoringRun]):
    """The scorings of a server, one at a time.

    MONAI Label's own start a process per method at every Next Sample. Here one thread looks for cases without a score by the model
    version that is served, and makes way for readers. Each score is stored as soon as it is there, so a killed server goes on where
    it was.

    Args:
        workbench: has the models.
        cases: what is scored.
        readers: whom it makes way for.
    """

    def __init__(self, workbench: Workbench, cases: CaseDatastore, readers: Readers) -> None:
        super().__init__()
        self._scorer = CaseScorer(workbench, cases)
        self._workbench, self._cases, self._readers = workbench, cases, readers
        self._watcher: threading.Thread | None = None
        self._closing = threading.Event()
        self._automatic = False

    def progress(self) -> dict[str, Any]:
        """How many cases to do are scored by the version that is served."""
        version = self._scorer.version()
        if version is None:
            return {"running": False}
        field = self._cases.survey.field(model=version.name, version=version.version)
        compared = sum(case.dice is not None for case in field.completed)
        return {
            "model_version": f"{version.name} {version.version}",
            "scored": field.scored,
            "to_do": len(field.to_do),
            "compared": compared,
            "completed": len(field.completed),
            "failed": len(self._run.failed) if self._run is not None else 0,
            "running": self.running,
        }

    def sentence(self) -> str:
        """The progress for people, or nothing when there is nothing to say."""
        told = self.progress()
        if not told.get("to_do") or told["scored"] == told["to_do"]:
            return ""
        state = "scoring goes on in the background" if told["running"] else "scoring rests"
        return f"{told['scored']} of {told['to_do']} cases to do are scored by {told['model_version']}; {state}."

    def start(self, *, wait: bool = False) -> ScoringRun:
        """Score what has no score, also what could not be scored before.

        Args:
            wait: return when it is over.

        Raises:
            ConflictError: a run is under way.
            UnknownError: there is no model to score with.
        """
        if self._scorer.version() is None:
            raise UnknownError("There is no model with weights, so nothing can be scored. `gliolabel doctor` says what to do.")
        run = self._start(failed_too=True)
        if run is None:
            raise ConflictError("A scoring is under way. Wait for it, or stop it first.")
        if wait and self._thread is not None:
            self._thread.join()
        return run

    def keep_going(self) -> None:
        """From now on score whatever has no score, as soon as it appears. Any further call changes nothing."""
        with self._lock:
            self._automatic = True
            if self._watcher is None and not self._closing.is_set():
                self._watcher = threading.Thread(target=self._watch, name="scoring-watch", daemon=True)
                self._watcher.start()

    def stop(self, timeout: float = 20.0) -> ScoringRun | None:
        """Stop the run that is under way, and begin none until one is asked for. Returns it, or None when there was none."""
        self._automatic = False
        return super().stop(timeout)

    def give_up(self) -> None:
        """Let everything end at its next step. Returns at once."""
        self._closing.set()
        super().give_up()

    def close(self) -> None:
        """End for good."""
        self.give_up()
        super().stop()
        if self._watcher is not None:
            self._watcher.join(5.0)

    def _watch(self) -> None:
        while not self._closing.is_set():
            if self._automatic and not self.running:
                try:
                    version = self._scorer.version()
                    if version is not None and self._scorer.pending(version):
                        self._start(failed_too=False)
                except Exception:  # the disk is full, the database away: the next look tries again
                    _LOG.exception("scoring cannot be started")
            self._closing.wait(_LOOK_S)

    def _start(self, *, failed_too: bool) -> ScoringRun | None:
        with self._lock:
            if self.running or self._closing.is_set():
                return None
            run = self._run = ScoringRun()
            self._thread = threading.Thread(target=self._work, args=(run, failed_too), name="scoring", daemon=True)
            self._thread.start()
        return run

    def _work(self, run: ScoringRun, failed_too: bool) -> None:
        step_back()
        run.status, status = "RUNNING", "DONE"
        try:
            again = True
            while again:
                version = self._scorer.version()
                items = [] if version is None else self._scorer.pending(version, failed_too=failed_too)
                failed_too = False
                again = bool(items) and version is not None and self._all(run, version, items)
        except StoppedError:
            status = "STOPPED"
        except Exception as error:
            status = "ERROR"
            expected = isinstance(error, GlioLabelError)
            run.say(f"ended by an error: {error if expected else f'{type(error).__name__}; the log says where'}")
            if not expected:
                _LOG.error("scoring", exc_info=error)
        finally:
            run.ended = now()
            run.say(f"{status}: {run.done} of {run.total} scored, {len(run.failed)} failed")
            run.status = status

    def _all(self, run: ScoringRun, version: ModelVersion, items: list[Item]) -> bool:
        """Score these; returns whether to look again, as another version is served now."""
        run.version, run.total, run.done = f"{version.name} {version.version}", len(items), 0
        run.say(f"{len(items)} cases to score by {run.version}")
        for item in items:
            self._pause(run)
            served = self._scorer.version()
            if served is None or served != version:
                run.say(f"{run.version} is no longer served")
                return True
            error = self._scorer.score(item, version, pause=lambda: self._pause(run))
            if error:
                run.failed[item.case_id] = error
                run.say(f"case {item.case_id} cannot be scored: {error}")
            run.done += 1
            if run.done % _SAY_EVERY == 0:
                run.say(f"{run.done} of {run.total}")
        return False

    def _pause(self, run: ScoringRun) -> None:
        stopping = run.stopping
        # Who segmented a case waits for its map; that goes first as well.
        while self._workbench.has_maps_to_make and not stopping.wait(0.05):
            pass
        self._readers.wait_until_idle(unless=stopping.is_set)
        if stopping.is_set():
            raise StoppedError("The scoring was stopped.")
