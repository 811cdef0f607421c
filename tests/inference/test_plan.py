"""How memory is shared out before the first case comes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gliolabel.errors import InputError, UnavailableError
from gliolabel.inference import plan as module
from gliolabel.inference.plan import CASE_VOXELS, LEAST_PASS, MemoryPlan, plan_memory

CPU = torch.device("cpu")
GIB = 2**30


def test_the_parts_of_a_plan_are_its_total() -> None:
    plan = plan_memory(CPU, limit_gib=8, requests=9)
    assert plan.total == 8 * GIB
    assert plan.server + plan.cases + plan.one_pass == plan.total
    assert plan.enough
    assert "8.0 GiB by --conf memory" in str(plan)


def test_more_requests_and_larger_cases_leave_less_for_a_pass() -> None:
    few, many = (plan_memory(CPU, limit_gib=8, requests=count) for count in (2, 50))
    small = plan_memory(CPU, limit_gib=8, requests=2, voxels=CASE_VOXELS // 8)
    assert many.one_pass < few.one_pass < small.one_pass
    larger = plan_memory(CPU, limit_gib=8, requests=2, server=3 * GIB)
    assert larger.server == 3 * GIB, "what it holds already counts"


def test_too_little_is_refused_with_what_is_needed() -> None:
    with pytest.raises(InputError, match=r"--conf memory 2: too little .* at least (\d+\.\d) GiB") as error:
        plan_memory(CPU, limit_gib=2, requests=9)
    least = float(str(error.value).split("at least ")[1].split()[0])
    assert plan_memory(CPU, limit_gib=least + 0.1, requests=9).enough


def test_without_a_limit_a_share_of_what_is_free_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda device: 10 * GIB)
    plan = plan_memory(CPU, limit_gib=None, requests=9, server=2 * GIB)
    assert plan.total == 9 * GIB
    assert "of what is free" in str(plan)
    monkeypatch.setattr(module, "free_bytes", lambda device: GIB)
    tight = plan_memory(CPU, limit_gib=None, requests=9)
    assert not tight.enough
    assert tight.one_pass == LEAST_PASS, "the smallest windows are tried"
    assert "too little" in str(tight)


def test_a_case_that_fits_not_even_in_the_smallest_windows_is_refused() -> None:
    plan = MemoryPlan("cpu", total=4 * GIB, server=GIB, cases=2 * GIB, voxels=CASE_VOXELS, limited=True)
    plan.check(CASE_VOXELS, case_id="a")
    plan.check(CASE_VOXELS + 1000, case_id="a")
    with pytest.raises(UnavailableError, match="case big: its 89280000 voxels need about"):
        plan.check(10 * CASE_VOXELS, case_id="big")
    tight = replace(plan, total=2 * GIB)
    tight.check(CASE_VOXELS, case_id="a")  # what was planned for is tried
    with pytest.raises(UnavailableError):
        tight.check(2 * CASE_VOXELS, case_id="a")


def test_a_gpu_has_a_plan_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda device: 20 * GIB)
    plan = plan_memory(torch.device("cuda", 1), limit_gib=None, requests=9)
    assert plan.device == "cuda:1"
    assert plan.total == 14 * GIB
    assert plan.cases < plan_memory(CPU, limit_gib=None, requests=9).cases, "results lie in the main memory"
