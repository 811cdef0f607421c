"""The folder of a retraining: what lies where in it, and which retrainings there are."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gliolabel.errors import ConflictError, InputError, UnavailableError
from gliolabel.state import StateFolder
from gliolabel.state.files import replace_text
from gliolabel.training.retraining.job import Job, JobCase, JobFile, Outcome

_JOB = "job.json"
_OUTCOME = "outcome.json"


@dataclass(frozen=True)
class JobFolder:
    """The folder of one retraining.

    Args:
        path: the folder.
    """

    path: Path

    @property
    def run(self) -> Path:
        """Checkpoint and prepared cases; deleted when it is over."""
        return self.path / "run"

    @property
    def images(self) -> Path:
        """Images that would not be sure to be there until the end; deleted when it is over."""
        return self.path / "images"

    @property
    def weights(self) -> Path:
        """The version it made: there as soon as the training itself is done."""
        return self.path / "weights.safetensors"

    @property
    def verdict(self) -> Path:
        """The gate's page."""
        return self.path / "verdict"

    @property
    def criteria(self) -> Path:
        """The gate's criteria as they were when it began, if others than the package's own were given."""
        return self.path / "criteria.yaml"

    @property
    def progress(self) -> Path:
        """What it said, a JSON object in each line."""
        return self.path / "progress.jsonl"

    @property
    def log(self) -> Path:
        """What its process wrote for whoever mends it."""
        return self.path / "log.txt"

    def job(self) -> Job:
        """What it is made of.

        Raises:
            InputError: the file is missing or damaged.
        """
        path = self.path / _JOB
        try:
            return Job.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            words = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
            raise InputError(f"{path}: cannot be read as a retraining ({words}). Delete the folder; nothing else depends on it.") from error

    def write_job(self, job: Job) -> None:
        """Write down what it is made of, and keep the images that lie in the state folder's cache, which may be deleted at any time.

        Raises:
            UnavailableError: the disk is full, or the state folder cannot be written.
        """
        cache = StateFolder(job.state).cache.resolve()
        job = job.model_copy(update={"cases": tuple(self._keep(case, cache) for case in job.cases)})
        # File names of studies may name patients.
        replace_text(self.path / _JOB, job.model_dump_json(indent=1) + "\n", mode=0o600)

    def outcome(self) -> Outcome | None:
        """How it ended; None as long as it runs or can be continued."""
        try:
            return Outcome.model_validate_json((self.path / _OUTCOME).read_text(encoding="utf-8"))
        except (OSError, ValidationError):
            return None

    def end(self, outcome: Outcome) -> None:
        """Write down how it ended, and delete what only its continuation needs.

        Raises:
            UnavailableError: the disk is full, or the state folder cannot be written.
        """
        replace_text(self.path / _OUTCOME, outcome.model_dump_json(indent=1) + "\n")
        shutil.rmtree(self.run, ignore_errors=True)
        shutil.rmtree(self.images, ignore_errors=True)

    def note(self, entry: Mapping[str, Any]) -> None:
        """Add a line to :attr:`progress`. A full disk is not noticed here: whatever matters is written elsewhere, and says so."""
        with contextlib.suppress(OSError), self.progress.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(dict(entry)) + "\n")

    def noted(self) -> list[dict[str, Any]]:
        """The lines of :attr:`progress`; one that was cut off by a crash is left out."""
        try:
            lines = self.progress.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        found = []
        for line in lines:
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return [entry for entry in found if isinstance(entry, dict)]

    def _keep(self, case: JobCase, cache: Path) -> JobCase:
        """The case with links to those of its files that lie in ``cache``."""
        files = {name: self._kept(file) if file.path.is_relative_to(cache) else file for name, file in case.sequences.items()}
        return case.model_copy(update={"sequences": files})

    def _kept(self, file: JobFile) -> JobFile:
        target = self.images / file.path.name
        try:
            self.images.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                try:
                    os.link(file.path, target)
                except OSError:  # a file system without links
                    shutil.copyfile(file.path, target)
        except OSError as error:
            raise UnavailableError(f"{file.path.name} cannot be kept in {self.images} ({error.strerror or error}).") from error
        return JobFile(path=target, component=file.component)


def job_folders(state: StateFolder) -> list[JobFolder]:
    """The retrainings of a state folder, oldest first."""
    try:
        paths = sorted(path for path in state.trainings.iterdir() if (path / _JOB).is_file())
    except OSError:
        return []
    return [JobFolder(path) for path in paths]


@contextlib.contextmanager
def one_at_a_time(state: StateFolder) -> Iterator[None]:
    """The block is the only retraining of the state folder, whatever process it is in. A killed process gives it up.

    Raises:
        ConflictError: there is another one.
        UnavailableError: the state folder cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        state.trainings.mkdir(parents=True, exist_ok=True)
        lock = FileLock(state.trainings / "lock")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ConflictError(f"Another training is under way in {state.path}. Wait for it, or stop it first.") from error
    except OSError as error:
        raise UnavailableError(f"The state folder {state.path} cannot be written ({error.strerror or error}).") from error
    try:
        yield
    finally:
        lock.release()
