"""MLflow: opened late, kept quiet, and no telemetry. Importing it takes seconds, so nothing here does that before it is needed."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gliolabel.errors import GlioLabelError, UnavailableError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SQLITE = "sqlite:///"


def open_client(uri: str) -> MlflowClient:
    """A client of the MLflow behind a URI: a database (``sqlite:///FILE``, ``postgresql://...``) or a server (``https://...``).

    A sqlite file that does not exist is made whole or not at all: MLflow fills it in dozens of steps, and one that was stopped half-way
    could not be opened again.
    """
    # MLflow would else report its use to its makers.
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    # A server that is down is to be reported within seconds, not minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    from mlflow import MlflowClient

    # After the import, which sets a level of its own.
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if uri.startswith(_SQLITE):
        _make_sqlite(Path(uri.removeprefix(_SQLITE)))
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def experiment_at(client: MlflowClient, name: str, place: str) -> str:
    """Id of the experiment whose files go to a place, made if there is none.

    By place, not by name: in a folder that was moved or copied, the old experiment's files would go to the old folder.

    Args:
        client: the client.
        name: of a new experiment; the time is added when it is taken.
        place: URI of a folder.
    """
    found = [experiment for experiment in client.search_experiments() if experiment.artifact_location == place]
    if found:
        return str(found[0].experiment_id)
    taken = client.get_experiment_by_name(name) is not None
    return str(client.create_experiment(f"{name} {time.strftime('%Y-%m-%d %H:%M:%S')}" if taken else name, artifact_location=place))


@contextmanager
def mlflow_errors(uri: str) -> Iterator[None]:
    """Turns what MLflow and what lies below it raise into one error for a person.

    Raises:
        UnavailableError: in place of theirs.
    """
    try:
        yield
    except GlioLabelError:
        raise
    except Exception as error:  # MlflowException, SQLAlchemyError, requests' and the system's own: no common base
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnavailableError(
            f"The model registry {without_password(uri)} cannot be used: {first}. Check that it is there, that the disk has room and that "
            "its version fits (`mlflow db upgrade URI` after an update of MLflow)."
        ) from error


def without_password(uri: str) -> str:
    """The URI as it may be shown."""
    parts = urlsplit(uri)
    return uri.replace(f":{parts.password}@", ":***@") if parts.password else uri


def _make_sqlite(path: Path) -> None:
    if path.exists():
        return
    from mlflow import MlflowClient

    path.parent.mkdir(parents=True, exist_ok=True)
    new, whole = path.with_name(path.name + ".new"), path.with_name(path.name + ".whole")
    new.unlink(missing_ok=True)
    MlflowClient(tracking_uri=f"{_SQLITE}{new}", registry_uri=f"{_SQLITE}{new}").search_registered_models(max_results=1)
    # A copy, since MLflow keeps the first one open.
    shutil.copyfile(new, whole)
    os.replace(whole, path)
    new.unlink()
