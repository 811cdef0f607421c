"""What disturbs the server: kills, spoiled files, a full disk, clock jumps. One after the other, in an order that the seed decides."""

from __future__ import annotations

import gzip
import os
import random
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.disks import fill
from tests.soak.clock import Clock
from tests.soak.keeper import Keeper
from tests.soak.ledger import Ledger
from tests.soak.site import Site
from tests.soak.trouble import BROKEN, Trouble

_DAY = 86400
#: How far the clock may jump (seconds).
_JUMPS = (-2 * _DAY, -3600, -40, 40, 3600, 3 * _DAY, 400 * _DAY)
_SEQUENCES = ("t1", "t1ce", "t2", "flair")


class Chaos(threading.Thread):
    """Disturbs until it is told to stop, then puts everything right.

    Args:
        site: whose files are spoiled.
        keeper: whose server and trainings are killed.
        ledger: is told of what never comes right again.
        trouble: is told what may be refused.
        clock: of the server, where it can be moved.
        disk: whether the state folder is a disk of its own, which can be filled.
        gap_s: seconds between two disturbances, on the average.
        seed: of the soak.
        stop: set when it is to end.
        say: is told what happens.
    """

    def __init__(
        self,
        *,
        site: Site,
        keeper: Keeper,
        ledger: Ledger,
        trouble: Trouble,
        clock: Clock | None,
        disk: bool,
        gap_s: float,
        seed: int,
        stop: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        super().__init__(name="chaos", daemon=True)
        self.site, self.keeper, self.ledger, self.trouble, self.clock = site, keeper, ledger, trouble, clock
        self.gap_s, self.stop, self.say = gap_s, stop, say
        self.chance = random.Random(f"{seed} chaos")
        self.done: Counter[str] = Counter()
        self._aside = site.folder / "aside"
        self._aside.mkdir()
        self._spoiled: list[str] = []
        self._kinds: list[Callable[[], str]] = [self.kill_server, self.kill_trainer, self.drop_files, self.spoil_case]
        self._kinds += [self.fill_disk] if disk else []
        self._kinds += [self.move_clock] if clock else []

    def run(self) -> None:
        try:
            bag: list[Callable[[], str]] = []
            while not self.stop.wait(self.chance.uniform(0.3, 1.7) * self.gap_s):
                if self.keeper.mend():
                    continue
                bag = bag or self.chance.sample(self._kinds, len(self._kinds))
                what = bag.pop()()
                if what:
                    self.done[what] += 1
                    self.say(what)
            self._put_right()
        except Exception as error:
            self.ledger.found(f"the disturbances ended: {error!r}")
            raise

    def kill_server(self) -> str:
        """Kill -9, and a new server."""
        self.keeper.kill()
        self.keeper.restart()
        return "server killed"

    def kill_trainer(self) -> str:
        """Kill -9 of the training, if there is one."""
        return "training killed" if self.keeper.kill_trainer() else ""

    def drop_files(self) -> str:
        """Cases come that cannot be read; or those that came before are taken away."""
        there = sorted(self.site.studies.glob(f"{BROKEN}*"))
        if there:
            for path in sorted((path for folder in there for path in folder.rglob("*")), reverse=True):
                path.unlink()
            for folder in there:
                folder.rmdir()
            return "corrupt files removed"
        for number, content in enumerate(self._rubbish()):
            folder = self.site.studies / f"{BROKEN}{number}"
            folder.mkdir()
            for sequence in _SEQUENCES:
                (folder / f"{folder.name}_{sequence}.nii.gz").write_bytes(content)
        return "corrupt files dropped"

    def spoil_case(self) -> str:
        """A volume of a case is cut off; or the one that was before is put back."""
        if self._spoiled:
            self._put_back()
            return "cut-off volume put back"
        case_id, sequence = self.chance.choice(self.site.case_ids), self.chance.choice(_SEQUENCES)
        path = self._volume(case_id, sequence)
        self.trouble.spoil(case_id)
        self._spoiled = [case_id, sequence]
        content = path.read_bytes()
        os.rename(path, self._aside / path.name)
        path.write_bytes(content[: self.chance.randrange(len(content))])
        return "volume cut off"

    def fill_disk(self) -> str:
        """The state folder's disk is full for some seconds; sometimes the server is killed meanwhile."""
        self.trouble.fill()
        filler = fill(self.site.state, leave=self.chance.choice((0, 0, 5000, 40000)))
        self.stop.wait(self.chance.uniform(2, 6))
        killed = self.chance.random() < 0.3
        if killed:
            self.keeper.kill()
        filler.unlink()
        self.trouble.free()
        if killed:
            self.keeper.restart()
        return "disk filled, server killed, disk freed" if killed else "disk filled and freed"

    def move_clock(self) -> str:
        """The clock jumps, by seconds or by days, back or forth."""
        assert self.clock is not None
        self.trouble.clock_jumped = True
        self.clock.set(self.chance.choice(_JUMPS))
        return "clock moved"

    def _put_right(self) -> None:
        self._put_back()
        if any(self.site.studies.glob(f"{BROKEN}*")):
            self.drop_files()
        if self.clock is not None:
            self.clock.set(0)
        self.keeper.mend()

    def _put_back(self) -> None:
        if self._spoiled:
            case_id, sequence = self._spoiled
            path = self._volume(case_id, sequence)
            os.replace(self._aside / path.name, path)
            self.trouble.mend(case_id)
            self._spoiled = []

    def _volume(self, case_id: str, sequence: str) -> Path:
        return self.site.studies / case_id / f"{case_id}_{sequence}.nii.gz"

    def _rubbish(self) -> list[bytes]:
        """Files that are none: empty, noise, cut off, and a packed text."""
        good = self._volume(self.site.case_ids[0], "t1").read_bytes()
        return [b"", self.chance.randbytes(5000), good[: self.chance.randrange(400, len(good))], gzip.compress(b"no image" * 100)]
