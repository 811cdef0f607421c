"""The record of a training: parameters, curves, the recipe and pictures, in an MLflow database inside the output folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from gliolabel.recipes import Recipe
from gliolabel.registry.mlflow_client import experiment_at, open_client

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient

_LOG = logging.getLogger(__name__)

#: Steps of which the mean training loss is one point of its curve.
STEPS_PER_POINT = 10
#: MLflow refuses longer values.
_LONGEST_VALUE = 6000

Status = Literal["FINISHED", "FAILED", "KILLED"]


def how_to_open(folder: Path) -> str:
    """The command that shows the record."""
    return f"mlflow ui --backend-store-uri sqlite:///{(folder / 'mlflow.db').resolve()}"


class Tracker:
    """Writes a training's record as it goes. Only the process that writes checkpoints has one that is ``enabled``.

    Everything lies in ``folder``: ``mlflow.db`` and ``artifacts/``. Nothing goes over the network. A record that cannot be written (a
    full disk, a locked database) is given up with a warning in the log: the training and its checkpoints are worth more.

    Args:
        folder: the output folder.
        recipe: what is trained.
        enabled: False: do nothing at all, and do not import MLflow.
        resume: go on with the folder's newest record, if it has one. Points that it has already are not written a second time.
    """

    def __init__(self, folder: Path, recipe: Recipe, *, enabled: bool = True, resume: bool = False) -> None:
        self.folder, self.recipe = folder, recipe
        self._client: MlflowClient | None = None
        self._run = ""
        self._last: dict[str, int] = {}
        self._recent: list[float] = []
        if enabled:
            self._try(lambda: self._open(resume=resume))

    @property
    def enabled(self) -> bool:
        """Whether a record is being written."""
        return self._client is not None

    def begin(self, parameters: Mapping[str, Any]) -> None:
        """Write the recipe, as a file and value by value, and what else there is to know: device, number of samples, versions."""
        values = {**dict(_flat(self.recipe.model_dump(mode="json", exclude={"variants"}))), **dict(_flat(parameters))}
        text = yaml.safe_dump(self.recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

        def write(client: MlflowClient) -> None:
            from mlflow.entities import Param

            # A value of a record is written once; those of a resumed training are there already.
            known = client.get_run(self._run).data.params
            new = [Param(name, value) for name, value in values.items() if name not in known]
            for start in range(0, len(new), 100):
                client.log_batch(self._run, params=new[start : start + 100])
            client.log_text(self._run, text, "recipe.yaml")

        self._write(write)

    def step(self, step: int, *, loss: float, learning_rate: float) -> None:
        """A training step; every :data:`STEPS_PER_POINT` make one point of the curves.

        Args:
            step: steps done so far, from 1.
            loss: of this step.
            learning_rate: of this step.
        """
        if not self.enabled:
            return
        self._recent.append(loss)
        if step % STEPS_PER_POINT == 0:
            self._points({"step_loss": sum(self._recent) / len(self._recent), "learning_rate": learning_rate}, at=step)
            self._recent.clear()

    def epoch(self, epoch: int, values: Mapping[str, float | None]) -> None:
        """The end of an epoch.

        Args:
            epoch: epochs done so far, from 1.
            values: by name, e.g. ``loss``, ``validation_loss``, ``score``; None is left out.
        """
        self._points({name: value for name, value in values.items() if value is not None}, at=epoch)

    def picture(self, figure: Figure, name: str) -> None:
        """A picture, as ``pictures/NAME.png``."""
        self._write(lambda client: client.log_figure(self._run, figure, f"pictures/{name}.png"))

    def file(self, path: Path) -> None:
        """A copy of a small file, e.g. ``split.json``."""
        self._write(lambda client: client.log_artifact(self._run, str(path)))

    def end(self, status: Status = "FINISHED") -> None:
        """Close the record. It can be resumed later."""
        self._write(lambda client: client.set_terminated(self._run, status))
        self._client = None

    def _open(self, *, resume: bool) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        client = open_client(f"sqlite:///{(self.folder / 'mlflow.db').resolve()}")
        experiment_id = experiment_at(client, self.recipe.name, (self.folder / "artifacts").resolve().as_uri())
        runs = client.search_runs([experiment_id], order_by=["attributes.start_time DESC"], max_results=1) if resume else []
        if runs:
            self._run = runs[0].info.run_id
            self._last = {name: client.get_metric_history(self._run, name)[-1].step for name in runs[0].data.metrics}
            client.update_run(self._run, status="RUNNING")
        else:
            self._run = client.create_run(experiment_id, run_name=self.folder.resolve().name).info.run_id
        self._client = client

    def _points(self, values: Mapping[str, float], *, at: int) -> None:
        def write(client: MlflowClient) -> None:
            from mlflow.entities import Metric

            now = int(time.time() * 1000)
            new = {name: value for name, value in values.items() if at > self._last.get(name, -1)}
            if new:
                client.log_batch(self._run, metrics=[Metric(name, float(value), now, at) for name, value in new.items()])
                self._last |= dict.fromkeys(new, at)

        self._write(write)

    def _write(self, write: Callable[[MlflowClient], object]) -> None:
        client = self._client
        if client is not None:
            self._try(lambda: write(client))

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:
            # Whatever MLflow, SQLAlchemy or the system raise: see the class.
            self._client = None
            _LOG.warning("the record in %s cannot be written any further (%s); the training goes on without", self.folder, error)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """``section.key`` and the value as text, as ``--set`` takes them."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)[:_LONGEST_VALUE]
