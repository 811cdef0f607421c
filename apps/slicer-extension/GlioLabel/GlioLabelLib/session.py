"""A case from first to last: what is done when a button is pressed, and what the panel is told of it.

The session knows no widgets. Everything here is called on the main thread; requests run in threads (:mod:`.jobs`) and come back through
:meth:`Session.tick`, which the panel's timer calls.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import numpy as np

from . import stages, submission
from .changes import Row, changes
from .client import LoginNeeded
from .jobs import Jobs
from .marks import Marks
from .overlay import Overlay
from .places import Checklist
from .segmentation import KEPT, Mask
from .server import Answer, NextCase, Offer, Server, remove_files
from .stages import Face
from .training import Progress, describe
from .views import THREE_PLANES, Views
from .volumes import VolumeError, load_volume, nodes_of_case, read_array, remove_nodes, voxel_ml, write_labels
from .words import SEQUENCE_NAMES, TISSUES, WHOLE_CASE, measure_of, short_text

#: Seconds between two looks at the queue, at a training, and at the mask.
_QUEUE_S, _TRAINING_S, _MASK_S = 1.0, 3.0, 1.0
#: Places that are asked for.
_PLACES = 5


class Known(NamedTuple):
    """What goes with a mask: the mask as the model made it, what the server said of it, and its scores."""

    model_array: Optional[np.ndarray]
    about_mask: Dict[str, Any]
    scores: Dict[str, Any]


class Session:
    """What a reader works on.

    Args:
        path_for: makes the path of a temporary file with that ending.
    """

    def __init__(self, path_for: Callable[[str], str]) -> None:
        self._path_for = path_for
        self.jobs = Jobs()
        self.views, self.overlay, self.marks, self.checklist = Views(), Overlay(), Marks(), Checklist()
        self.server: Optional[Server] = None
        self.offer: Optional[Offer] = None
        self.needs_login = False
        self.training = describe(None)
        self.opacity, self.measure, self.region, self.mode = 0.6, "std", WHOLE_CASE, THREE_PLANES
        self.faces: Dict[str, Face] = {stage: stages.empty(stage) for stage in stages.NOTHING_YET}
        #: Another number whenever the panel has something new to show.
        self.revision = 0
        self._looked: Dict[str, float] = {}
        self._forget_case()

    def _forget_case(self) -> None:
        self.case: Optional[NextCase] = None
        self.volumes: List[Any] = []
        self.mask: Optional[Mask] = None
        #: The mask as the model made it.
        self.model_array: Optional[np.ndarray] = None
        self.about_mask: Dict[str, Any] = {}
        self.scores: Dict[str, Any] = {}
        self.rows: List[Row] = []
        self._stamp = self._submitted = self._counted = -1
        self._was_submitted = False
        #: What was known of the masks that can be gone back to.
        self._known: List[Known] = []
        self._working = ""
        self.checklist.fill([])

    def _say(self, stage: str, face: Face) -> None:
        self.faces[stage] = face
        self.revision += 1

    def _failed(self, stage: str, problem: Exception) -> None:
        if isinstance(problem, LoginNeeded):
            self.needs_login = True
            self._say("server", stages.error(str(problem)))
        self._say(stage, stages.error(str(problem)))

    # --- the server

    def connect(self, server: Server) -> None:
        """Ask a server what it offers. The case that is open stays, if it is the same server."""
        if self.server is not None and self.server.client.url != server.client.url:
            self.close_case()
            self.offer, self.training = None, describe(None)
        self.jobs.forget("server")
        self.server, self.needs_login = server, False
        self._say("server", stages.busy(f"Asking {server.client.url} …"))
        self.jobs.start("server", server.offer, self._connected, partial(self._failed, "server"))

    def _connected(self, offer: Offer) -> None:
        assert self.server is not None
        self.offer, self.needs_login = offer, False
        who = self.server.client.username or self.server.client.client_id
        text = f"{offer.name}, as {who}: {offer.completed} of {offer.total} cases done."
        self._say("server", stages.ready(text))
        self._look("training", self.server.training, self._training_told)

    # --- the case

    def next_case(self, strategy: str) -> None:
        """Ask for the case to do next. What is open stays until the next one is there."""
        self._open("Asking which case is next …", lambda server, stop: server.next_case(strategy, stop))

    def open_case(self, case_id: str) -> None:
        """Open a certain case, with its accepted label."""
        self._open(
            f"Opening {case_id} …", lambda server, stop: server.open_case(case_id, reason="asked for by name", label=True, stop=stop)
        )

    def _open(self, text: str, ask: Callable[[Server, Any], Optional[NextCase]]) -> None:
        server = self._require("case")
        if server is None:
            return
        before = self.faces["case"]
        started = self.jobs.start(
            "case",
            partial(ask, server),
            self._opened,
            partial(self._failed, "case"),
            lambda: self._say("case", before),
            lambda case: None if case is None else remove_files(case.temporary),
        )
        if started:
            self._say("case", stages.busy(text))

    def _opened(self, case: Optional[NextCase]) -> None:
        if case is None:
            self._say("case", stages.Face(stages.EMPTY, "No case is left to do: all have an accepted label, or other readers have them."))
            return
        self.close_case()
        try:
            for sequence in case.sequences:
                name = f"{case.id} {SEQUENCE_NAMES.get(sequence.name, sequence.name)}"
                self.volumes.append(load_volume(sequence.path, name, case.id, sequence.name))
            self.case = case
            self.mask = Mask(self.volumes[0], case.id)
            if case.label is not None:
                self.mask.write(read_array(case.label, self.volumes[0]), case.label_about)
            self._stamp = self._submitted = self.mask.stamp()
        except (VolumeError, ValueError) as problem:
            self.close_case()
            self._failed("case", problem)
            return
        finally:
            remove_files(case.temporary)
        self.views.show(self.volumes, self.mode)
        missing = f" It has no {', '.join(SEQUENCE_NAMES.get(name, name) for name in case.missing)}." if case.missing else ""
        label = f" Shown with its {case.label_about}." if case.label else ""
        reason = short_text(case.reason) or "no reason was given"
        self._say("case", stages.ready(f"{reason[0].upper()}{reason[1:]}.{missing}{label}".replace("..", ".")))

    def close_case(self) -> None:
        """Take everything of the case out of the scene."""
        self.jobs.forget("mask", "map", "places")
        self.views.forget()
        self.overlay.remove()
        self.marks.remove()
        remove_nodes(nodes_of_case())
        self._forget_case()
        for stage in ("case", "mask", "map", "places", "changes", "submit"):
            self._say(stage, stages.empty(stage))

    def scene_closed(self) -> None:
        """Somebody emptied the scene: our nodes are gone."""
        self.jobs.forget("case", "mask", "map", "places")
        self.overlay.node = self.marks.node = None
        self.views.forget()
        self._forget_case()
        for stage in ("case", "mask", "map", "places", "changes", "submit"):
            self._say(stage, stages.empty(stage))

    def arrange(self, mode: str) -> None:
        """One sequence in three planes, or all side by side."""
        self.mode = mode
        if self.volumes:
            self.views.arrange(mode)
            self._put_overlay()

    # --- the mask

    @property
    def edited(self) -> bool:
        """Whether the mask was changed since the model, or the server's label, was put there."""
        return self.mask is not None and self.mask.stamp() != self._stamp

    @property
    def unsubmitted(self) -> bool:
        """Whether there are edits that were not submitted."""
        return self.mask is not None and self.edited and self.mask.stamp() != self._submitted

    def segment(self, model: str, passes: str) -> None:
        """Ask for a mask. It takes the place of the one that is shown, which can be had back with :meth:`undo`."""
        server = self._require("mask")
        if server is None or self.case is None:
            return
        case_id, before = self.case.id, self.faces["mask"]
        started = self.jobs.start(
            "mask",
            partial(server.segment, case_id, model, passes),
            partial(self._masked, case_id),
            partial(self._failed, "mask"),
            lambda: self._say("mask", before),
            _throw_away,
        )
        if started:
            self._working = model
            self._say("mask", stages.busy("Sent to the server …"))

    def cancel(self) -> None:
        """Cancel what is asked for: the case, the mask, the map, the places. The server notices and stops computing."""
        self.jobs.cancel("case", "mask", "map", "places")

    def _masked(self, case_id: str, answer: Answer) -> None:
        try:
            if self.case is None or self.mask is None or case_id != self.case.id:
                return
            array = read_array(answer.path, self.volumes[0]).astype(np.uint8)
            unknown = set(np.unique(array).tolist()) - {0, *(tissue.value for tissue in TISSUES)}
            if unknown:
                raise VolumeError(f"The server's mask holds values that are no tissue: {sorted(unknown)}.")
            overwrites = self.edited
            if self.mask.keep():
                self._known = [*self._known, Known(self.model_array, self.about_mask, self.scores)][-KEPT:]
            params = answer.params
            self.mask.write(array, f"{params.get('model', '')} {params.get('model_version', '')}".strip())
        except (VolumeError, ValueError) as problem:
            self._failed("mask", problem)
            return
        finally:
            remove_files([answer.path])
        self.model_array, self.about_mask = array, params
        self.scores = dict(params.get("uncertainty") or {})
        self._stamp = self.mask.stamp()
        seconds = (params.get("latencies") or {}).get("total")
        took = f", {seconds:.1f} s" if isinstance(seconds, (int, float)) else ""
        notes = "".join(f" {short_text(warning)}." for warning in params.get("warnings", [])).replace("..", ".")
        undo = " Your edits were overwritten; Undo brings them back." if overwrites else ""
        self._say("mask", stages.ready(f"{self.mask.origin} on {params.get('device', 'the server')}{took}.{notes}{undo}"))
        self._clear_places()
        self._count()
        if params.get("uncertainty_map", "none") != "none":
            self.load_map(self.measure, self.region)
        else:
            self._drop_map("No map: the mask was asked for without passes.")

    def undo(self) -> None:
        """Go back to the mask that a re-run overwrote."""
        if self.mask is None or not self.mask.can_undo:
            return
        self.mask.undo()
        self.model_array, self.about_mask, self.scores = self._known.pop()
        self._say("mask", stages.ready(f"The mask from before is back (began as {self.mask.origin or 'nothing'})."))
        self._clear_places()
        self._count()
        if self.about_mask.get("passes"):
            self.load_map(self.measure, self.region)
        else:
            self._drop_map("No map: there is none of the mask from before.")

    # --- the map

    def load_map(self, measure: str, region: str) -> None:
        """Ask for the map of the mask's model; the server has it, or computes it."""
        self.measure, self.region = measure, region
        server = self._require("map")
        if server is None or self.case is None or not self.about_mask:
            return
        self.jobs.forget("map")
        model, passes = str(self.about_mask.get("model")), int(self.about_mask.get("passes") or 0)
        if not passes:
            self._drop_map("No map: the mask was asked for without passes.")
            return
        work = partial(server.uncertainty, self.case.id, measure, region, model, passes)
        told = partial(self._mapped, self.case.id, measure)
        self.jobs.start("map", work, told, partial(self._failed, "map"), self._map_cancelled, _throw_away)
        self._say("map", stages.busy(f"The map of {passes} passes is on its way …"))

    def _map_cancelled(self) -> None:
        self._say("map", stages.Face(stages.EMPTY, "Cancelled. Choose a measure or a region to ask again."))

    def _mapped(self, case_id: str, measure: str, answer: Answer) -> None:
        try:
            if self.case is None or case_id != self.case.id:
                return
            self.overlay.load(answer.path, case_id, measure_of(measure))
        except VolumeError as problem:
            self._failed("map", problem)
            return
        finally:
            remove_files([answer.path])
        params = answer.params
        self.scores = dict(params.get("uncertainty") or self.scores)
        self._put_overlay()
        highest = params.get("maximum")
        top = f", at most {highest:.2f} here" if isinstance(highest, (int, float)) else ""
        self._say("map", stages.ready(f"{measure_of(measure).title} over {params.get('passes')} passes of {params.get('model')}{top}."))
        self._count()
        if not self.checklist.places:
            self.find_places()

    def _drop_map(self, text: str) -> None:
        self.overlay.remove()
        self._put_overlay()
        self._say("map", stages.Face(stages.EMPTY, text))
        self._clear_places()

    def show_map(self, opacity: float, threshold: float) -> None:
        """How strong the map is shown (0: not at all), and from which value on."""
        self.opacity = opacity
        self.overlay.threshold(threshold)
        self._put_overlay()

    def _put_overlay(self) -> None:
        self.views.overlay(self.overlay.node, self.opacity)

    # --- the places

    def find_places(self) -> None:
        """Ask for the places to look at."""
        server = self._require("places")
        if server is None or self.case is None or not self.about_mask:
            return
        case_id = self.case.id
        work = partial(server.places, case_id, str(self.about_mask.get("model")), _PLACES)
        if self.jobs.start("places", work, partial(self._found, case_id), partial(self._failed, "places"), self._places_cancelled):
            self._say("places", stages.busy("Looking where it is unsure …"))

    def _clear_places(self) -> None:
        """They were another mask's."""
        self.jobs.forget("places")
        self.checklist.fill([])
        self.marks.remove()
        self._say("places", stages.empty("places"))

    def _places_cancelled(self) -> None:
        self._say("places", stages.Face(stages.EMPTY, "Cancelled."))

    def _found(self, case_id: str, places: list) -> None:
        if self.case is None or case_id != self.case.id:
            return
        self.checklist.fill(places)
        self.marks.show(self.checklist, case_id)
        self._say("places", stages.ready(self.checklist.sentence()))

    def look_at(self, index: int) -> None:
        """Let all views show a place."""
        if 0 <= index < len(self.checklist.places):
            self.checklist.current = index
            self.views.jump(self.checklist.places[index].position)
            self.revision += 1

    def look_at_next(self) -> None:
        """Let all views show the next place that was not checked."""
        index = self.checklist.next()
        if index is not None:
            self.look_at(index)

    def check_place(self, index: int, checked: bool) -> None:
        """Tick a place, or take the tick away."""
        if 0 <= index < len(self.checklist.places) and self.checklist.is_checked(index) is not checked:
            self.checklist.check(index, checked)
            self.marks.tick(self.checklist)
            self._say("places", stages.ready(self.checklist.sentence()))

    # --- what changed

    def _count(self) -> None:
        """Compare the mask with the model's."""
        if self.mask is None:
            return
        self._counted = self.mask.stamp()
        read = self.mask.read()
        if self.model_array is None and not read.array.any():
            self.rows = []
            self._say("changes", stages.empty("changes"))
            return
        self.rows = changes(read.array, self.model_array, voxel_ml(self.mask.volume), self.scores)
        about = "The interval comes with the map."
        if self.model_array is None:
            about = "There is no mask of a model to compare with."
        elif any(row.low_ml is not None for row in self.rows):
            about = "Interval: where nine of ten passes lie."
        self._say("changes", stages.ready(about))
        if self._counted == self._submitted:
            if self.case is not None and self.case.label and self.faces["submit"].state == stages.EMPTY:
                self._say("submit", stages.ready("As it is on the server."))
        elif not self.faces["submit"].busy:
            self._say("submit", stages.ready("Changed since it was submitted." if self._was_submitted else "Not submitted yet."))

    # --- submitting

    def submit(self, comment: str) -> None:
        """Send the mask as it is on the screen."""
        server = self._require("submit")
        if server is None or self.case is None or self.mask is None:
            return
        read = self.mask.read()
        objection = submission.objection(read)
        if objection is not None:
            self._say("submit", stages.error(objection))
            return
        path = self._path_for(".nrrd")
        try:
            write_labels(read.array, self.mask.volume, path)
        except VolumeError as problem:
            self._failed("submit", problem)
            return
        origin = self.mask.origin if self.model_array is not None else ""
        about = submission.about_label(comment, origin, self.checklist.checked, len(self.checklist.places))
        stamp, case_id = self.mask.stamp(), self.case.id

        def work(stop: Any) -> Dict[str, Any]:
            try:
                return server.submit(case_id, path, about, stop)
            finally:
                remove_files([path])

        if self.jobs.start("submit", work, partial(self._stored, case_id, stamp, read.overlapping), partial(self._failed, "submit")):
            self._say("submit", stages.busy("Sending the mask …"))
        else:
            remove_files([path])

    def _stored(self, case_id: str, stamp: int, overlapping: int, reply: Dict[str, Any]) -> None:
        if self.case is not None and case_id == self.case.id:
            self._submitted, self._was_submitted = stamp, True
            self._say("submit", stages.ready(submission.sentence(reply, overlapping)))
        if self.server is not None:
            self.jobs.start("server", self.server.offer, self._connected, partial(self._failed, "server"))

    # --- training

    def train(self, trainer: str, options: Dict[str, Any]) -> None:
        """Begin a training on all accepted labels."""
        server = self._require("training")
        if server is None:
            return
        self._say("training", stages.busy(f"Asking for a training of {trainer} …"))
        self.jobs.start("train", partial(server.train, trainer, options), self._training_told, partial(self._failed, "training"))

    def stop_training(self) -> None:
        """End the training that is under way, if it is this reader's."""
        server = self._require("training")
        if server is not None:
            self.jobs.start("train", server.stop_training, self._training_told, partial(self._failed, "training"))

    def _training_told(self, run: Optional[Dict[str, Any]]) -> None:
        was_running = self.training.running
        self.training = progress = describe(run)
        if progress.running:
            self._say("training", stages.busy(progress.text, progress.share))
            return
        text = progress.text
        if run is None and self.offer is not None:
            earlier = [f"{name}: {said}" for name, said in self.offer.trained.items() if said]
            text = " ".join(earlier) or "No training yet. Submit corrected masks, then train."
        self._say("training", stages.error(text) if progress.failed else stages.ready(f"{text}{self._served_now(progress)}"))
        if was_running and self.server is not None:
            self.jobs.start("server", self.server.offer, self._connected, partial(self._failed, "server"))

    def _served_now(self, progress: Progress) -> str:
        if not progress.promoted or self.mask is None or not self.mask.origin or progress.version in self.mask.origin:
            return ""
        return f" This mask is of {self.mask.origin}; Segment again asks the new version."

    # --- the timer

    def tick(self) -> None:
        """To be called by a timer, some ten times a second while :attr:`busy`, else about once a second."""
        self.jobs.poll()
        if self.server is None:
            return
        if self.jobs.runs("mask") or self.jobs.runs("map"):
            self._look("queue", self.server.queue, self._queue_told, every=_QUEUE_S)
        if self.training.running:
            self._look("training", self.server.training, self._training_told, every=_TRAINING_S)
        if self.mask is not None and self._due("mask", _MASK_S) and self.mask.stamp() != self._counted:
            self._count()

    @property
    def busy(self) -> bool:
        """Whether a request is under way."""
        return self.jobs.busy

    def _queue_told(self, status: Dict[str, Any]) -> None:
        if self.jobs.runs("mask"):
            self._say("mask", stages.queue_face(status, self._working, "Segmenting"))
        if self.jobs.runs("map"):
            self._say("map", stages.queue_face(status, "uncertainty", "Computing the map"))

    def _look(self, name: str, ask: Callable[[Any], Any], told: Callable[[Any], None], every: float = 0.0) -> None:
        if not self.jobs.runs(name) and self._due(name, every):
            self.jobs.start(name, ask, told, lambda problem: None)  # the next look may tell; what it looks at says so itself

    def _due(self, name: str, every: float) -> bool:
        now = time.monotonic()
        if now - self._looked.get(name, -1e9) < every:
            return False
        self._looked[name] = now
        return True

    def _require(self, stage: str) -> Optional[Server]:
        if self.server is None or self.offer is None:
            self._say(stage, stages.error("Not connected. Press Connect."))
            return None
        return self.server

    def close(self) -> None:
        """Cancel everything and forget it."""
        self.jobs.forget()


def _throw_away(answer: Answer) -> None:
    """A result that nobody waits for any more."""
    remove_files([answer.path])
