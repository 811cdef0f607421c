"""Pre-annotating a folder: one case after the other in the background, resumable, making way for readers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gliolabel.errors import ConflictError, GlioLabelError, UnavailableError
from gliolabel.labelserver.background import BackgroundRun, OneAtATime, now
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.labelserver.queueing import StoppedError
from gliolabel.labelserver.queueing.serving import step_back
from gliolabel.labelserver.results import json_safe
from gliolabel.labelserver.tasks.answers import label_names
from gliolabel.labelserver.wire import BatchOptions
from gliolabel.labelserver.workbench import Workbench
from gliolabel.state.labels import ORIGINAL
from gliolabel.studies.writing import write_volume
from gliolabel.vocabulary import RESEARCH_NOTICE

_LOG = logging.getLogger(__name__)


@dataclass(eq=False)
class BatchRun(BackgroundRun):
    """A run over many cases."""

    model: str
    images: str
    options: BatchOptions
    total: int = 0
    done: int = 0
    skipped: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def report(self) -> dict[str, Any]:
        """What a client is told."""
        progress = {"total": self.total, "done": self.done, "skipped": self.skipped, "failed": dict(self.failed)}
        return self.told({"model": self.model, "images": self.images, **self.options.model_dump()}, progress=progress)


class Batches(OneAtATime[BatchRun]):
    """Batch runs, one at a time."""

    def __init__(self, datastore: CaseDatastore, workbench: Workbench) -> None:
        super().__init__()
        self._datastore = datastore
        self._workbench = workbench

    def start(self, model: str, *, images: str = "all", options: BatchOptions | None = None, wait: bool = False) -> BatchRun:
        """Start a run.

        Cases that have a label ``original`` by the served version of the model are skipped, so a run that was interrupted goes on where it
        was when it is started again.

        Args:
            model: name of the model.
            images: ``all``, ``labeled`` or ``unlabeled``.
            options: of the run.
            wait: return when it is over.

        Raises:
            UnknownError: no such model.
            ConflictError: a run is under way.
        """
        model = self._workbench.choose(model)
        with self._lock:
            if self.running and self._run is not None:
                raise ConflictError(
                    f"A batch run is under way ({self._run.done} of {self._run.total} done). Wait for it, or stop it first."
                )
            run = self._run = BatchRun(model=model, images=images, options=options or BatchOptions())
            self._thread = threading.Thread(target=self._work, args=(run,), name="batch", daemon=True)
            self._thread.start()
        if wait:
            self._thread.join()
        return run

    def _work(self, run: BatchRun) -> None:
        step_back()
        try:
            self._all(run)
            run.status = "STOPPED" if run.stopping.is_set() else "DONE"
        except Exception as error:
            run.status = "ERROR"
            self._say(run, f"stopped by an error: {error}")
            _LOG.error("batch: %s", error, exc_info=None if isinstance(error, GlioLabelError) else error)
        finally:
            run.ended = now()
            self._say(run, f"{run.status}: {run.done} segmented, {run.skipped} there already, {len(run.failed)} failed")

    def _all(self, run: BatchRun) -> None:
        run.status = "RUNNING"
        listed: Mapping[str, Callable[[], list[str]]] = {
            "labeled": self._datastore.get_labeled_images,
            "unlabeled": self._datastore.get_unlabeled_images,
        }
        todo = listed.get(run.images, self._datastore.list_images)()
        there = [case_id for case_id in todo if self._there(case_id, run.model)]
        run.skipped = len(there)
        todo = [case_id for case_id in todo if case_id not in set(there)]
        run.total = len(todo[: run.options.max_batch_size or None])
        self._say(run, f"{run.total} cases to segment with {run.model}, {run.skipped} there already")
        for case_id in todo[: run.total]:
            try:
                self._pause(run)
                self._one(case_id, run)
                run.done += 1
                self._say(run, f"{case_id}: {run.done + len(run.failed)} of {run.total}")
            except (_StoppedError, StoppedError):
                return
            except UnavailableError:
                raise  # the disk is full, the weights are gone: the next case would fail too
            except GlioLabelError as error:
                run.failed[case_id] = str(error)
                self._say(run, f"{case_id}: {error}")

    def _one(self, case_id: str, run: BatchRun) -> None:
        ref = self._datastore.case(case_id)
        served = self._workbench.served(run.model)
        segmentation = self._workbench.segment_in_background(ref, served, pause=lambda: self._pause(run))
        scores: Any = {}
        if run.options.passes:
            key = self._workbench.key(ref, served, passes=run.options.passes, seed=0)
            result = self._workbench.map_in_background(ref, key, mask=segmentation.mask, served=served, pause=lambda: self._pause(run))
            scores = result.row.scores
        params = json_safe(
            {
                "label_names": label_names(self._workbench.label_set),
                "model": segmentation.model,
                "model_version": segmentation.model_version,
                "passes": run.options.passes,
                "device": segmentation.device,
                "volumes_ml": segmentation.volumes_ml,
                "uncertainty": scores,
                "latencies": segmentation.latencies,
                "warnings": list(segmentation.warnings),
                "notice": RESEARCH_NOTICE,
            }
        )
        self._datastore.labels.add(
            case_id,
            tag=ORIGINAL,
            write=lambda path: write_volume(segmentation.mask, segmentation.grid, path),
            author="batch",
            model_version=f"{segmentation.model} {segmentation.model_version}",
            info={"model": segmentation.model, "params": params},
        )

    def _there(self, case_id: str, model: str) -> bool:
        row = self._datastore.labels.newest(case_id, ORIGINAL)
        return row is not None and row.model_version == f"{model} {self._workbench.models()[model].version}"

    def _pause(self, run: BatchRun) -> None:
        self._workbench.readers.wait_until_idle(unless=run.stopping.is_set)
        if run.stopping.is_set():
            raise _StoppedError

    @staticmethod
    def _say(run: BatchRun, line: str) -> None:
        run.details.append(line)
        _LOG.info("batch: %s", line)


class _StoppedError(Exception):
    """The run was stopped."""
