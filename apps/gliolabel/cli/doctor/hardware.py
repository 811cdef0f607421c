"""The computing hardware, as the networks see it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gliolabel.cli.doctor.check import Check, Level
from gliolabel.errors import InputError

#: Below this much free memory (GiB) a whole case does not fit: it cannot work / it works in smaller windows, slower.
_LEAST_GIB, _WANTED_GIB = 3.0, 6.0
_WANTED_GPU_GIB = 4.0


def torch_build() -> Check:
    """Whether torch can use the GPU that is in the machine."""
    import torch

    cuda = torch.version.cuda
    usable = torch.cuda.is_available()
    driver = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
    details = {"torch": torch.__version__, "cuda_build": cuda, "cuda_usable": usable, "nvidia_driver": driver}
    if usable:
        names = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        return Check("GPU", Level.OK, f"torch {torch.__version__} (CUDA {cuda}): {names}", details=details)
    if driver and cuda is None:
        fix = "Install a CUDA build: pip install --force-reinstall torch, from an index that has one for your driver (pytorch.org)."
        return Check(
            "GPU", Level.BAD, f"there is an NVIDIA driver, but torch {torch.__version__} is a CPU build: the GPU was lost", fix, details
        )
    if driver:
        fix = (
            "Run nvidia-smi: no GPU listed means hardware or container settings; a CUDA version below that of torch means an older driver."
        )
        return Check(
            "GPU", Level.BAD, f"there is an NVIDIA driver, but torch {torch.__version__} (CUDA {cuda}) cannot use it", fix, details
        )
    return Check("GPU", Level.OK, f"none; torch {torch.__version__} computes on the CPU", details=details)


def gpu_memory() -> Check:
    """Free memory of each GPU."""
    import torch

    if not torch.cuda.is_available():
        return Check("GPU memory", Level.OK, "no GPU in use")
    free = {f"cuda:{i}": round(torch.cuda.mem_get_info(i)[0] / 2**30, 1) for i in range(torch.cuda.device_count())}
    text = ", ".join(f"{name} {gib} GiB free" for name, gib in free.items())
    if max(free.values()) < _WANTED_GPU_GIB:
        fix = f"Stop what uses the GPU (nvidia-smi lists it). With less than {_WANTED_GPU_GIB:g} GiB: smaller windows, or the CPU."
        return Check("GPU memory", Level.WARNING, text, fix, free)
    return Check("GPU memory", Level.OK, text, details=free)


def processor() -> Check:
    """Cores, and whether bf16 is done in hardware."""
    import torch

    from gliolabel.inference.precision import cpu_bf16

    bf16 = cpu_bf16()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    details = {"cores": cores, "bf16": bf16, "capability": torch.backends.cpu.get_cpu_capability()}
    text = f"{cores} cores, {details['capability']}, " + (
        f"bf16 in hardware ({bf16})" if bf16 else "no bf16 instructions: it computes in float32"
    )
    return Check("Processor", Level.OK, text, details=details)


def memory_plan(limit_gib: float | None, *, queue: int) -> Check:
    """How a server that starts now would share out the memory of its device."""
    import torch

    from gliolabel.inference.plan import plan_memory

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        plan = plan_memory(device, limit_gib=limit_gib, requests=queue + 1)
    except InputError as error:
        return Check("Memory plan", Level.BAD, str(error).replace("--conf ", "--"), "Give the server more, or let fewer requests wait.")
    parts = {"total": plan.total, "server": plan.server, "cases": plan.cases, "one_pass": plan.one_pass}
    details = {"device": plan.device, "enough": plan.enough, **{f"{name}_gib": round(size / 2**30, 2) for name, size in parts.items()}}
    if not plan.enough:
        fix = "Large cases will be done in smaller windows, slower. Stop other programs, or use a larger machine."
        return Check("Memory plan", Level.WARNING, f"{plan.device}: {plan}", fix, details)
    return Check("Memory plan", Level.OK, f"{plan.device}: {plan}", details=details)


def memory() -> Check:
    """Free main memory."""
    import psutil

    gib = psutil.virtual_memory().available / 2**30
    details = {"available_gib": round(gib, 1)}
    text = f"{gib:.1f} GiB available"
    if gib < _LEAST_GIB:
        return Check(
            "Memory", Level.BAD, f"{text}; a case needs about {_WANTED_GIB:g} GiB", "Stop other programs, or use a larger machine.", details
        )
    if gib < _WANTED_GIB:
        fix = "Large cases will be done in smaller windows, slower. Stop other programs, or use a larger machine."
        return Check("Memory", Level.WARNING, text, fix, details)
    return Check("Memory", Level.OK, text, details=details)
