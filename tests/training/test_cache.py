"""The cache: everything is made once, memory has a limit, and a full disk or a killed process leaves nothing half done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gliolabel.errors import InputError, UnavailableError
from gliolabel.studies import open_studies
from gliolabel.training.cache import Cache
from gliolabel.training.cases import load_training_cases


class Maker:
    """Counts how often it is asked."""

    def __init__(self, value: int, size: int = 100) -> None:
        self.calls, self._value, self._size = 0, value, size

    def __call__(self) -> tuple[Tensor, ...]:
        self.calls += 1
        return torch.full((self._size,), float(self._value)), torch.tensor([True, False]), torch.zeros(0)


def test_what_fits_stays_in_memory_and_the_rest_goes_to_disk(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit_bytes=1000)
    makers = [Maker(number) for number in range(4)]
    for _ in range(2):
        for number, maker in enumerate(makers):
            values, flags, empty = cache.get(f"case {number}", maker)
            assert values.tolist() == [number] * 100
            assert flags.tolist() == [True, False]
            assert empty.shape == (0,)
    assert [maker.calls for maker in makers] == [1] * 4
    # 402 bytes each: two fit.
    assert cache.used_bytes == 804
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_entries_on_disk_outlive_the_run_and_are_not_written_through(tmp_path: Path) -> None:
    Cache(tmp_path, limit_bytes=0).get("a", Maker(7))
    again = Maker(8)
    tensor = Cache(tmp_path, limit_bytes=0).get("a", again)[0]
    assert again.calls == 0
    tensor[0] = 99
    assert Cache(tmp_path, limit_bytes=0).get("a", again)[0].tolist() == [7] * 100


def test_a_damaged_entry_is_made_anew(tmp_path: Path) -> None:
    Cache(tmp_path, limit_bytes=0).get("a", Maker(7))
    entry = next(tmp_path.iterdir())
    entry.write_bytes(entry.read_bytes()[:50])
    maker = Maker(7)
    assert Cache(tmp_path, limit_bytes=0).get("a", maker)[0].tolist() == [7] * 100
    assert maker.calls == 1


def test_by_default_memory_is_bounded_by_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        available = 4000

    monkeypatch.setattr("psutil.virtual_memory", Memory)
    assert Cache(tmp_path).limit_bytes == 2000


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(tensors: object, path: Path) -> None:
        Path(path).write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gliolabel.training.cache.save_file", full)
    maker = Maker(1, size=2**20)
    cache = Cache(tmp_path, limit_bytes=0)
    with pytest.raises(UnavailableError, match=r"No space left on device.*4 MiB are needed for one more case and \d+ MiB are free"):
        cache.get("a", maker)
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    assert cache.get("a", maker)[0][0] == 1


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    for shared in (False, True):
        with pytest.raises(UnavailableError, match="cannot be written"):
            Cache(tmp_path / "file" / "cache", limit_bytes=0, shared=shared).get("a", Maker(1))


def test_what_cannot_be_made_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    def broken() -> tuple[Tensor, ...]:
        raise InputError("case A, file x.nii: is truncated")

    with pytest.raises(InputError, match="case A"):
        cache.get("a", broken)
    assert cache.get("a", Maker(3))[0][0] == 3


#: Makes three entries slowly, and writes down which ones it made.
WORKER = """
import sys, time
from pathlib import Path
import torch
from gliolabel.training.cache import Cache

folder = Path(sys.argv[1])
cache = Cache(folder / "cache", shared=True)

def make(number):
    with (folder / "made").open("a") as file:
        file.write(f"{number}\\n")
    time.sleep(0.3)
    return (torch.tensor([number]),)

# The second process begins at the other end, so that each meets what the other is making or has made.
for number in range(3) if sys.argv[2] == "0" else range(2, -1, -1):
    assert cache.get(str(number), lambda: make(number))[0].item() == number
"""


def test_several_processes_make_each_entry_once(tmp_path: Path) -> None:
    workers = [subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path), str(rank)]) for rank in range(2)]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    assert sorted((tmp_path / "made").read_text().split()) == ["0", "1", "2"]


def test_product_cases_past_the_limit_are_the_same(phantom_folder: Path, tmp_path: Path) -> None:
    cases = list(open_studies(phantom_folder))[:1]
    plain = load_training_cases(cases)[0]
    mapped = load_training_cases(cases, cache=Cache(tmp_path, limit_bytes=0))[0]
    assert len(list(tmp_path.iterdir())) == 1
    for one, other in (
        (plain.prepared.image, mapped.prepared.image),
        (plain.prepared.brain, mapped.prepared.brain),
        (plain.label, mapped.label),
        (plain.tumour, mapped.tumour),
        (plain.inside, mapped.inside),
    ):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
