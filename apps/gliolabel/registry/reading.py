"""Which versions of each model there are, and which is served: what serving and every command read, without MLflow."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gliolabel.errors import InputError, UnavailableError, UnknownError
from gliolabel.recipes import ModelVersion
from gliolabel.registry.changing import Changing
from gliolabel.registry.index import Entry, Index, ModelIndex
from gliolabel.registry.place import Place, starter_folder
from gliolabel.state import StateFolder
from gliolabel.vocabulary import MODELS

if TYPE_CHECKING:
    from gliolabel.registry.record import Record


class Versions:
    """The reading half of :class:`~gliolabel.registry.Registry`, which see."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        state: StateFolder | None = None,
        uri: str | None = None,
        database: str | None = None,
    ) -> None:
        self._state = state
        self._folder = folder or starter_folder()
        self._loaded: dict[Path, tuple[tuple[int, int], ModelVersion]] = {}
        self._loading = threading.Lock()
        if state is not None:
            models = state.models.resolve()
            self._index, self._changing = Index(models), Changing(models)
            self._place = Place(models, uri=uri, weights=folder, database=database)
            self._folder = self._place.weights
        elif uri is not None:
            raise InputError(f"MLflow at {uri}: a state folder is needed with it. Name one: --conf state DIR, or gliolabel --state DIR.")

    def names(self) -> tuple[str, ...]:
        """Names of the models that have weights, the default model first."""
        found = {version.name for version in self._starters()} | set(self._models())
        return tuple(name for name in MODELS if name in found) + tuple(sorted(found - set(MODELS)))

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a model, oldest first.

        Raises:
            UnavailableError: there are no weights for it.
        """
        entries = self._models().get(name, ModelIndex()).versions
        known = {entry.version for entry in entries}
        starters = [v for v in self._starters() if v.name == name and v.version not in known]
        found = [self._registered(name, entry) for entry in entries] + sorted(starters, key=lambda v: natural(v.version))
        if not found:
            raise self._no_weights(name)
        return found

    def version(self, name: str, version: str) -> ModelVersion:
        """One version.

        Raises:
            UnknownError: there is none of that name.
            UnavailableError: there are no weights for the model, or the version's file is gone.
        """
        entry = self._models().get(name, ModelIndex()).entry(version)
        if entry is not None:
            return self._registered(name, entry)
        versions = {v.version: v for v in self.versions(name)}
        if version not in versions:
            raise UnknownError(f"model {name} has no version {version!r}; there are: {', '.join(versions)}")
        return versions[version]

    def champion(self, name: str) -> ModelVersion:
        """The version that is served: the one that was promoted last; in a fresh registry the newest.

        Raises:
            UnavailableError: there are no weights for it, or none of its versions was promoted.
        """
        model = self._models().get(name)
        if model is None:
            return self.versions(name)[-1]
        entry = model.entry(model.champion)
        if entry is None:
            raise UnavailableError(
                f"model {name} has no champion yet; promote one of {', '.join(e.version for e in model.versions)} "
                f"with `gliolabel models promote {name} VERSION`"
            )
        return self._registered(name, entry)

    def challenger(self, name: str) -> ModelVersion | None:
        """The version that was registered last and not promoted, if there is one."""
        entry = self.entry(name, self._models().get(name, ModelIndex()).challenger)
        return None if entry is None else self._registered(name, entry)

    def entry(self, name: str, version: str) -> Entry | None:
        """What is noted of a version beside its weights; None for a starter version that was not needed in MLflow yet."""
        return self._models().get(name, ModelIndex()).entry(version)

    def before(self, name: str) -> tuple[str, ...]:
        """The champions before the present one, oldest first: the way back."""
        return self._models().get(name, ModelIndex()).before

    def new_version_name(self, name: str) -> str:
        """A name for the next version that is trained here: ``site-1``, ``site-2``, and so on."""
        found = [re.fullmatch(r"site-(\d+)", entry.version) for entry in self._models().get(name, ModelIndex()).versions]
        return f"site-{max((int(match[1]) for match in found if match), default=0) + 1}"

    # --- helpers

    def _models(self) -> Mapping[str, ModelIndex]:
        return {} if self._state is None else self._index.read()

    def _starters(self) -> list[ModelVersion]:
        return [self._load(path) for path in sorted(self._folder.glob("*.safetensors"))]

    def _registered(self, name: str, entry: Entry) -> ModelVersion:
        path = self._here(entry)
        if not path.exists():
            raise UnavailableError(
                f"the weights of {name} {entry.version} are gone: {path}. Bring the file back from a backup, or go back to an earlier "
                f"version: gliolabel models rollback {name}"
            )
        return self._load(path)

    def _here(self, entry: Entry, record: Record | None = None) -> Path:
        """The version's file on this machine, fetched if MLflow keeps it elsewhere."""
        path = self._file(entry)
        if not path.exists() and self._place.keeps(path):
            (record or self._record()).fetch(entry.source, entry.sha256, path)
        return path

    def _record(self) -> Record:
        from gliolabel.registry.record import Record

        return Record(self._place.uri, self._place.artifacts)

    def _file(self, entry: Entry) -> Path:
        return self._index.folder / entry.file

    def _load(self, path: Path) -> ModelVersion:
        """Read again only when the file was replaced: the server asks every second."""
        status = path.stat()
        seen = (status.st_mtime_ns, status.st_ino)
        with self._loading:
            there = self._loaded.get(path)
            if there is None or there[0] != seen:
                there = self._loaded[path] = (seen, ModelVersion.load(path))
            return there[1]

    def _no_weights(self, name: str) -> UnavailableError:
        return UnavailableError(
            f"model {name!r} has no weights in {self._folder}; there are: {', '.join(self.names()) or 'none'}. "
            "Install the package with its weights, or train one with `gliolabel train`."
        )


def natural(version: str) -> list[tuple[int, int, str]]:
    """A sort key by which ``starter-10`` comes after ``starter-9``."""
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split(r"(\d+)", version)]
