"""``gliolabel benchmark --scale``: how long a server's answers take with many cases, and its memory."""

from __future__ import annotations

import os
import random
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from gliolabel.cli.app_folder import find_app_folder
from gliolabel.cli.server_process import ServerProcess
from gliolabel.errors import UnavailableError
from gliolabel.phantoms import make_phantom, write_phantom_case
from gliolabel.recipes import ModelVersion
from gliolabel.state import Database, StateFolder
from gliolabel.state.tables import CaseRow, LabelRow, MapRow, ScoreRow
from gliolabel.studies.writing import write_volume
from gliolabel.vocabulary import REGIONS, SEQUENCES

#: Voxels of the one small case that all cases are links to.
_SHAPE: Final = (16, 24, 24)
#: One case in so many is completed when the server starts, and one in so many has a map.
_COMPLETED_EVERY: Final = 10
#: The four requests that a reader's work consists of.
REQUESTS: Final = ("next sample", "list", "submit", "info")
_TIMEOUT_S: Final = 120.0


def measure_scale(cases: int, *, rounds: int, version: ModelVersion | None) -> dict[str, Any]:
    """Make a study folder of so many cases, start a server on it, and work like a reader: next sample, list, submit, info, and again.

    Args:
        cases: how many cases.
        rounds: how often.
        version: the model version whose scores the cases have.

    Returns:
        ``cases``, ``completed``, ``start_s`` until the first answer, ``memory_mib`` at the end, ``list_mib``; ``first_ms``, ``median_ms``
        and ``worst_ms`` by request. The first of each is not among the others.

    Raises:
        UnavailableError: the server did not start, or refused a request.
    """
    app = find_app_folder()
    if app is None:
        raise UnavailableError("The MONAI Label app folder brain_tumor was not found. Install GlioLabel again.")
    with tempfile.TemporaryDirectory(prefix="gliolabel-scale-") as name:
        folder = Path(name)
        ids = write_many(folder / "studies", cases=cases)
        completed = remember(StateFolder(folder / "state").create(), ids, version=version)
        label = folder / "label.nii.gz"
        phantom = make_phantom(shape=_SHAPE, seed=(0, 0))
        write_volume(phantom.labels, phantom.grid, label)
        began = time.perf_counter()
        with (
            without_scoring(),
            ServerProcess(
                app=app, studies=folder / "studies", state=folder / "state", host="127.0.0.1", port=free_port(), log=folder / "server.log"
            ) as server,
        ):
            server.wait_until_ready()
            start = time.perf_counter() - began
            times, list_bytes = _work(server.address, label, rounds=rounds + 1)
            memory = server.memory_mib()
    return {
        "cases": cases,
        "completed": completed,
        "start_s": start,
        "memory_mib": memory,
        "list_mib": list_bytes / 2**20,
        "first_ms": {request: values[0] for request, values in times.items()},
        "median_ms": {request: median(values[1:]) for request, values in times.items()},
        "worst_ms": {request: max(values[1:]) for request, values in times.items()},
    }


def write_many(folder: Path, *, cases: int) -> list[str]:
    """A study folder of many cases, each of four sequences that are links to one small synthetic case.

    Returns:
        The case ids.
    """
    source = folder.parent / "one"
    write_phantom_case(make_phantom(shape=_SHAPE, seed=(0, 0)), source, name="one", labels=False)
    ids = [f"Case_{number:05d}" for number in range(cases)]
    for case_id in ids:
        here = folder / case_id
        here.mkdir(parents=True)
        for sequence in SEQUENCES:
            target = here / f"{case_id}_{sequence}.nii.gz"
            try:
                os.link(source / f"one_{sequence}.nii.gz", target)
            except OSError:  # a file system without links
                target.write_bytes((source / f"one_{sequence}.nii.gz").read_bytes())
    return ids


def remember(folder: StateFolder, ids: Sequence[str], *, version: ModelVersion | None) -> int:
    """Fill a state folder as it is after months: every case was offered and scored, every tenth is completed and has a map.

    Args:
        folder: where.
        ids: the cases.
        version: whose scores they are; None: no scores.

    Returns:
        How many are completed.
    """
    generator = random.Random(0)
    database = Database(folder)
    name, number = (version.name, version.version) if version is not None else ("", "")
    done = ids[::_COMPLETED_EVERY]
    # Names of label files that are not there: nothing here asks for them.
    info = {"volumes_ml": dict.fromkeys(REGIONS, 12.3), "client_id": "user-xyz", "label_info": [{"name": "necrosis", "idx": 1}]}
    with database.writing() as session:
        for case_id in ids:
            offered = {"most_uncertain": {"ts": 1.0, "client_id": "user-xyz"}}
            session.add(CaseRow(case_id=case_id, info={"strategy": offered}))
            if version is not None:
                row = ScoreRow(case_id=case_id, model=name, version=number, passes=20, seed=0, scores=_scores(generator))
                session.add(row)
        for case_id in done:
            session.add(LabelRow(case_id=case_id, tag="final", version=1, author="user-xyz", path=f"labels/{case_id}.nii.gz", info=info))
            session.add(
                MapRow(
                    case_id=case_id,
                    model=name,
                    version=number,
                    passes=20,
                    seed=0,
                    current=True,
                    paths={"std": f"maps/{case_id}.nii.gz"},
                    scores=_scores(generator),
                )
            )
    database.close()
    return len(done)


def _scores(generator: random.Random) -> dict[str, Any]:
    def one() -> dict[str, float]:
        volume = generator.uniform(0, 90)
        agreement = generator.uniform(0.2, 1)
        return {"band_mean": 0.1, "volume_cv": 0.1, "pairwise_dice": agreement, "volume_ml_p05": volume, "volume_ml_p95": volume + 4}

    return {region: one() for region in REGIONS}


def _work(address: str, label: Path, *, rounds: int) -> tuple[Mapping[str, list[float]], int]:
    """Work like a reader. Returns milliseconds by request, and the size of the list in bytes."""
    import requests

    times: dict[str, list[float]] = {request: [] for request in REQUESTS}
    content = label.read_bytes()
    size = 0

    def timed(name: str, send: Callable[[], requests.Response]) -> requests.Response:
        begin = time.perf_counter()
        answer = send()  # a connection of its own, as the plugin's client makes it
        times[name].append(1000 * (time.perf_counter() - begin))
        if not answer.ok:
            raise UnavailableError(f"The server answered {name!r} with {answer.status_code}: {answer.text[:300]}")
        return answer

    for number in range(rounds):
        reader = {"client_id": f"reader-{number % 3}"}
        sample = timed(
            "next sample",
            lambda reader=reader: requests.post(f"{address}/activelearning/most_uncertain", json=reader, timeout=_TIMEOUT_S),  # type: ignore[misc]
        ).json()
        if not sample:
            raise UnavailableError("There are fewer cases than rounds: ask for more cases or fewer rounds.")
        size = len(timed("list", lambda: requests.get(f"{address}/datastore/?output=all", timeout=_TIMEOUT_S)).content)
        timed(
            "submit",
            lambda sample=sample: requests.put(  # type: ignore[misc]
                f"{address}/datastore/label",
                params={"image": sample["id"]},
                files={"label": ("label.nii.gz", content)},
                timeout=_TIMEOUT_S,
            ),
        )
        timed("info", lambda: requests.get(f"{address}/info/", timeout=_TIMEOUT_S))
    return times, size


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def without_scoring() -> Iterator[None]:
    """What is measured is the answers, not a network in the background."""
    name = "MONAI_LABEL_AUTO_UPDATE_SCORING"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
