"""Clients that load a server, and a reader beside them whose short requests are timed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gliolabel.errors import UnavailableError

#: The short requests of a reader's work, in turn.
SHORT: Final = ("info", "next sample", "submit")
#: What the plugin asks of every result.
_PLUGIN: Final = {"result_extension": ".nrrd", "result_dtype": "uint8"}
#: Seconds between two of them: a reader does other things as well.
_REST_S: Final = 0.05
_TIMEOUT_S: Final = 600.0


@dataclass
class Times:
    """Seconds by request, and how often a request was told to come back later.

    Args:
        seconds: by request, from the first try to the answer.
        refused: answers 503.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    refused: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, request: str, seconds: float) -> None:
        """One request."""
        with self._lock:
            self.seconds.setdefault(request, []).append(seconds)

    def table(self) -> dict[str, dict[str, float]]:
        """Milliseconds by request: ``p50``, ``p95``, ``p99``, ``worst``, and the ``count``."""
        import numpy as np

        found = {}
        for request, seconds in self.seconds.items():
            p50, p95, p99, worst = (1000 * float(value) for value in np.percentile(seconds, [50, 95, 99, 100]))
            found[request] = {"count": len(seconds), "p50": p50, "p95": p95, "p99": p99, "worst": worst}
        return found


@dataclass(frozen=True)
class Target:
    """A server under load.

    Args:
        address: its URL.
        cases: ids of its cases.
        model: name of the segmentation task.
        strategy: of Next Sample.
        label: the file that is submitted, gzipped NIfTI.
    """

    address: str
    cases: Sequence[str]
    model: str
    strategy: str
    label: bytes

    def compute(self, task: str, number: int, params: Mapping[str, Any], times: Times, *, request: str) -> None:
        """Ask for a mask or a map, as often as the server says to come back, and note how long that took in all.

        Raises:
            UnavailableError: the server refused it for good.
        """
        import requests

        began = time.perf_counter()
        while True:
            answer = requests.post(
                f"{self.address}/infer/{task}",
                params={"image": self.cases[number % len(self.cases)]},
                data={"params": json.dumps({**_PLUGIN, **params})},
                timeout=_TIMEOUT_S,
            )
            if answer.status_code != 503 or "Retry-After" not in answer.headers:
                break
            times.refused += 1
            time.sleep(float(answer.headers["Retry-After"]))
        if not answer.ok:
            raise UnavailableError(f"The server answered {request!r} with {answer.status_code}: {answer.text[:300]}")
        times.note(request, time.perf_counter() - began)

    def short(self, request: str, number: int) -> None:
        """One short request, on a connection of its own as the plugin's client makes it.

        Raises:
            UnavailableError: the server refused it.
        """
        import requests

        reader = {"client_id": f"prober-{number % 3}"}
        if request == "info":
            answer = requests.get(f"{self.address}/info/", timeout=_TIMEOUT_S)
        elif request == "next sample":
            answer = requests.post(f"{self.address}/activelearning/{self.strategy}", json=reader, timeout=_TIMEOUT_S)
        else:
            answer = requests.put(
                f"{self.address}/datastore/label",
                params={"image": self.cases[number % len(self.cases)]},
                data={"params": json.dumps(reader)},
                files={"label": ("label.nii.gz", self.label)},
                timeout=_TIMEOUT_S,
            )
        if not answer.ok:
            raise UnavailableError(f"The server answered {request!r} with {answer.status_code}: {answer.text[:300]}")


def run_load(target: Target, *, clients: int, masks: int) -> dict[str, Any]:
    """So many clients share so many masks, each asking for one after the other; beside them somebody sends short requests.

    Args:
        target: the server.
        clients: how many.
        masks: in all.

    Returns:
        ``clients``, ``masks``, ``seconds`` for all masks, ``masks_per_minute``, ``refused`` and ``ms`` by request (:meth:`Times.table`).

    Raises:
        UnavailableError: the server refused something for good.
    """
    times, numbers = Times(), iter(range(masks))
    taking = threading.Lock()

    def client(name: int) -> None:
        while True:
            with taking:
                number = next(numbers, None)
            if number is None:
                return
            target.compute(target.model, number, {"client_id": f"client-{name}", "passes": 0}, times, request="mask")

    seconds = _beside(target, [lambda name=name: client(name) for name in range(clients)], times)  # type: ignore[misc]
    table = times.table()
    return {
        "clients": clients,
        "masks": masks,
        "seconds": seconds,
        "masks_per_minute": 60 * masks / seconds,
        "refused": times.refused,
        "ms": table,
    }


def run_busy(target: Target, *, seconds: float) -> dict[str, Any]:
    """One reader asks for masks and one for maps without end, for so long; beside them somebody sends short requests.

    Returns:
        ``seconds`` and ``ms`` by request.

    Raises:
        UnavailableError: the server refused something.
    """
    times, end = Times(), time.monotonic() + seconds

    def masks() -> None:
        number = 0
        while time.monotonic() < end:
            target.compute(target.model, number, {"client_id": "ann", "passes": 0}, times, request="mask")
            number += 1

    def maps() -> None:
        number = 0
        while time.monotonic() < end:
            target.compute("uncertainty", number, {"client_id": "ben", "of": target.model, "seed": number}, times, request="map")
            number += 1

    took = _beside(target, [masks, maps], times)
    return {"seconds": took, "ms": times.table()}


def _beside(target: Target, work: Sequence[Callable[[], None]], times: Times) -> float:
    """Do all this work at once while short requests are sent, each with its own connection. Returns the seconds the work took."""
    errors: list[Exception] = []
    over = threading.Event()

    def guarded(function: Callable[[], None]) -> None:
        try:
            function()
        except Exception as error:  # told in the main thread, once
            errors.append(error)
            over.set()

    def probe() -> None:
        number = 0
        while not over.is_set():
            request = SHORT[number % len(SHORT)]
            began = time.perf_counter()
            target.short(request, number)
            times.note(request, time.perf_counter() - began)
            number += 1
            over.wait(_REST_S)

    began = time.perf_counter()
    workers = [threading.Thread(target=guarded, args=(function,)) for function in work]
    prober = threading.Thread(target=guarded, args=(probe,))
    for thread in (*workers, prober):
        thread.start()
    for thread in workers:
        thread.join()
    seconds = time.perf_counter() - began
    over.set()
    prober.join()
    if errors:
        raise errors[0]
    return seconds
