"""The record of all versions, in MLflow's model registry. It is the truth: which versions there are, and which is the champion."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import yaml

from gliolabel.errors import ConflictError, UnavailableError
from gliolabel.recipes import ModelVersion
from gliolabel.registry.mlflow_client import experiment_at, mlflow_errors, open_client, without_password
from gliolabel.state.files import file_sha256

if TYPE_CHECKING:
    from mlflow.entities import Run

#: MLflow's aliases.
CHAMPION, CHALLENGER = "champion", "challenger"
#: Marks what is ours in an MLflow that others use too.
_OURS = "gliolabel"
#: The tag with the champions so far.
_CHAMPIONS = "gliolabel.champions"
_EXPERIMENT = "gliolabel models"
#: Champions that are remembered for going back.
_REMEMBERED = 100


@dataclass(frozen=True)
class RecordedVersion:
    """A version as MLflow holds it; see :class:`~gliolabel.registry.index.Entry` for what the names mean."""

    version: str
    number: int
    sha256: str
    source: str
    run_id: str
    created: str
    parent: str
    decision: str
    judged_against: str


@dataclass(frozen=True)
class RecordedModel:
    """A model as MLflow holds it: numbers of versions, and the versions, oldest first."""

    champion: int | None
    challenger: int | None
    before: tuple[int, ...]
    versions: tuple[RecordedVersion, ...]

    def by_name(self, version: str) -> RecordedVersion | None:
        """The version of that name."""
        return next((v for v in self.versions if v.version == version), None)

    def by_number(self, number: int | None) -> RecordedVersion | None:
        """The version of that number."""
        return next((v for v in self.versions if v.number == number), None)


class Record:
    """MLflow's side of the registry.

    Args:
        uri: of MLflow.
        artifacts: folder for files when the URI is a database; a server has a place of its own.

    Raises:
        UnavailableError: MLflow cannot be used. Every method raises it too.
    """

    def __init__(self, uri: str, artifacts: Path) -> None:
        self.uri = uri
        self._artifacts = artifacts
        with mlflow_errors(uri):
            self._client = open_client(uri)

    # --- reading

    def models(self) -> dict[str, RecordedModel]:
        """All models of ours, by name."""
        with mlflow_errors(self.uri):
            found = [model for model in self._client.search_registered_models(max_results=1000) if _OURS in model.tags]
            return {model.name: self._model(model) for model in found}

    def details(self, version: RecordedVersion) -> dict[str, Any]:
        """What else is known: ``metrics``, ``parameters``, ``manifest``, ``verdict`` (None without one)."""
        with mlflow_errors(self.uri):
            data = self._client.get_run(version.run_id).data
            verdict = data.tags.get("gliolabel.verdict")
            return {
                "metrics": dict(data.metrics),
                "parameters": dict(data.params),
                "manifest": json.loads(self._text(version.run_id, "manifest.json")),
                "verdict": json.loads(self._text(version.run_id, verdict)) if verdict else None,
                "verdict_page": self.place(f"{self._root(version.run_id)}/{Path(verdict).parent.as_posix()}") if verdict else None,
                "run": version.run_id,
            }

    def _text(self, run_id: str, path: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            return Path(self._client.download_artifacts(run_id, path, folder)).read_text(encoding="utf-8")

    def _root(self, run_id: str) -> str:
        return str(self._client.get_run(run_id).info.artifact_uri)

    def place(self, source: str) -> str:
        """A local path for a file's URI on this machine, else the URI."""
        path = self.local(source)
        return str(path) if path is not None else without_password(source)

    def local(self, source: str) -> Path | None:
        """Where a file lies if MLflow keeps it on this machine, also after the state folder was moved; else None."""
        parts = urlsplit(source)
        if parts.scheme not in ("", "file"):
            return None
        path = Path(url2pathname(parts.path))
        if path.exists():
            return path
        parents = [parent for parent in path.parents if parent.parts[-2:] == self._artifacts.parts[-2:]]
        return self._artifacts / path.relative_to(parents[0]) if parents else path

    def fetch(self, source: str, sha256: str, target: Path) -> None:
        """Bring a weights file that MLflow keeps elsewhere to this machine, checked.

        Raises:
            UnavailableError: it cannot be had, or is not the file that was registered.
        """
        from mlflow.artifacts import download_artifacts

        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            with mlflow_errors(self.uri):
                got = Path(download_artifacts(artifact_uri=source, dst_path=folder, tracking_uri=self.uri))
            if file_sha256(got) != sha256:
                raise UnavailableError(
                    f"{without_password(source)} is not the file that was registered: its SHA-256 differs. It is not used."
                )
            os.replace(got, target)

    # --- writing. Only by one process of a state folder at a time.

    def make_model(self, name: str) -> None:
        """See that a model exists.

        Raises:
            ConflictError: MLflow has a model of that name that is not ours.
        """
        with mlflow_errors(self.uri):
            there = {model.name: model for model in self._client.search_registered_models(max_results=1000)}
            if name in there and _OURS not in there[name].tags:
                raise ConflictError(
                    f"MLflow at {without_password(self.uri)} has a registered model {name!r} that GlioLabel did not make. "
                    "Rename it there, or use another MLflow."
                )
            if name not in there:
                self._client.create_registered_model(name, tags={_OURS: "1"})

    def add(
        self,
        version: ModelVersion,
        *,
        parent: str,
        manifest: Mapping[str, Any],
        seed: int | None,
        metrics: Mapping[str, float],
        actor: str,
    ) -> int:
        """Store a version with all its files, and return its number. May be repeated after it was interrupted."""
        sha256 = version.sha256()
        with mlflow_errors(self.uri):
            run = self._run(version)
            run_id, root = run.info.run_id, str(run.info.artifact_uri)
            self._client.log_artifact(run_id, str(version.path), "weights")
            self._client.log_dict(run_id, dict(manifest), "manifest.json")
            if version.calibration is not None:
                self._client.log_dict(run_id, dict(version.calibration), "calibration.json")
            recipe = version.recipe.model_dump(mode="json")
            self._client.log_text(run_id, yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True), "recipe.yaml")
            parameters = {
                "seed": seed,
                "parent": parent or None,
                "actor": actor,
                "recipe": version.recipe.name,
                "code_version": version.metadata.get("code_version"),
                "steps": version.metadata.get("steps"),
            }
            for key, value in parameters.items():
                if value is not None and key not in run.data.params:
                    self._client.log_param(run_id, key, value)
            for key, number in metrics.items():
                self._client.log_metric(run_id, key, float(number))
            source = f"{root}/weights/{version.path.name}"
            self._check(source, sha256)
            known = {"version": version.version, "sha256": sha256, "parent": parent, "actor": actor, "run": run_id}
            tags = {f"gliolabel.{key}": value for key, value in known.items()}
            made = self._client.create_model_version(version.name, source=source, run_id=run_id, tags=tags)
            self._client.set_terminated(run_id, "FINISHED")
        return int(made.version)

    def decide(self, name: str, version: RecordedVersion, *, verdict: Mapping[str, Any], files: Path | None, against: str) -> None:
        """Attach a decision of the gate. Earlier ones stay beside it."""
        with mlflow_errors(self.uri):
            place = f"decision/{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
            if files is not None:
                self._client.log_artifacts(version.run_id, str(files), place)
            self._client.log_dict(version.run_id, dict(verdict), f"{place}/verdict.json")
            self._client.set_tag(version.run_id, "gliolabel.verdict", f"{place}/verdict.json")
            number = str(version.number)
            # The decision last: without it the version has none.
            self._client.set_model_version_tag(name, number, "gliolabel.judged_against", against)
            self._client.set_model_version_tag(name, number, "gliolabel.decision", str(verdict["decision"]))

    def set_challenger(self, name: str, number: int | None) -> None:
        """Set the alias, or take it away."""
        with mlflow_errors(self.uri):
            if number is None:
                self._client.delete_registered_model_alias(name, CHALLENGER)
            else:
                self._client.set_registered_model_alias(name, CHALLENGER, str(number))

    def set_champion(self, name: str, number: int, *, champions: Sequence[int], before: Sequence[int]) -> None:
        """Set the alias: the moment from which another version is the champion.

        Args:
            name: the model.
            number: of the version.
            champions: the champions so far, oldest first, with this one at the end.
            before: the same before this.
        """
        # The list first, old and new: which of them holds is told by the alias, whenever this is interrupted.
        lists = {"now": list(champions)[-_REMEMBERED:], "before": list(before)[-_REMEMBERED:]}
        with mlflow_errors(self.uri):
            self._client.set_registered_model_tag(name, _CHAMPIONS, json.dumps(lists))
            self._client.set_registered_model_alias(name, CHAMPION, str(number))

    # --- helpers

    def _model(self, model: Any) -> RecordedModel:
        escaped = model.name.replace("'", "\\'")
        found = self._client.search_model_versions(f"name = '{escaped}'")
        versions = sorted((_version(v) for v in found if "gliolabel.version" in v.tags), key=lambda v: v.number)
        numbers = {alias: int(number) for alias, number in model.aliases.items()}
        champion = numbers.get(CHAMPION)
        lists = json.loads(model.tags.get(_CHAMPIONS, "{}"))
        return RecordedModel(champion, numbers.get(CHALLENGER), champions_before(lists, champion), tuple(versions))

    def _run(self, version: ModelVersion) -> Run:
        """The run that holds a version's files: a new one, or the one that an interrupted registration left."""
        if urlsplit(self.uri).scheme in ("http", "https"):
            there = self._client.get_experiment_by_name(_EXPERIMENT)
            experiment = there.experiment_id if there is not None else self._client.create_experiment(_EXPERIMENT)
        else:
            experiment = experiment_at(self._client, _EXPERIMENT, self._artifacts.resolve().as_uri())
        mark = f"{version.name}/{version.version}/{version.sha256()}"
        left = self._client.search_runs([experiment], f"tags.`gliolabel.of` = '{mark}'", max_results=1)
        if left:
            return left[0]
        return self._client.create_run(experiment, run_name=f"{version.name} {version.version}", tags={"gliolabel.of": mark})

    def _check(self, source: str, sha256: str) -> None:
        """The file is what was given, and on the disk: a row that names it is committed next."""
        path = self.local(source)
        if path is None:
            return
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
        if file_sha256(path) != sha256:
            raise UnavailableError(f"{path} was written and does not hold what was given. Check the disk, then register again.")


def champions_before(lists: Mapping[str, Sequence[int]], champion: int | None) -> tuple[int, ...]:
    """The champions before the present one, oldest first, from a list that may be of an interrupted or of no operation of ours.

    >>> champions_before({"now": [1, 2], "before": [1]}, 2)
    (1,)
    >>> champions_before({"now": [1, 2], "before": [1]}, 1)  # interrupted before the alias was set
    ()
    >>> champions_before({"now": [1, 2], "before": [1]}, 3)  # the alias was set by hand
    (1, 2)
    """
    now, before = list(lists.get("now", ())), list(lists.get("before", ()))
    for champions in (now, before):
        if champions and champions[-1] == champion:
            return tuple(champions[:-1])
    return tuple(now)


def _version(found: Any) -> RecordedVersion:
    tags = {key.removeprefix("gliolabel."): value for key, value in found.tags.items()}
    return RecordedVersion(
        version=tags["version"],
        number=int(found.version),
        sha256=tags["sha256"],
        source=found.source,
        run_id=tags["run"],
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC).isoformat(timespec="seconds"),
        parent=tags.get("parent", ""),
        decision=tags.get("decision", ""),
        judged_against=tags.get("judged_against", ""),
    )
