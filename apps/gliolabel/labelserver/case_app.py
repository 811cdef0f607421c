"""What every app over cases does: keeps state, answers requests, stops in order. The app itself says which cases and which tasks."""

from __future__ import annotations

import atexit
import logging
import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monailabel.config import settings
from monailabel.interfaces.datastore import Datastore, DefaultLabelTag
from monailabel.utils.sessions import SessionInfo

import gliolabel
from gliolabel.errors import InputError, UnavailableError, UnknownError
from gliolabel.labelserver.batch import Batches
from gliolabel.labelserver.cases import CaseRef, session_key
from gliolabel.labelserver.configuration import Configuration
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.labelserver.door import exposure
from gliolabel.labelserver.login.guard import Login
from gliolabel.labelserver.login.proxies import check_uvicorn
from gliolabel.labelserver.queueing import Kind, Ticket
from gliolabel.labelserver.readers import Readers
from gliolabel.labelserver.results import ResultFiles
from gliolabel.labelserver.routes import install_routes
from gliolabel.labelserver.scoring_runs import METHOD, DisagreementScoring, ScoringRuns
from gliolabel.labelserver.sending import Sending
from gliolabel.labelserver.sessions import SessionStore
from gliolabel.labelserver.signals import before_signals
from gliolabel.labelserver.startup import describe, planned_voxels, study_warnings
from gliolabel.labelserver.strategies import HOLDER
from gliolabel.labelserver.tasks.answers import CASE, TICKET
from gliolabel.labelserver.training_runs import TrainingRuns
from gliolabel.labelserver.watching import Figures, set_up_log, tidy_log_configuration
from gliolabel.labelserver.wire import BatchOptions, Options, read_options
from gliolabel.labelserver.workbench import Workbench
from gliolabel.state import Database, resolve_state_folder
from gliolabel.state.leftovers import clear_leftovers
from gliolabel.studies.files import split_extension
from gliolabel.studies.headers import read_header
from gliolabel.vocabulary import RESEARCH_NOTICE, LabelSet

_LOG = logging.getLogger(__name__)
#: Next Sample passes over so many cases that cannot be read before it says so.
_MOST_UNREAD = 20

# MONAI Label takes the first class whose *direct* base has the name MONAILabelApp. This one is imported by apps and must not be taken.
if TYPE_CHECKING:
    from monailabel.interfaces.app import MONAILabelApp as _Base
else:
    _Base = object


class CaseApp(_Base):
    """The half of an app that does not depend on what it segments; written ``class MyApp(CaseApp, MONAILabelApp)``.

    ``init_datastore`` of the app sets :attr:`cases` and :attr:`workbench`. It may use :attr:`configuration`, :attr:`folder`,
    :attr:`database`, :attr:`readers`, :attr:`files` and :attr:`label_set`, which are there before it is called.

    Args:
        app_dir: the app folder. Nothing is written there but MONAI Label's log.
        studies: the study folder. It is only read.
        conf: what ``--conf`` said.
        name: the app's, for people.
        label_set: what its masks' values mean.
        configuration: what ``conf`` means.
        notes: lines for the log.

    Raises:
        InputError: the study folder cannot be used.
        UnavailableError: the state folder cannot be written.
    """

    cases: CaseDatastore
    workbench: Workbench
    #: Sends results of DICOM studies; None: these are none, or the app has no codes for what it segments.
    sending: Sending | None = None
    #: Who may begin a training (and stop their own).
    training_role: str = settings.MONAI_LABEL_AUTH_ROLE_ADMIN

    def __init__(
        self,
        app_dir: str,
        studies: str,
        conf: Mapping[str, str] | None,
        *,
        name: str,
        label_set: LabelSet,
        configuration: Configuration,
        notes: Sequence[str] = (),
    ) -> None:
        check_uvicorn()
        set_up_log(configuration.log)
        exposure.check_login(configuration.require_login)
        self._open_to = exposure.open_to()
        self.configuration, self._notes = configuration, list(notes)
        self.login = Login()
        self.label_set = label_set
        self.folder = resolve_state_folder(configuration.state, studies=studies).create(studies=studies)
        self.database = Database(self.folder, uri=configuration.database)
        self.readers = Readers()
        self.figures = Figures()
        self.choosing = threading.Lock()
        self.files = ResultFiles(self.folder.temporary)
        super().__init__(
            app_dir=app_dir, studies=studies, conf=dict(conf or {}), name=name, version=gliolabel.__version__, labels=list(label_set.labels)
        )
        if configuration.send_results != "off" and self.sending is None:
            raise InputError(f"--conf send_results {configuration.send_results}: this app sends no results.")
        # Built once: MONAI Label's subprocesses make apps of their own, and nothing here has started a thread or loaded a network.
        self.batches = Batches(self.cases, self.workbench)
        if self.cases.gives_roles:
            self.cases.training_lists.registry = self.workbench.registry
        self.trainings = TrainingRuns(self._trainers, self.cases, self.readers)
        self.workbench.training = lambda: self.trainings.running
        self.cases.leases.minutes = configuration.lease_minutes
        self.scorings = ScoringRuns(self.workbench, self.cases, self.readers)
        if settings.MONAI_LABEL_TASKS_SCORING:
            self._scoring_methods = {METHOD: DisagreementScoring(self.scorings.progress)}

    # --- about itself

    def advice(self) -> list[str]:
        """Sentences for people about what is missing; part of what the plugin is told and of the log."""
        return []

    def news(self) -> list[str]:
        """Sentences for people about what goes on by itself; part of what the plugin is told."""
        return list(filter(None, [self.scorings.sentence(), "" if self.sending is None else self.sending.sentence()]))

    def info(self) -> dict[str, Any]:
        """What the plugin is told."""
        self.cases.refresh_now_and_then()
        studies = self.cases.studies
        summary = f"{len(studies)} cases ({studies.layout})."
        parts = [exposure.sentence(self._open_to), summary, *study_warnings(studies), *self.advice(), *self.news(), RESEARCH_NOTICE]
        self.description = " ".join(filter(None, parts))
        info: dict[str, Any] = super().info()
        if self.cases.gives_roles:
            info["roles"] = self.cases.survey.roles()
        return info

    def hidden_folders(self) -> dict[str, str]:
        """Folders whose place is told on this machine only, and what they are called elsewhere."""
        folders = {str(self.folder.path): "(state folder)", str(self.app_dir): "(app folder)"}
        return folders if "://" in self.studies else {**folders, str(self.studies): "(study folder)"}

    def last_trainer(self) -> str:
        """Name of the trainer that is running or ran last, or nothing."""
        run = self.trainings.last
        return "" if run is None else run.model

    def on_init_complete(self) -> None:
        """Say what was found, install our routes, and clean up after an earlier process."""
        tidy_log_configuration()
        self.workbench.plan_memory(voxels=planned_voxels(self.cases.studies))
        for line in [*describe(self), *self.advice(), *self._notes]:
            _LOG.info(line)
        for line in exposure.warnings(self._open_to) if self._open_to else []:
            _LOG.warning(line)
        # Requests of an earlier process are answered or lost; their files are of no use.
        shutil.rmtree(self.folder.temporary, ignore_errors=True)
        self.folder.temporary.mkdir(parents=True, exist_ok=True)
        try:
            clear_leftovers(self.database)
        except UnavailableError as error:  # the disk is full: they do no harm, and masks can be made all the same
            _LOG.warning("%s", error)
        from monailabel.app import app as fastapi_app  # it imports this app's module, so not at the top

        install_routes(fastapi_app, self)
        self.login.look_for_provider()
        # What is known of the cases is read now, so that the first reader does not wait for it.
        self.cases.listing()
        self.scorings.progress()
        self.cases.leases.forget_old()
        if self.sending is not None:
            self.sending.start()
        super().on_init_complete()
        # The server waits for requests that are being answered, and those may wait for a map of minutes.
        before_signals(self._give_up)
        # A thread inside PyTorch while the interpreter is taken down ends in a crash.
        atexit.register(self._stop)

    # --- sessions

    def _load_sessions(self, load: bool = False) -> SessionStore | None:
        if not load:
            return None
        store = SessionStore(
            self.folder.sessions,
            expiry=settings.MONAI_LABEL_SESSION_EXPIRY,
            on_remove=lambda session_id: self.workbench.forget(session_key(session_id)),
        )
        return store

    def cleanup_sessions(self) -> None:
        """Delete expired sessions; MONAI Label calls it every five minutes."""
        # MONAI Label's own asks `if not self._sessions`, which is true of an empty dict: nothing expires after a restart.
        if self._sessions is not None:
            count = self._sessions.remove_expired()
            if count:
                _LOG.info("%d expired sessions removed", count)

    # --- requests

    def resolve(self, request: Mapping[str, Any]) -> CaseRef:
        """The case a request is about.

        Raises:
            UnknownError: no such image or session; it never falls back to another.
            InputError: it names none.
        """
        image, session = request.get("image"), request.get("session_id")
        sequence = read_options(Options, {"sequence": request.get("sequence")}).sequence
        if session:
            info = self.require_session(str(session))
            name = str(image) if image else info.image
            return CaseRef(session_key(info.name), self.cases.opened(Path(info.image), name=name, sequence=sequence))
        if not isinstance(image, str) or not image:
            raise InputError("The request names neither an image nor a session.")
        return self.cases.case(image, sequence=sequence)

    def require_session(self, session_id: str, *, use: bool = True) -> SessionInfo:
        """The session of that id.

        Raises:
            UnknownError: there is none.
        """
        if self._sessions is None:
            raise UnknownError("Sessions are turned off on this server (MONAI_LABEL_SESSIONS). Upload the volume instead.")
        return self._sessions.require(session_id, use=use)

    def open_session(self, file: Path, *, expiry: int = 0) -> SessionInfo:
        """Begin a session with a volume file, which is moved.

        Raises:
            InputError: it is no volume.
            UnknownError: sessions are turned off.
        """
        if self._sessions is None:
            raise UnknownError("Sessions are turned off on this server (MONAI_LABEL_SESSIONS). Upload the volume instead.")
        read_header(file, where="the volume of the session")
        return self._sessions.create(file, expiry=expiry)

    def infer(self, request: Mapping[str, Any], datastore: Datastore | None = None, *, ticket: Ticket | None = None) -> dict[str, Any]:
        """Run a task over a case.

        MONAI Label's own takes any path that exists on the server for an image.

        Args:
            request: ``model`` (name of the task), ``image`` (id) or ``session_id``, and the task's options. ``save_label`` stores the
                mask under ``label_tag``, as MONAI Label's own does.
            datastore: ignored; there is one.
            ticket: the request's in the queue, from :meth:`join`; None: it waits for nobody.

        Raises:
            UnknownError: no such task, image or session.
            UnavailableError: the task has no weights.
            InputError: an option or the case cannot be used.
        """
        name = str(request.get("model") or "")
        task = self._task(name)
        if not task.is_valid():
            raise UnavailableError(
                f"The model {name} has no weights yet. {' '.join(self.advice()) or '`gliolabel doctor` says what to do.'}"
            )
        ref = self.resolve(request)
        with self.readers.request():
            path, params = task({**request, CASE: ref, TICKET: ticket})
        self.figures.stages(name, params.get("latencies") or {})
        if path and name in self.workbench.names and not ref.passing:
            self._keep_mask(ref, Path(path), params, reader=str(request.get(HOLDER) or ""))
        tag = request.get("label_tag") or DefaultLabelTag.ORIGINAL
        label = path
        if request.get("save_label") is True and path and name in self.workbench.names:
            info = {"model": name, "params": params, "model_version": f"{params['model']} {params['model_version']}"}
            label = self.cases.save_label(ref.key, path, tag, info)
        return {"label": label, "tag": DefaultLabelTag.ORIGINAL, "file": path, "params": params}

    def join(self, model: str, *, reader: str) -> Ticket:
        """A ticket for a request to run a task.

        Args:
            model: name of the task.
            reader: who asks.

        Raises:
            UnknownError: no such task.
            BusyError: too many requests are before this one.
        """
        task = self._task(model)
        return self.workbench.line.join(reader=reader, kind=getattr(task, "work", Kind.MAP), work=model)

    def _task(self, name: str) -> Any:
        task = self._infers.get(name)
        if task is None:
            raise UnknownError(f"There is no model {name[:64]!r} here. There are: {', '.join(self._infers)}.")
        return task

    def _keep_mask(self, ref: CaseRef, path: Path, params: Mapping[str, Any], *, reader: str) -> None:
        extension = (split_extension(path.name) or ("", path.suffix))[1]
        try:
            self.cases.masks.keep(
                ref.key, reader=reader, model=params["model"], version=params["model_version"], mask=path, extension=extension
            )
        except UnavailableError as error:  # the reader waits for the mask; what a submission changes will not be known
            _LOG.warning("case %s: %s", ref.key, error)

    def infer_wsi(self, request: Mapping[str, Any], datastore: Datastore | None = None) -> dict[str, Any]:
        """Whole-slide images: not here. MONAI Label's own opens any path on the server."""
        raise UnknownError("This app segments MRI; there is no whole-slide task.")

    def batch_infer(self, request: Mapping[str, Any], datastore: Datastore | None = None) -> dict[str, Any]:
        """Segment many cases and wait for the end."""
        options = read_options(BatchOptions, request)
        return self.batches.start(
            str(request.get("model") or ""), images=str(request.get("images") or "all"), options=options, wait=True
        ).report()

    def train(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Train and wait for the end.

        Raises:
            UnknownError: no such trainer.
            ConflictError: a training is under way.
        """
        return self.trainings.start(str(request.get("model") or ""), dict(request), wait=True).report()

    def scoring(self, request: Mapping[str, Any], datastore: Datastore | None = None) -> dict[str, Any]:
        """Score what has no score, and wait for the end.

        Raises:
            ConflictError: a scoring is under way.
        """
        return self.scorings.start(wait=True).report()

    def async_scoring(self, method: str | None = None, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Score whatever has no score, from now on; MONAI Label calls it at the start unless MONAI_LABEL_AUTO_UPDATE_SCORING is false.

        Its own starts a process for each call.
        """
        if self._scoring_methods:
            self.scorings.keep_going()
        return {}

    def next_sample(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The case to do next, or nothing when all are done. A case whose image cannot be read is passed over.

        Raises:
            UnknownError: no such strategy.
            InputError: there are cases to do, and none of those that were looked at can be read; the last of them is named.
        """
        name = str(request.get("strategy") or next(iter(self._strategies)))
        strategy = self._strategies.get(name)
        if strategy is None:
            raise UnknownError(f"There is no strategy {name[:64]!r}. There are: {', '.join(self._strategies)}.")
        unread: dict[str, str] = {}
        while len(unread) < _MOST_UNREAD:
            chosen = strategy(request, self.cases)
            if not chosen:
                return {}
            case_id = chosen["id"]
            if case_id in unread:
                break
            try:
                # The node in Slicer is named after the case, not after a file of it.
                return {**chosen, **self.cases.get_image_info(case_id), "PatientID": case_id}
            except (InputError, UnknownError) as error:  # damaged, or taken away just now
                unread[case_id] = str(error)
                _LOG.warning("%s is not offered: %s", case_id, error)
        raise InputError(f"{next(reversed(unread.values()))} No other case that could be offered can be read either; ask again for more.")

    def on_save_label(self, image_id: str, label_id: str) -> None:
        """MONAI Label calls it after a label was stored through one of its own routes; there is nothing left to do."""

    def _give_up(self) -> None:
        if self.sending is not None:
            self.sending.give_up()
        self.batches.give_up()
        self.scorings.give_up()
        self.trainings.give_up()
        self.workbench.give_up()

    def _stop(self) -> None:
        if self.sending is not None:
            self.sending.stop()
        self.batches.stop()
        self.scorings.close()
        self.trainings.stop()
        self.workbench.stop()
        self.database.close()
