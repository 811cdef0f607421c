"""One measurement: ``python -m gliolabel.cli.benchmark.worker JOB``, a JSON line in, a JSON line out."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gliolabel.cli.benchmark.measuring import Job
from gliolabel.cli.logs import quiet_libraries
from gliolabel.studies import Case, open_studies
from gliolabel.vocabulary import REGIONS, SEQUENCES

if TYPE_CHECKING:
    from gliolabel.inference import Segmenter, UncertaintyMaps
    from gliolabel.preprocessing import Prepared


def run(job: Job) -> dict[str, Any]:
    """Measure: first a cold run, then the one whose seconds are reported, then the map.

    Returns:
        ``model``, ``version``, ``device``; ``cold_s``, the first run; ``stages_s``, seconds by stage of the second; ``total_s``, from
        the files on disk to the mask's file on disk; ``map_s``, the map with ``passes`` passes; ``peak_gib`` up to the mask and
        ``peak_map_gib`` with the map; ``dice`` by region where the case has a label; with ``check_map`` ``plain``, see :func:`_plain`.
    """
    case = open_studies(job.studies).get(job.case)
    return _gliolabel(job, case) if job.pipeline == "gliolabel" else _stock(job, case)


def _gliolabel(job: Job, case: Case) -> dict[str, Any]:
    from gliolabel.inference import Segmenter
    from gliolabel.recipes import ModelVersion
    from gliolabel.studies.writing import write_volume

    version = ModelVersion.load(job.model)
    segmenter = Segmenter(version, device=job.device)

    def once(folder: Path) -> tuple[Any, dict[str, float], float]:
        begin = time.perf_counter()
        result = segmenter.segment(case)
        before_write = time.perf_counter()
        write_volume(result.mask, result.grid, folder / "mask.nii.gz")
        end = time.perf_counter()
        return result, {**result.latencies, "write": end - before_write}, end - begin

    with tempfile.TemporaryDirectory() as name:
        _, _, cold = once(Path(name))
        result, stages, total = once(Path(name))
    peak = _peak_gib()
    map_seconds = None
    if job.passes:
        prepared, _ = segmenter.prepare(case)
        begin = time.perf_counter()
        maps = segmenter.maps(prepared, result.mask, passes=job.passes)
        map_seconds = time.perf_counter() - begin
    peak_map = _peak_gib() if job.passes else None
    return {
        "model": version.name,
        "version": version.version,
        "device": result.device,
        "cold_s": cold,
        "stages_s": stages,
        "total_s": total,
        "map_s": map_seconds,
        "peak_gib": peak,
        "peak_map_gib": peak_map,
        "dice": _dice(case, result.mask),
        "plain": _plain(segmenter, prepared, result.mask, maps) if job.check_map else None,
    }


def _plain(segmenter: Segmenter, prepared: Prepared, mask: np.ndarray, maps: UncertaintyMaps) -> dict[str, Any]:
    """The same map pass by pass: ``map_s``; ``differences``, mean absolute in the brain by measure; ``scores``, the largest relative."""
    begin = time.perf_counter()
    plain = segmenter.maps(prepared, mask, passes=maps.passes, seed=maps.seed, plain=True)
    seconds = time.perf_counter() - begin
    brain = prepared.restore(prepared.brain.numpy().astype(np.float32)) > 0.5
    pairs = [
        (value, maps.scores[region][name]) for region, scores in plain.scores.items() for name, value in scores.items() if value is not None
    ]
    return {
        "map_s": seconds,
        "differences": {name: float(np.abs(maps.measures[name] - values)[brain].mean()) for name, values in plain.measures.items()},
        "scores": max((abs((ours or 0.0) - value) / max(abs(value), 1e-9) for value, ours in pairs), default=0.0),
    }


def _stock(job: Job, case: Case) -> dict[str, Any]:
    import torch

    from gliolabel.labelserver.benchmark_stock import StockTask, score_stock, segment_stock
    from gliolabel.recipes import ModelVersion

    version = ModelVersion.load(job.model)
    device = job.device or ("cuda" if torch.cuda.is_available() else "cpu")
    files = [case.sequences[sequence].path for sequence in SEQUENCES]
    task = StockTask(version)
    begin = time.perf_counter()
    segment_stock(task, files, device=device)
    cold = time.perf_counter() - begin
    result = segment_stock(task, files, device=device)
    peak = _peak_gib()
    map_seconds = score_stock(version, files, passes=job.passes, device=device) if job.passes else None
    stages = {stage: seconds for stage, seconds in result.latencies.items() if stage != "total"}
    return {
        "model": version.name,
        "version": version.version,
        "device": device,
        "cold_s": cold,
        "stages_s": stages,
        "total_s": result.latencies["total"],
        "map_s": map_seconds,
        "peak_gib": peak,
        "peak_map_gib": _peak_gib() if job.passes else None,
        "dice": _dice(case, result.mask),
    }


def _peak_gib() -> float:
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 2**30
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)  # bytes there, KiB elsewhere


def _dice(case: Case, mask: np.ndarray) -> dict[str, float] | None:
    from gliolabel.metrics import dice, region_masks

    label = case.read_label()
    if label is None:
        return None
    return dict(zip(REGIONS, dice(region_masks(mask), region_masks(label)).tolist(), strict=True))


if __name__ == "__main__":
    quiet_libraries()
    print(json.dumps(run(Job.from_json(sys.argv[1]))))
