"""Segmenting a case: one read, one preparation, one model copy; the mask, and maps from the same preparation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from gliolabel.inference.dropout import begin_pass, sampling_copy
from gliolabel.inference.memory import WINDOWS, window_for
from gliolabel.inference.passes import PASSES_EVERYWHERE, Passes, SlicePasses, VolumePasses
from gliolabel.inference.precision import Precision, best_precision
from gliolabel.inference.results import Segmentation, UncertaintyMaps
from gliolabel.inference.volume_pass import slices_2d, whole_volume_3d, windows_3d
from gliolabel.inference.warnings import missing_sequences
from gliolabel.losses import region_probabilities
from gliolabel.networks import SegmentationNetwork
from gliolabel.networks.folding import fold_batch_norms
from gliolabel.preprocessing import Prepared, prepare
from gliolabel.recipes import ModelVersion
from gliolabel.studies import Case, CaseImages
from gliolabel.uncertainty.maps import case_map
from gliolabel.uncertainty.running import RunningMaps
from gliolabel.uncertainty.scores import band_mean, variation_of
from gliolabel.vocabulary import REGIONS

#: Passes of a map when none are asked for by number.
DEFAULT_PASSES = 20

#: Called with the share done, 0 to 1, and what is being done.
ProgressCallback = Callable[[float, str], None]

#: Called between parts of the work; raises whatever should stop it.
Checkpoint = Callable[[], None]


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
        self._memory_gib = memory_gib
        self._lock = threading.Lock()
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._precision = best_precision(self._device) if precision is None else Precision(self._device, precision)
        self._network = self._placed(fold_batch_norms(model_version.build()), self._device)
        self._sampler: SegmentationNetwork | None = None

    @property
    def device(self) -> str:
        """Where the network runs and in which format, e.g. ``cpu (bfloat16)``."""
        return f"{self._device} ({str(self._precision.dtype).removeprefix('torch.')})"

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
            cancel: see :meth:`segment`.
        """
        warnings = [*prepared.warnings, *missing_sequences(prepared.present)]
        began = time.perf_counter()
        with self._lock:
            classes = self._deterministic(prepared.image, warnings, cancel)
            self._release()
        ran = time.perf_counter()
        restored = prepared.restore(classes[1:].numpy())
        mask = _most_probable(restored)
        regions = _regions(restored)
        volumes = {name: float(np.isin(mask, values).sum()) * prepared.grid.voxel_ml for name, values in REGIONS.items()}
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
        if passes < 1:
            raise ValueError(f"passes is {passes}; expected at least 1")
        began = time.perf_counter()
        inside = prepared.brain.flatten().nonzero()[:, 0]
        running = RunningMaps(len(REGIONS), (len(inside),))
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
        self._release()

        def everywhere(values: np.ndarray) -> np.ndarray:
            volume = np.zeros((len(values), prepared.brain.numel()), np.float32)
            volume[:, inside.numpy()] = values
            return prepared.restore(volume.reshape(len(values), *prepared.brain.shape))

        by_region = {
            "std": everywhere(running.std()),
            "entropy": everywhere(running.entropy()),
            "mutual_information": everywhere(running.mutual_information()),
        }
        return UncertaintyMaps(
            measures={name: case_map(values) for name, values in by_region.items()},
            by_region=by_region,
            scores=_scores(running, by_region["std"], mask, prepared),
            passes=passes,
            seed=seed,
            seconds=time.perf_counter() - began,
        )

    def _placed(self, network: SegmentationNetwork, device: torch.device) -> SegmentationNetwork:
        network.to(memory_format=torch.channels_last_3d if network.spatial_dims == 3 else torch.channels_last)
        return network.to(device)

    def _release(self) -> None:
        # Other programs share the GPU: what PyTorch keeps for the next run is theirs between two clicks.
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _deterministic(self, image: Tensor, warnings: list[str], cancel: Checkpoint | None) -> Tensor:
        once = partial(self._run, warnings=warnings, cancel=cancel)
        if not self.model_version.recipe.inference.mirror:
            return once(self._network, image)
        # The last axis runs from right to left, and brains are nearly symmetric: the mirrored image is a second opinion.
        return (once(self._network, image) + once(self._network, image.flip(-1)).flip(-1)) / 2

    def _sampled(self, image: Tensor, *, seed: int, index: int) -> Tensor:
        begin_pass(self._sampling, seed=seed, index=index)
        return self._run(self._sampling, image, warnings=[], cancel=None, first_plane=True)

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
                        precision=self._precision,
                        to_regions=region_probabilities,
                        regions=len(REGIONS),
                    )
                if window_for(recipe, tuple(image.shape[1:]), device=self._device, limit_gib=self._memory_gib) is not None:
                    return None
                return VolumePasses(self._sampling, image, brain=prepared.brain, precision=self._precision, to_regions=region_probabilities)
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

    def _run(
        self, network: SegmentationNetwork, image: Tensor, *, warnings: list[str], cancel: Checkpoint | None, first_plane: bool = False
    ) -> Tensor:
        """Class probabilities on the CPU; on a GPU out of memory in smaller parts, and at last on the CPU."""
        window = None
        if network.spatial_dims == 3:
            window = window_for(self.model_version.recipe, tuple(image.shape[1:]), device=self._device, limit_gib=self._memory_gib)
        while True:
            try:
                return self._attempt(network, image, window=window, cancel=cancel, first_plane=first_plane, warnings=warnings)
            except torch.cuda.OutOfMemoryError:
                pass
            # Outside the handler: the exception's frames hold the tensors that filled the memory.
            torch.cuda.empty_cache()
            smaller = [w for w in WINDOWS if window is None or w < window]
            if network.spatial_dims == 3 and smaller:
                window = smaller[0]
            else:
                return self._on_cpu(network, image, window=window, cancel=cancel, first_plane=first_plane, warnings=warnings)

    def _attempt(
        self,
        network: SegmentationNetwork,
        image: Tensor,
        *,
        window: int | None,
        cancel: Checkpoint | None,
        first_plane: bool,
        warnings: list[str],
        precision: Precision | None = None,
    ) -> Tensor:
        precision = precision or self._precision
        if network.spatial_dims == 2:
            planes = self.model_version.recipe.inference.planes
            return slices_2d(network, image, planes=planes[:1] if first_plane else planes, precision=precision, pause=cancel)
        if cancel is not None:
            cancel()
        if window is None:
            return whole_volume_3d(network, image, precision=precision).cpu()
        text = f"memory is short: segmented in overlapping windows of {window} voxels instead of one pass"
        if text not in warnings:
            warnings.append(text)
        return windows_3d(network, image, window=window, precision=precision, stitch_on=torch.device("cpu"))

    def _on_cpu(
        self,
        network: SegmentationNetwork,
        image: Tensor,
        *,
        window: int | None,
        cancel: Checkpoint | None,
        first_plane: bool,
        warnings: list[str],
    ) -> Tensor:
        text = f"{self._device} is out of memory: segmented on the CPU, which is slower"
        if text not in warnings:
            warnings.append(text)
        cpu = torch.device("cpu")
        try:
            return self._attempt(
                self._placed(network, cpu),
                image,
                window=window,
                cancel=cancel,
                first_plane=first_plane,
                warnings=warnings,
                precision=best_precision(cpu),
            )
        finally:
            self._placed(network, self._device)


def _most_probable(foreground: np.ndarray) -> np.ndarray:
    """uint8 (z, y, x) of the most probable class, from the probabilities (3, z, y, x) of classes 1 to 3."""
    mask = np.zeros(foreground.shape[1:], dtype=np.uint8)
    best = 1.0 - foreground.sum(axis=0)
    for value, probability in enumerate(foreground, start=1):
        better = probability > best
        mask[better] = value
        np.maximum(best, probability, out=best)
    return mask


def _regions(foreground: np.ndarray) -> np.ndarray:
    """float32 (3, z, y, x) probabilities of WT, TC, ET from those of classes 1 to 3."""
    sums = [sum(foreground[v - 1] for v in values) for values in REGIONS.values()]
    return np.clip(np.stack(sums), 0.0, 1.0).astype(np.float32)


def _scores(running: RunningMaps, std: np.ndarray, mask: np.ndarray, prepared: Prepared) -> dict[str, dict[str, float | None]]:
    # Passes lie on the working grid, whose voxels may differ from the reference grid's.
    volumes = np.stack(running.voxels) * prepared.working.voxel_ml
    variation, agreement = variation_of(volumes), running.pairwise_dice()
    low, high = np.percentile(volumes, [5, 95], axis=0)
    brain = prepared.restore(prepared.brain.numpy().astype(np.float32)) > 0.5
    return {
        name: {
            "band_mean": band_mean(std[i], np.isin(mask, values), spacing=prepared.grid.spacing[::-1], within=brain),
            "volume_cv": float(variation[i]),
            "pairwise_dice": float(agreement[i]),
            "volume_ml_p05": float(low[i]),
            "volume_ml_p95": float(high[i]),
        }
        for i, (name, values) in enumerate(REGIONS.items())
    }
