"""Figures for Prometheus: requests, seconds by stage, the queue, GPU memory, model versions, cases by state.

No figure names a case, a reader or an address.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

_LOG = logging.getLogger(__name__)
#: Upper ends of the classes of the histograms, in seconds: from an answer out of memory to a map on a slow machine.
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

#: A figure that is asked for when somebody looks: its values by the values of its labels.
Source = Callable[[], Mapping[tuple[str, ...], float]]


class Figures:
    """The figures of one server. Every server has its own, also two in one process.

    Example:
        >>> figures = Figures()
        >>> figures.request("GET", "/info/", 200, seconds=0.01)
        >>> b'gliolabel_requests_total{method="GET",route="/info/",status="200"} 1.0' in figures.text()
        True
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
            self._registry.register(collector)
        self._requests = Counter(
            "gliolabel_requests", "Answered requests.", labelnames=("method", "route", "status"), registry=self._registry
        )
        self._request_seconds = Histogram(
            "gliolabel_request_seconds",
            "Seconds from a request to its answer.",
            labelnames=("method", "route"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._stage_seconds = Histogram(
            "gliolabel_stage_seconds",
            "Seconds of the parts of a segmentation: read, prepare, network, restore, maps, write, total.",
            labelnames=("model", "stage"),
            buckets=_SECONDS,
            registry=self._registry,
        )

    def request(self, method: str, route: str, status: int, *, seconds: float) -> None:
        """Count an answered request.

        Args:
            method: ``GET``, ...
            route: its pattern, such as ``/infer/{model}``; never the address itself, which names cases.
            status: of the answer.
            seconds: until the answer was sent.
        """
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    def stages(self, model: str, seconds: Mapping[str, float]) -> None:
        """Count a segmentation, by the seconds of its stages."""
        for stage, value in seconds.items():
            self._stage_seconds.labels(model, stage).observe(value)

    def ask(self, name: str, meaning: str, *, labels: Iterable[str], source: Source) -> None:
        """Add a figure whose values are asked for whenever somebody looks.

        Args:
            name: with the unit at its end.
            meaning: one sentence.
            labels: their names.
            source: gives the values. If it fails, the figure is left out that time.
        """
        self._registry.register(_Asked(name, meaning, tuple(labels), source))

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)


class _Asked:
    """A collector of one figure."""

    def __init__(self, name: str, meaning: str, labels: tuple[str, ...], source: Source) -> None:
        self._name, self._meaning, self._labels, self._source = name, meaning, labels, source
        self._failing = False

    def describe(self) -> list[Metric]:
        """Nothing is asked for when the figure is added."""
        return [GaugeMetricFamily(self._name, self._meaning, labels=self._labels)]

    def collect(self) -> list[Metric]:
        """The figure now."""
        family = GaugeMetricFamily(self._name, self._meaning, labels=self._labels)
        try:
            values = self._source()
        except Exception as error:  # one source that is away (the database, say) must not hide the others
            if not self._failing:  # said once, and not every few seconds
                _LOG.warning("the figure %s cannot be told: %s", self._name, error)
            self._failing = True
            return []
        self._failing = False
        for labels, value in values.items():
            family.add_metric(labels, value)
        return [family]
