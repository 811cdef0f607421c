"""Registering, judging, promoting versions and going back, in line with MLflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from gliolabel.errors import ConflictError, InputError, UnavailableError, UnknownError
from gliolabel.recipes import ModelVersion
from gliolabel.registry.changing import Change, note
from gliolabel.registry.following import indexed
from gliolabel.registry.reading import Versions, natural
from gliolabel.state import Database
from gliolabel.state.audit import AuditLog
from gliolabel.state.files import file_sha256

if TYPE_CHECKING:
    from gliolabel.registry.record import Record, RecordedModel, RecordedVersion

#: What the gate may decide.
DECISIONS = ("promote", "refuse", "unproven")
#: The decision that lets a version be promoted.
ALLOWS = "promote"
#: Who registers the starter versions.
_GLIOLABEL = "gliolabel"
#: How long another process may take to change the models (seconds).
_PATIENCE_S = 300


class Registry(Versions):
    """The model versions that there are.

    A fresh registry holds the starter versions. With a state folder, more can be registered, promoted and rolled back: MLflow holds the
    record and says by its alias which version is the champion, and ``models/served.json`` in the state folder holds what serving needs
    of it. Reading needs that file alone. It is written right after MLflow; a process that is killed in between leaves the older champion
    served, and the next operation brings the two in line.

    Safe to use from several threads and processes.

    Args:
        folder: folder of the starter versions' weights files ``<name>*.safetensors``. By default the one that the state folder was used
            with last, at first the package's own.
        state: the state folder; without one there are the starter versions alone, the newest of them the champion.
        uri: MLflow: a database (``sqlite:///FILE``, ``postgresql://...``) or a server (``https://...``). By default the one that the
            state folder was used with last, at first sqlite in the state folder.
        database: the database with the audit log, as an SQLAlchemy URI; empty for the state folder's own; by default the one that was used
            with last.

    Raises:
        UnavailableError: the state folder cannot be written (with ``uri``).
    """

    # --- with MLflow

    def details(self, name: str, version: str) -> dict[str, Any]:
        """The rest of what MLflow holds of a version: ``metrics``, ``parameters``, ``manifest``, ``verdict``, ``verdict_page``, ``run``.

        Nothing for a starter version that was not needed in MLflow yet.

        Raises:
            UnknownError: there is no such version.
            UnavailableError: MLflow cannot be used.
        """
        self.version(name, version)
        if self.entry(name, version) is None:
            return {}
        record = self._record()
        recorded = record.models()[name].by_name(version)
        return {} if recorded is None else record.details(recorded)

    @contextmanager
    def audit(self) -> Iterator[AuditLog]:
        """The log of promotions and rollbacks, and of all else that was done with this state folder.

        Raises:
            InputError: there is no state folder.
            UnavailableError: its database cannot be opened.
        """
        with self.database() as database:
            yield AuditLog(database)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The database of the state folder, wherever it lies: the audit log, the roles of cases. Raises as :meth:`audit`."""
        if self._state is None:
            raise InputError("There is no state folder, so there is no audit log and no case has a role. Name one: gliolabel --state DIR.")
        database = Database(self._state.create(), uri=self._place.audit_database)
        try:
            yield database
        finally:
            database.close()

    def catch_up(self) -> None:
        """Bring ``served.json`` in line with MLflow, if an operation was interrupted, or MLflow was or may have been changed by others.

        Raises:
            UnavailableError: MLflow or the state folder cannot be used.
            ConflictError: MLflow does not know what is served here.
        """
        if self._state is None:
            return
        if self._changing.left() is not None or self._place.shared or self._index.older_than(self._place.database):
            with self._operation():
                pass

    def register(
        self,
        path: Path,
        *,
        parent: ModelVersion | None,
        manifest: Mapping[str, Any],
        seed: int | None,
        metrics: Mapping[str, float],
        actor: str,
    ) -> ModelVersion:
        """Store a version and make it the challenger. Done again with the same file, it changes nothing.

        Args:
            path: the weights file. It is copied; the header names model and version.
            parent: the version it was trained from.
            manifest: what it was trained on: case ids, label versions, their SHA-256.
            seed: of the training.
            metrics: what was measured of it, by name.
            actor: who began the training.

        Returns:
            The version, with its file in the registry.

        Raises:
            InputError: the file cannot be read.
            ConflictError: another file was registered under this version's name.
            UnavailableError: MLflow or the state folder cannot be used.
        """
        version = ModelVersion.load(path)
        with self._operation() as record:
            record.make_model(version.name)
            model = record.models().get(version.name)
            recorded = None if model is None else model.by_name(version.version)
            if recorded is not None and recorded.sha256 != version.sha256():
                raise ConflictError(
                    f"{version.name} {version.version} was registered already, with other weights; name the new version otherwise, "
                    f"for example {self.new_version_name(version.name)}"
                )
            before = "" if parent is None else parent.version
            number = (
                recorded.number
                if recorded is not None
                else record.add(version, parent=before, manifest=manifest, seed=seed, metrics=metrics, actor=actor)
            )
            if model is None or number not in (model.champion, *model.before):
                record.set_challenger(version.name, number)
            self._follow(record)
        return self.version(version.name, version.version)

    def decide(
        self, name: str, version: str, *, verdict: Mapping[str, Any], files: Path | None, against: ModelVersion | None = None
    ) -> None:
        """Attach the gate's decision to a version.

        Args:
            name: the model.
            version: the version that was judged.
            verdict: with ``decision``: ``promote``, ``refuse`` or ``unproven``.
            files: folder with the verdict's page, which is copied.
            against: the champion it was compared with; by default the present one.

        Raises:
            InputError: the verdict has no decision.
            UnknownError: there is no such version.
            UnavailableError: MLflow or the state folder cannot be used.
        """
        if verdict.get("decision") not in DECISIONS:
            raise InputError(f"verdict: decision is {verdict.get('decision')!r}; expected one of {', '.join(DECISIONS)}")
        with self._operation() as record:
            _, recorded = self._recorded(record, name, version)
            champion = self._models()[name].champion if against is None else against.version
            record.decide(name, recorded, verdict=verdict, files=files, against=champion)
            self._follow(record)

    def promote(self, name: str, version: str, *, actor: str, reason: str, override: bool = False) -> ModelVersion:
        """Make a version the champion. Nothing happens if it is.

        Args:
            name: the model.
            version: the version.
            actor: who asks for it.
            reason: why, for the audit log.
            override: without a verdict that allows it.

        Raises:
            UnknownError: there is no such version.
            ConflictError: no verdict allows it, and ``override`` is not set.
            InputError: ``override`` without a reason.
            UnavailableError: its weights are gone or damaged, or MLflow or the state folder cannot be used. The champion is as before.
        """
        if override and not reason.strip():
            raise InputError(f"promoting {name} {version} against the gate needs a reason; it is kept in the audit log")
        with self._operation() as record:
            model, recorded = self._recorded(record, name, version)
            if recorded.number != model.champion:
                served = _served(model)
                allowed = _allowed(recorded, champion=served)
                if not allowed and not override:
                    raise _not_allowed(name, recorded, champion=served)
                change = _change(name, model, recorded, event="promotion", actor=actor, reason=reason, override=not allowed)
                self._carry_out(record, change, champions=(*_so_far(model), recorded.number), before=_so_far(model))
        return self.version(name, version)

    def rollback(self, name: str, *, actor: str, reason: str) -> ModelVersion:
        """Make the champion before this one the champion again.

        Args:
            name: the model.
            actor: who asks for it.
            reason: why, for the audit log.

        Raises:
            ConflictError: there was none before.
            UnknownError: there is no such model.
            UnavailableError: as :meth:`promote`.
        """
        with self._operation() as record:
            model = record.models().get(name)
            if model is None:
                raise UnknownError(f"there is no model {name!r}; there are: {', '.join(self.names()) or 'none'}")
            back = model.by_number(model.before[-1]) if model.before else None
            if back is None:
                raise ConflictError(f"{name} {_served(model)} is the first champion there was; there is nothing to go back to")
            change = _change(name, model, back, event="rollback", actor=actor, reason=reason, override=False)
            self._carry_out(record, change, champions=model.before, before=_so_far(model))
        return self.champion(name)

    # --- helpers

    def _carry_out(self, record: Record, change: Change, *, champions: tuple[int, ...], before: tuple[int, ...]) -> None:
        entry = self.entry(change.model, change.version)
        path = None if entry is None else self._file(entry)
        if entry is None or path is None or file_sha256(path) != entry.sha256:
            raise UnavailableError(
                f"the weights of {change.model} {change.version} are not what was registered ({path}). Bring the file back from a backup; "
                f"{change.champion or 'nothing'} is served as before"
            )
        self._changing.begin(change)
        record.set_champion(change.model, change.number, champions=champions, before=before)
        self._end(record, change)

    def _end(self, record: Record, change: Change) -> None:
        """What follows MLflow's alias, also after a crash: all of it may be done twice."""
        model = record.models()[change.model]
        if model.champion == change.number:
            if model.challenger == change.number:
                record.set_challenger(change.model, None)
            self._follow(record)
            self._write_down(change)
        self._changing.end()

    def _write_down(self, change: Change) -> None:
        """Note a change in the audit log, once."""
        with self.audit() as log:
            note(change, log)

    @contextmanager
    def _operation(self) -> Iterator[Record]:
        """One process at a time, on a registry whose two sides are in line."""
        from filelock import FileLock, Timeout

        if self._state is None:
            raise InputError("The starter versions cannot be changed without a state folder. Name one: gliolabel --state DIR.")
        try:
            self._state.models.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._state.models / "lock")
            lock.acquire(timeout=_PATIENCE_S)
        except Timeout as error:
            raise UnavailableError(
                f"another process has been changing the models in {self._state.models} for {_PATIENCE_S} s; try again when it has ended"
            ) from error
        except OSError as error:
            raise UnavailableError(f"The state folder {self._state.path} cannot be written ({error.strerror or error}).") from error
        try:
            self._changing.tidy()
            self._index.tidy()
            record = self._record()
            left = self._changing.left()
            self._begin(record)
            if left is not None:
                self._end(record, left)
            self._follow(record)
            yield record
        finally:
            lock.release()

    def _begin(self, record: Record) -> None:
        """See that MLflow holds what is served here: at first the starter versions.

        Raises:
            ConflictError: it has lost it, or is another one.
        """
        served, there = self._models(), record.models()
        for name in {v.name for v in self._starters()} | set(served):
            model = there.get(name)
            starters = sorted((v for v in self._starters() if v.name == name), key=lambda v: natural(v.version))
            missing = [v for v in starters if model is None or model.by_name(v.version) is None]
            if model is not None and model.champion is not None and not missing:
                continue
            champion = served[name].champion if name in served else starters[-1].version
            if name in served and champion and (model is None or model.by_name(champion) is None):
                raise ConflictError(
                    f"MLflow at {self._place.shown} does not know {name} {champion}, which is served here. If it is the right MLflow, "
                    f"bring its database back from a backup; to begin again with the starter versions, delete {self._index.folder}."
                )
            record.make_model(name)
            for starter in missing:
                record.add(starter, parent="", manifest={"cases": []}, seed=None, metrics={}, actor=_GLIOLABEL)
            model = record.models()[name]
            first = model.by_name(champion)
            if model.champion is None and first is not None:
                record.set_champion(name, first.number, champions=(first.number,), before=())

    def _follow(self, record: Record) -> None:
        """Write ``served.json`` from what MLflow says, if that is not what it says already."""
        models = {name: indexed(model, record, self._index.folder) for name, model in record.models().items()}
        for model in models.values():
            for version in (model.champion, model.challenger):
                entry = model.entry(version)
                if entry is not None:
                    self._here(entry, record)
        if models != self._models():
            self._index.write(models)
        else:
            self._index.touch()

    def _recorded(self, record: Record, name: str, version: str) -> tuple[RecordedModel, RecordedVersion]:
        model = record.models().get(name)
        if model is None:
            raise UnknownError(f"there is no model {name!r}; there are: {', '.join(self.names()) or 'none'}")
        recorded = model.by_name(version)
        if recorded is None:
            raise UnknownError(f"model {name} has no version {version!r}; there are: {', '.join(v.version for v in model.versions)}")
        return model, recorded


def _change(
    name: str,
    model: RecordedModel,
    version: RecordedVersion,
    *,
    event: Literal["promotion", "rollback"],
    actor: str,
    reason: str,
    override: bool,
) -> Change:
    return Change(
        id=uuid4().hex,
        event=event,
        model=name,
        version=version.version,
        number=version.number,
        champion=_served(model),
        actor=actor,
        reason=reason,
        override=override,
        decision=version.decision,
    )


def _served(model: RecordedModel) -> str:
    champion = model.by_number(model.champion)
    return "" if champion is None else champion.version


def _so_far(model: RecordedModel) -> tuple[int, ...]:
    return model.before if model.champion is None else (*model.before, model.champion)


def _allowed(recorded: RecordedVersion, *, champion: str) -> bool:
    return recorded.decision == ALLOWS and recorded.judged_against == champion


def _not_allowed(name: str, recorded: RecordedVersion, *, champion: str) -> ConflictError:
    if not recorded.decision:
        why = "was not judged by the gate"
    elif recorded.decision != ALLOWS:
        why = f"was not let through by the gate: its verdict is {recorded.decision!r}"
    else:
        why = f"was judged against {recorded.judged_against or 'nothing'}, and the champion is {champion or 'none'} now"
    return ConflictError(
        f"{name} {recorded.version} {why}. `gliolabel models show {name} {recorded.version}` says more. "
        f'To promote it all the same: gliolabel models promote {name} {recorded.version} --override --reason "..."'
    )
