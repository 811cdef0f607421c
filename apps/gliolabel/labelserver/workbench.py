"""Segmenting and mapping cases for all tasks: models, cases and runs are shared, and nothing is computed twice."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from gliolabel.errors import InputError, UnavailableError, UnknownError
from gliolabel.inference import Segmentation, Segmenter
from gliolabel.inference.devices import choose_device
from gliolabel.inference.plan import CASE_VOXELS, MemoryPlan, held_now, hold, plan_memory
from gliolabel.inference.precision import best_precision
from gliolabel.labelserver.cases import CaseRef
from gliolabel.labelserver.prepared_cases import PreparedCases
from gliolabel.labelserver.queueing import DEFAULT_QUEUE, Kind, Line, Ticket
from gliolabel.labelserver.readers import Readers
from gliolabel.labelserver.results import json_safe
from gliolabel.labelserver.runs import Runs
from gliolabel.labelserver.served_models import CaseSegmenter, Served, ServedModels
from gliolabel.labelserver.stored_maps import region_maps
from gliolabel.labelserver.wire import MOST_PLACES
from gliolabel.recipes import ModelVersion
from gliolabel.registry import Registry
from gliolabel.state.cases import CaseNotes
from gliolabel.state.maps import MapKey, MapStore
from gliolabel.state.tables import MapRow
from gliolabel.studies.writing import write_volume
from gliolabel.uncertainty import places_to_look
from gliolabel.vocabulary import MODELS, TISSUES, LabelSet


@dataclass(frozen=True)
class MapResult:
    """A stored Monte-Carlo dropout run.

    Args:
        row: its files and scores.
        computed: whether it was computed for this request, rather than found.
    """

    row: MapRow
    computed: bool


class Workbench:
    """What the tasks share.

    Args:
        registry: where models come from.
        maps: where maps go.
        notes: where the last segmentation of a case is noted.
        readers: whom background runs make way for.
        device: ``cpu``, ``cuda``, ``cuda:1``; None: the best there is.
        memory_gib: how much memory inference may use; None: by what is free.
        queue: requests that may wait before a new one is refused.
        models: names of the models that are served, the default first.
        segmenter: makes a segmenter of a model version, ``device=`` and ``memory_gib=``.
        label_set: what the masks' values mean.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        maps: MapStore,
        notes: CaseNotes,
        readers: Readers,
        device: str | None = None,
        memory_gib: float | None = None,
        queue: int = DEFAULT_QUEUE,
        models: Sequence[str] = MODELS,
        segmenter: Callable[..., CaseSegmenter] = Segmenter,
        label_set: LabelSet = TISSUES,
    ) -> None:
        self.registry = registry
        self.names = tuple(models)
        self.label_set = label_set
        self._make_segmenter = segmenter
        self._serving = ServedModels(registry, names=models, segmenter=self._segmenter_of)
        self.maps = maps
        self.readers = readers
        self._notes = notes
        self._device, self._memory_gib = choose_device(device), memory_gib
        #: How memory is shared out, once :meth:`plan_memory` was called.
        self.plan: MemoryPlan | None = None
        #: Whose turn it is to compute on the device.
        self.line = Line(queue, on_turn=self._share_cores)
        #: Whether a training needs some of the cores.
        self.training: Callable[[], bool] = lambda: False
        self._threads = torch.get_num_threads()
        self._runs: Runs[MapResult] = Runs(readers, name="maps", line=self.line)
        self._prepared = PreparedCases(self._check_size)
        self._last: dict[str, MapKey] = {}

    # --- models

    def models(self) -> dict[str, ModelVersion]:
        """The models that have weights, see :meth:`ServedModels.models`."""
        return self._serving.models()

    def look_again(self) -> None:
        """Look the models up at the next question: there are new weights."""
        self._serving.look_again()

    def offers(self, name: str) -> bool:
        """Whether there are weights for a model."""
        return name in self.models()

    def choose(self, name: str, *, case_key: str | None = None) -> str:
        """The name of the model an option ``of`` means.

        Args:
            name: a model, or empty or ``auto`` for that of the case's last segmentation, else the default model.
            case_key: the case.

        Raises:
            UnknownError: no such model.
            UnavailableError: there are no weights at all.
        """
        models = self.models()
        if not models:
            raise UnavailableError("No model has weights, so nothing can be segmented. `gliolabel doctor` says what to do.")
        if name in ("", "auto"):
            last = self._last.get(case_key) if case_key else None
            stored = self.maps.current(case_key) if case_key and last is None else None
            wanted = last.model if last is not None else stored.model if stored is not None else ""
            return wanted if wanted in models else next(iter(models))
        if name not in models:
            raise UnknownError(
                f"There is no model {name[:64]!r} with weights here. There {'are' if len(models) > 1 else 'is'}: {', '.join(models)}."
            )
        return name

    # --- work. Every method is to be called within `readers.request()`, or from a background run.

    def served(self, model: str) -> Served:
        """The version of a model that is served now, for a request that does several things with it.

        Raises:
            UnknownError: no such model.
            UnavailableError: there are no weights.
        """
        return self._serving.served(self.choose(model))

    def segment(self, ref: CaseRef, model: str | Served, *, ticket: Ticket | None = None) -> Segmentation:
        """The mask of a case.

        Args:
            ref: the case.
            model: the model.
            ticket: the request's in the queue; None: it waits for nobody.

        Raises:
            UnknownError: no such model.
            InputError: the case cannot be read.
            GoneError: the client went away.
        """
        with nullcontext() if ticket is None else ticket.turn(Kind.MASK):
            return self._segment(ref, model, check=None if ticket is None else ticket.check)

    def segment_in_background(self, ref: CaseRef, model: str | Served, *, pause: Callable[[], None]) -> Segmentation:
        """As :meth:`segment`, from a background run that steps aside by ``pause``."""
        with self._background(pause) as step:
            return self._segment(ref, model, check=step)

    def _segment(self, ref: CaseRef, model: str | Served, *, check: Callable[[], None] | None) -> Segmentation:
        served = self.served(model) if isinstance(model, str) else model
        version = served.version
        prepared, latencies = self._prepared.of(ref, served.segmenter)
        if check is not None:
            check()
        segmentation = served.segmenter.mask(prepared, cancel=check)
        # A request that goes on to wait for its map must not hold what nobody asks for here.
        segmentation = replace(segmentation, probabilities=segmentation.probabilities[:0].copy())
        if not ref.passing:
            made = {"model": version.name, "version": version.version, "ts": int(time.time())}
            self._notes.merge(ref.key, {"last_segmentation": made})
        return replace(segmentation, latencies={**latencies, **segmentation.latencies})

    def key(self, ref: CaseRef, model: str | Served, *, passes: int, seed: int) -> MapKey:
        """What a map run of the served version of a model would be of."""
        version = self.models()[self.choose(model)] if isinstance(model, str) else model.version
        return MapKey(case_id=ref.key, model=version.name, version=version.version, passes=passes, seed=seed, source=ref.source())

    def key_of_last(self, ref: CaseRef, model: str) -> MapKey | None:
        """The map run of the case's last segmentation, if that was by the served version of this model and the images are the same."""
        last = self._last.get(ref.key)
        if last is None:
            row = self.maps.current(ref.key)
            if row is None:
                return None
            last = MapKey(ref.key, row.model, row.version, row.passes, row.seed, row.source)
        served = self.models().get(model)
        return last if served is not None and (last.model, last.version, last.source) == (model, served.version, ref.source()) else None

    def map_later(self, ref: CaseRef, key: MapKey, mask: np.ndarray, served: Served) -> bool:
        """See that the map of the last segmentation comes to be, in the background.

        Returns:
            Whether it is there already.
        """
        self._last[ref.key] = key
        found = self.maps.find(key)
        if found is not None:
            self.maps.make_current(found)
            return True
        self._runs.later(key, lambda pause: self._make(ref, key, mask, pause, served), group=ref.key)
        return False

    def map_now(
        self,
        ref: CaseRef,
        key: MapKey,
        *,
        mask: np.ndarray | None = None,
        served: Served | None = None,
        last: bool = False,
        ticket: Ticket | None = None,
        name: str = "std",
    ) -> MapResult:
        """The map of a case: the stored one, the one that is being computed, or a new one.

        Args:
            ref: the case.
            key: which map.
            mask: the model's mask, if it is known.
            served: what made the mask, and is to make the map.
            last: the map belongs to a segmentation that was made just now.
            ticket: the request's in the queue; None: it waits for nobody.
            name: of the map that is wanted, see :func:`map_name`; a run that was stored without it is made anew.
        """
        if last:
            self._last[ref.key] = key
        found = self.maps.find(key)
        if found is not None and name in found.paths:
            if last:
                self.maps.make_current(found)
            return MapResult(found, computed=False)
        return self._runs.now(key, lambda pause: self._make(ref, key, mask, pause, served), group=ref.key, ticket=ticket)

    def map_in_background(self, ref: CaseRef, key: MapKey, *, mask: np.ndarray, served: Served, pause: Callable[[], None]) -> MapResult:
        """As :meth:`map_now`, from a background run of its own that steps aside by ``pause``."""
        self._last[ref.key] = key
        found = self.maps.find(key)
        if found is not None:
            return MapResult(found, computed=False)
        with self._background(pause) as step:
            return self._make(ref, key, mask, step, served)

    def score(self, ref: CaseRef, version: ModelVersion, *, passes: int, pause: Callable[[], None]) -> Mapping[str, Any]:
        """The region scores of a case, from a background run; nothing is stored.

        Raises:
            InputError: the case cannot be read.
            UnavailableError: the version is no longer served.
        """
        segmenter = self._serving.segmenter(version)
        with self._background(pause) as step:
            self._check_size(ref)
            prepared, _ = segmenter.prepare(ref.case)  # not kept: what readers have open stays in memory
            step()
            mask = segmenter.mask(prepared, cancel=step).mask
            return segmenter.maps(prepared, mask, passes=passes, seed=0, cancel=step).scores

    def mask_of(self, ref: CaseRef, version: ModelVersion, *, pause: Callable[[], None]) -> np.ndarray:
        """The mask of a case, uint8 (z, y, x), from a background run; nothing is noted. Raises as :meth:`score`."""
        segmenter = self._serving.segmenter(version)
        with self._background(pause) as step:
            self._check_size(ref)
            prepared, _ = segmenter.prepare(ref.case)
            step()
            return segmenter.mask(prepared, cancel=step).mask

    @property
    def has_maps_to_make(self) -> bool:
        """Whether a map waits or is being computed."""
        return self._runs.busy

    def makes_map_of(self, case_key: str) -> bool:
        """Whether a map of a case waits or is being computed."""
        return self._runs.group_busy(case_key)

    def makes_maps(self, model: str | Served) -> bool:
        """Whether a model's network has dropout, without which it has no map."""
        served = self.served(model) if isinstance(model, str) else model
        return bool(getattr(served.segmenter, "has_dropout", True))

    @property
    def device(self) -> str:
        """The device that networks run on: ``cpu``, ``cuda``, ``cuda:1``."""
        return str(self._device)

    def plan_memory(self, *, voxels: int = CASE_VOXELS) -> MemoryPlan:
        """Share out the memory that is free now; to be called once, before the first case.

        Args:
            voxels: of the largest case's reference grid.

        Raises:
            InputError: ``--conf memory`` is too little.
        """
        server = held_now() if self._device.type == "cpu" else 0
        self.plan = plan_memory(self._device, limit_gib=self._memory_gib, requests=self.line.bound + 1, voxels=voxels, server=server)
        hold(self.plan)
        return self.plan

    def device_text(self) -> str:
        """The device that networks run on, for people."""
        return str(best_precision(self._device))

    def forget(self, case_key: str) -> None:
        """Forget what is known of a case or session."""
        self._prepared.forget(case_key)
        self._last.pop(case_key, None)
        self.maps.remove(case_key)

    def give_up(self) -> None:
        """Let background work, and requests that wait for it, end soon. Returns at once."""
        self.line.give_up()
        self._runs.give_up()

    def stop(self) -> None:
        """End background work."""
        self._runs.stop()

    # --- helpers

    def _share_cores(self, kind: Kind) -> None:
        """Set how many threads PyTorch computes with in this thread: a training has half of the cores, unless a reader waits."""
        shared = kind is Kind.BACKGROUND and self._device.type == "cpu" and self.training()
        wanted = max(1, self._threads // 2) if shared else self._threads
        if torch.get_num_threads() != wanted:
            torch.set_num_threads(wanted)

    @contextmanager
    def _background(self, pause: Callable[[], None]) -> Iterator[Callable[[], None]]:
        """The block computes in the background; what it is given is to be called between steps."""
        pause()
        with self.line.background("background") as ticket, ticket.turn():

            def step() -> None:
                with ticket.aside():
                    pause()

            yield step

    def _segmenter_of(self, version: ModelVersion) -> CaseSegmenter:
        memory_gib = self._memory_gib if self.plan is None else self.plan.one_pass / 2**30
        return self._make_segmenter(version, device=str(self._device), memory_gib=memory_gib)

    def _check_size(self, ref: CaseRef) -> None:
        if self.plan is not None:
            self.plan.check(math.prod(ref.case.grid().shape), case_id=ref.case.id)

    def _make(
        self, ref: CaseRef, key: MapKey, mask: np.ndarray | None, pause: Callable[[], None], served: Served | None = None
    ) -> MapResult:
        served = served or self._serving.served(key.model)
        version, segmenter = served.version, served.segmenter
        pause()
        prepared, _ = self._prepared.of(ref, segmenter)
        if mask is None or version.version != key.version:
            mask = segmenter.mask(prepared, cancel=pause).mask
        key = replace(key, version=version.version)  # promoted meanwhile: the map is of the version that makes it
        # The network is free between passes, so a pause there holds nobody up.
        maps = segmenter.maps(prepared, mask, passes=key.passes, seed=key.seed, cancel=pause)
        grid = prepared.grid
        places = places_to_look(
            maps.by_region["std"], mask, grid, k=MOST_PLACES, regions=tuple(maps.scores), expected_error=maps.expected_error
        )
        volumes = {**maps.measures, **region_maps(maps), "mask": mask}
        writers = {name: partial(write_volume, array, grid) for name, array in volumes.items()}
        if ref.source() != key.source:
            raise InputError(f"case {ref.key}: its images changed while the map was computed. Run it again.")
        last = self._last.get(ref.key)
        row = self.maps.add(
            key,
            files=writers,
            scores=json_safe(maps.scores),
            current=last is None or last == key,
            places=[json_safe(asdict(place)) for place in places],
        )
        return MapResult(row, computed=True)
