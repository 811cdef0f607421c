"""Segmenting a case: one read, one preparation, one model copy; the mask, and maps from the same preparation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from gliolabel.inference.dropout import begin_pass, sampling_copy
from gliolabel.inference.masks import most_probable
from gliolabel.inference.passes import PASSES_EVERYWHERE, Passes, SlicePasses, VolumePasses
from gliolabel.inference.results import Segmentation, UncertaintyMaps
from gliolabel.inference.runner import Checkpoint, Job, Runner, between
from gliolabel.inference.scoring import region_scores, regions_inside, sum_regions
from gliolabel.inference.warnings import faint_enhancement, missing_sequences
from gliolabel.losses import region_probabilities
from gliolabel.metrics import region_masks
from gliolabel.networks import SegmentationNetwork
from gliolabel.networks.folding import fold_batch_norms
from gliolabel.preprocessing import Prepared, prepare
from gliolabel.recipes import ModelVersion
from gliolabel.studies import Case, CaseImages
from gliolabel.uncertainty.maps import case_map, expected_error_map
from gliolabel.uncertainty.running import RunningMaps
from gliolabel.vocabulary import REGIONS

#: Passes of a map when none are asked for by number.
DEFAULT_PASSES = 20

#: Called with the share done, 0 to 1, and what is being done.
ProgressCallback = Callable[[float, str], None]


class Segmenter:
    """Segments cases with one model version on one device.

    Safe to use from several threads: one lock lets one network run at a time, and it is free again between Monte-Carlo passes, so a
    map in the background never holds up a mask for longer than one pass. The served network's weights and statistics never
    change.

    Args:
        model_version: the model.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``; by default the first GPU, or the CPU without one.
        memory_gib: GiB that one pass may take; by default what is free.
        precision: format of the convolutions, by default the best for the device (:func:`best_precision`).

    Example::

        segmenter = Segmenter(Registry().champion("unet3d"))
        result = segmenter.segment(open_studies("/data/brats").get("BraTS_001"), passes=20)
        result.mask, result.maps.measures["std"]
    """

    def __init__(
        self,
        model_version: ModelVersion,
        *,
        device: str | None = None,
        memory_gib: float | None = None,
        precision: torch.dtype | None = None,
    ) -> None:
        self.model_version = model_version
        self._lock = threading.Lock()
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._runner = Runner(model_version.recipe, device=self._device, precision=precision, memory_gib=memory_gib)
        self._network = self._runner.place(fold_batch_norms(model_version.build()))
        self._sampler: SegmentationNetwork | None = None

    @property
    def device(self) -> str:
        """Where the network runs and in which format, e.g. ``cpu (bfloat16)``."""
        return str(self._runner.precision)

    def prepare(self, case: Case | CaseImages) -> tuple[Prepared, dict[str, float]]:
        """Read and prepare a case, for :meth:`mask` and :meth:`maps`.

        Returns:
            The prepared case, and seconds by stage (``read``, ``prepare``).

        Raises:
            InputError: a file cannot be used; the message names it.
        """
        began = time.perf_counter()
        images = case.read() if isinstance(case, Case) else case
        read = time.perf_counter()
        prepared = prepare(images)
        return prepared, {"read": read - began, "prepare": time.perf_counter() - read}

    def segment(
        self,
        case: Case | CaseImages,
        *,
        passes: int = 0,
        seed: int = 0,
        progress: ProgressCallback | None = None,
        cancel: Checkpoint | None = None,
    ) -> Segmentation:
        """Segment a case.

        Args:
            case: the case, or its images if they are read already.
            passes: Monte-Carlo passes for the uncertainty maps; 0 for none.
            seed: seed of the passes; the same seed gives the same map.
            progress: called with the share done.
            cancel: called between parts of the work; what it raises stops the work.

        Raises:
            InputError: a file of the case cannot be used; the message names it.
        """
        prepared, latencies = self.prepare(case)
        result = self.mask(prepared, cancel=cancel)
        latencies.update(result.latencies)
        if not passes:
            return replace(result, latencies=latencies)
        maps = self.maps(prepared, result.mask, passes=passes, seed=seed, progress=progress, cancel=cancel)
        latencies["uncertainty"] = maps.seconds
        return replace(result, latencies=latencies, maps=maps)

    @torch.inference_mode()
    def mask(self, prepared: Prepared, *, cancel: Checkpoint | None = None) -> Segmentation:
        """Segment a prepared case, without dropout.

        Args:
            prepared: what :meth:`prepare` returned.
            cancel: see :meth:`segment`. It may wait: other threads use the network meanwhile.
        """
        warnings = [*prepared.warnings, *missing_sequences(prepared.present)]
        began = time.perf_counter()
        with self._lock:
            classes = self._deterministic(prepared.image, warnings, between(self._lock, cancel))
            self._runner.release()
        ran = time.perf_counter()
        few = (slice(None, None, 2),) * 3  # medians of every eighth voxel are as good, and sooner there
        rule = self.model_version.recipe.inference
        labels = torch.from_numpy(most_probable(classes[1:, *few].numpy(), tumour_threshold=rule.tumour_threshold))
        warnings += faint_enhancement(prepared.image[:, *few], prepared.brain[few], labels, present=prepared.present)
        restored = prepared.restore(classes[1:].numpy())
        mask = most_probable(restored, tumour_threshold=rule.tumour_threshold, island_peak=rule.island_peak)
        regions = sum_regions(restored)
        counts = region_masks(mask).reshape(len(REGIONS), -1).sum(axis=1)
        volumes = {name: float(count) * prepared.grid.voxel_ml for name, count in zip(REGIONS, counts, strict=True)}
        return Segmentation(
            case_id=prepared.case_id,
            mask=mask,
            probabilities=regions,
            grid=prepared.grid,
            volumes_ml=volumes,
            model=self.model_version.name,
            model_version=self.model_version.version,
            device=self.device,
            latencies={"network": ran - began, "restore": time.perf_counter() - ran},
            warnings=tuple(warnings),
            processed=prepared.processed,
        )

    @torch.inference_mode()
    def maps(
        self,
        prepared: Prepared,
        mask: np.ndarray,
        *,
        passes: int = DEFAULT_PASSES,
        seed: int = 0,
        progress: ProgressCallback | None = None,
        cancel: Checkpoint | None = None,
        plain: bool = False,
    ) -> UncertaintyMaps:
        """Uncertainty maps of a prepared case from Monte-Carlo dropout.

        Passes of a 2-D network run over its first plane, those of a 3-D network without mirroring: what differs between passes is
        the dropout alone, so that without dropout every map is exactly 0. Passes share what they can (:mod:`~gliolabel.inference.passes`).

        Args:
            prepared: what :meth:`prepare` returned.
            mask: the served mask, uint8 (z, y, x) on the reference grid, around whose border the scores are taken.
            passes: number of passes, at least 1.
            seed: seed of the dropped channels.
            progress: called after every pass.
            cancel: called between parts of the work.
            plain: compute every pass from the image on and everywhere: slower, and what the faster way is measured against.

        Raises:
            ValueError: ``passes`` is below 1.
        """
        *_, last = self.maps_at(prepared, mask, counts=(passes,), seed=seed, progress=progress, cancel=cancel, plain=plain)
        return last

    @torch.inference_mode()
    def maps_at(
        self,
        prepared: Prepared,
        mask: np.ndarray,
        *,
        counts: Sequence[int],
        seed: int = 0,
        progress: ProgressCallback | None = None,
        cancel: Checkpoint | None = None,
        plain: bool = False,
    ) -> Iterator[UncertaintyMaps]:
        """The maps after each of several numbers of passes, from one run of the largest: what :meth:`maps` returns for each, one at a time.

        Args:
            prepared: see :meth:`maps`.
            mask: see there.
            counts: numbers of passes, at least 1, rising.
            seed: see there.
            progress: see there.
            cancel: see there.
            plain: see there.

        Raises:
            ValueError: ``counts`` is empty, does not rise, or starts below 1.
        """
        if not counts or counts[0] < 1 or any(a >= b for a, b in pairwise(counts)):
            raise ValueError(f"passes is {', '.join(map(str, counts))}; expected at least 1, and rising numbers")
        began, taken = time.perf_counter(), 0.0
        passes = counts[-1]
        inside = prepared.brain.flatten().nonzero()[:, 0]
        threshold = self.model_version.recipe.inference.tumour_threshold
        running = RunningMaps(len(REGIONS), (len(inside),), inside=partial(regions_inside, tumour_threshold=threshold))
        followed, shared = inside, None if plain else self._passes(prepared)
        for index in range(passes):
            if cancel is not None:
                cancel()
            with self._lock:
                regions, shared = self._one_pass(shared, prepared.image, followed, seed=seed, index=index)
            running.add(regions)
            if shared is not None and index + 1 == PASSES_EVERYWHERE < passes:
                with self._lock:
                    still = shared.settle()
                if still is not None:
                    running.follow(still)
                    followed = followed[still]
            if progress is not None:
                progress((index + 1) / passes, f"pass {index + 1} of {passes}")
            if index + 1 == passes:
                self._runner.release()
            if index + 1 in counts:
                found = _maps_of(running, inside, mask, prepared, seed=seed)
                taken += time.perf_counter() - began
                yield replace(found, seconds=taken)
                began = time.perf_counter()  # what the caller does between two maps is not counted

    def _deterministic(self, image: Tensor, warnings: list[str], cancel: Checkpoint | None) -> Tensor:
        job = Job(self._network, image, planes=self.model_version.recipe.inference.planes, warnings=warnings, cancel=cancel)
        if not self.model_version.recipe.inference.mirror:
            return self._runner.run(job)
        # The last axis runs from right to left, and brains are nearly symmetric: the mirrored image is a second opinion.
        return (self._runner.run(job) + self._runner.run(replace(job, image=image.flip(-1))).flip(-1)) / 2

    def _sampled(self, image: Tensor, *, seed: int, index: int) -> Tensor:
        begin_pass(self._sampling, seed=seed, index=index)
        return self._runner.run(Job(self._sampling, image, planes=self.model_version.recipe.inference.planes[:1]))

    @property
    def _sampling(self) -> SegmentationNetwork:
        if self._sampler is None:
            self._sampler = sampling_copy(self._network)
        return self._sampler

    def _passes(self, prepared: Prepared) -> Passes | None:
        """Passes that share work; None where memory is too short to hold what they share."""
        recipe, image = self.model_version.recipe, prepared.image
        with self._lock:
            try:
                if self._network.spatial_dims == 2:
                    return SlicePasses(
                        self._sampling,
                        image,
                        brain=prepared.brain,
                        plane=recipe.inference.planes[0],
                        precision=self._runner.precision,
                        to_regions=region_probabilities,
                        regions=len(REGIONS),
                    )
                if self._runner.window(image) is not None:
                    return None
                return VolumePasses(
                    self._sampling, image, brain=prepared.brain, precision=self._runner.precision, to_regions=region_probabilities
                )
            except torch.cuda.OutOfMemoryError:
                return None

    def _one_pass(self, shared: Passes | None, image: Tensor, voxels: Tensor, *, seed: int, index: int) -> tuple[Tensor, Passes | None]:
        """Regions of one pass at some voxels, and what later passes share: nothing once memory ran out."""
        if shared is not None:
            try:
                begin_pass(self._sampling, seed=seed, index=index)
                return shared.run(), shared
            except torch.cuda.OutOfMemoryError:
                pass
        everywhere = region_probabilities(self._sampled(image, seed=seed, index=index)[None])[0]
        return everywhere.flatten(1)[:, voxels], None


def _maps_of(running: RunningMaps, inside: Tensor, mask: np.ndarray, prepared: Prepared, *, seed: int) -> UncertaintyMaps:
    """What the passes so far say, on the reference grid."""

    def everywhere(values: np.ndarray) -> np.ndarray:
        volume = np.zeros((len(values), prepared.brain.numel()), np.float32)
        volume[:, inside.numpy()] = values
        return prepared.restore(volume.reshape(len(values), *prepared.brain.shape))

    # Outside the brain there was no pass, and nothing to doubt.
    brain = everywhere(np.ones((1, len(inside)), np.float32))
    by_region = {
        "std": everywhere(running.std()),
        "entropy": everywhere(running.entropy()),
        "mutual_information": everywhere(running.mutual_information()),
    }
    return UncertaintyMaps(
        measures={name: case_map(values) for name, values in by_region.items()},
        by_region=by_region,
        expected_error=np.where(brain > 0.5, expected_error_map(everywhere(running.mean()), region_masks(mask)), 0),
        scores=region_scores(running, by_region["std"], mask, prepared),
        passes=running.passes,
        seed=seed,
        seconds=0.0,
    )
