"""What the module asks of the server. Safe in any thread: only files and plain values, nothing of Slicer."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from typing import Any, Dict, List, NamedTuple, Optional

from . import multipart
from .client import LONG_S, Client, ServerError, Stop
from .places import Place, read_places


class Offer(NamedTuple):
    """What the server offers.

    Args:
        name: of the app.
        models: segmentation models, the default first.
        passes: choices of the number of passes.
        strategies: what they do, by name, the default first.
        trainers: names, with the options of each.
        completed: cases with an accepted label.
        total: cases in all.
        about: the server's sentences about itself.
        trained: by trainer, how its last training ended, in words.
    """

    name: str
    models: List[str]
    passes: List[str]
    strategies: Dict[str, str]
    trainers: Dict[str, Dict[str, Any]]
    completed: int
    total: int
    about: str
    trained: Dict[str, str]


class Sequence(NamedTuple):
    """A sequence of a case as a file on this computer; `temporary` files are the module's own."""

    name: str
    path: str
    temporary: bool


class NextCase(NamedTuple):
    """A case to work on.

    Args:
        id: of the case.
        reason: why it was chosen.
        sequences: its files, the reference first.
        missing: the sequences it lacks.
        label: the accepted label as a file, if it has one and the strategy shows it.
        label_about: who made that, in words.
    """

    id: str
    reason: str
    sequences: List[Sequence]
    missing: List[str]
    label: Optional[str]
    label_about: str

    @property
    def temporary(self) -> List[str]:
        """The files of it that are the module's own."""
        return [sequence.path for sequence in self.sequences if sequence.temporary] + ([self.label] if self.label else [])


class Answer(NamedTuple):
    """A result file and what the server says of it."""

    path: str
    params: Dict[str, Any]


class Server:
    """The server's tasks.

    Args:
        client: asks.
        folder: for the files that come; they hold patients' images and are deleted once they are loaded.
    """

    def __init__(self, client: Client, folder: str) -> None:
        self.client = client
        self._folder = folder

    # --- about the server

    def offer(self, stop: Stop) -> Offer:
        """What it offers.

        Raises:
            ServerError: it is no GlioLabel server.
        """
        info = self.client.get("/info/", stop=stop)
        models = info.get("models", {})
        if "uncertainty" not in models or "where_to_look" not in models:
            raise ServerError(
                f"{self.client.url} is a MONAI Label server, but not one with GlioLabel's app. It offers: {', '.join(models)}."
            )
        masks = [name for name, task in models.items() if task.get("type") == "segmentation" and name != "where_to_look"]
        passes = models[masks[0]].get("config", {}).get("passes", ["auto"]) if masks else []
        trainers = {name: dict(trainer.get("config") or {}) for name, trainer in info.get("trainers", {}).items()}
        return Offer(
            name=str(info.get("name", "")),
            models=masks,
            passes=[str(choice) for choice in passes],
            strategies={name: str(strategy.get("description", "")) for name, strategy in info.get("strategies", {}).items()},
            trainers=trainers,
            completed=int(info.get("datastore", {}).get("completed", 0)),
            total=int(info.get("datastore", {}).get("total", 0)),
            about=str(info.get("description", "")),
            trained={name: _last_training(str(info["trainers"][name].get("description", ""))) for name in trainers},
        )

    # --- cases

    def next_case(self, strategy: str, stop: Stop) -> Optional[NextCase]:
        """The case to do next with all its sequences, or None: there is none left."""
        sample = self._post(f"/activelearning/{strategy}", {"client_id": self.client.client_id}, stop)
        if not sample.get("id"):
            return None
        return self.open_case(str(sample["id"]), reason=str(sample.get("reason", "")), label=strategy == "review", stop=stop)

    def open_case(self, case_id: str, reason: str, label: bool, stop: Stop) -> NextCase:
        """A case with all its sequences.

        Args:
            case_id: the case.
            reason: why it was chosen.
            label: bring its accepted label, if it has one.
            stop: cancels it.
        """
        listed = self.client.get("/datastore/image/sequences", {"image": case_id}, stop)
        sequences: List[Sequence] = []
        file, about = None, ""
        try:
            for entry in listed["sequences"]:
                sequences.append(self._sequence(case_id, str(entry["sequence"]), str(entry.get("path", "")), stop))
            if label:
                versions = self.client.get("/datastore/label/versions", {"label": case_id, "tag": "final"}, stop)
                if versions:
                    file = self._download("/datastore/label", {"label": case_id, "tag": "final"}, ".nii.gz", stop)
                    newest = versions[-1]
                    about = f"accepted label, version {newest.get('version')} by {newest.get('author') or 'nobody named'}"
        except BaseException:
            remove_files([sequence.path for sequence in sequences if sequence.temporary])
            raise
        return NextCase(case_id, reason, sequences, [str(name) for name in listed.get("missing", [])], file, about)

    def _sequence(self, case_id: str, name: str, path: str, stop: Stop) -> Sequence:
        if path and os.path.isfile(path):  # the server's disk is ours
            return Sequence(name, path, False)
        file = self._download("/datastore/image/sequence", {"image": case_id, "sequence": name}, "", stop)
        return Sequence(name, file, True)

    # --- what is computed

    def segment(self, case_id: str, model: str, passes: str, stop: Stop) -> Answer:
        """A mask."""
        return self._infer(model, case_id, {"passes": passes, "result_extension": ".nrrd", "result_dtype": "uint8"}, stop)

    def uncertainty(self, case_id: str, measure: str, region: str, model: str, passes: int, stop: Stop) -> Answer:
        """A map of a model's uncertainty, by so many passes."""
        options = {"measure": measure, "region": region, "of": model, "passes": passes, "result_extension": ".nii.gz"}
        return self._infer("uncertainty", case_id, options, stop)

    def places(self, case_id: str, model: str, count: int, stop: Stop) -> List[Place]:
        """The places to look at, worst first."""
        answer = self._infer("where_to_look", case_id, {"places": count, "of": model}, stop)
        try:
            with open(answer.path, encoding="utf-8") as stream:
                return read_places(json.load(stream))
        finally:
            remove_files([answer.path])

    def queue(self, stop: Stop) -> Dict[str, Any]:
        """What waits and computes."""
        return dict(self.client.get("/queue/", {"client_id": self.client.client_id}, stop))

    def _infer(self, task: str, case_id: str, params: Dict[str, Any], stop: Stop) -> Answer:
        form = ({"params": json.dumps({**params, "client_id": self.client.client_id})}, [])
        reply = self.client.ask("POST", f"/infer/{task}", query={"image": case_id}, form=form, stop=stop, timeout=LONG_S)
        try:
            parts = {part.field: part for part in multipart.read(reply.body, reply.content_type)}
            about, file = json.loads(parts["params"].content.decode("utf-8")), parts["image"]
        except (KeyError, ValueError) as error:
            raise ServerError(f"The server's answer to {task} cannot be read ({error}).") from error
        path = self._path(_ending(file.filename or ""))
        with open(path, "wb") as stream:
            stream.write(file.content)
        return Answer(path, about)

    # --- labels

    def submit(self, case_id: str, label: str, about: Dict[str, Any], stop: Stop) -> Dict[str, Any]:
        """Store a label file as the reader's; the server's answer says what it changed."""
        with open(label, "rb") as stream:
            content = stream.read()
        form = ({"params": json.dumps({**about, "client_id": self.client.client_id})}, [("label", os.path.basename(label), content)])
        return dict(self.client.ask("PUT", "/datastore/label", query={"image": case_id}, form=form, stop=stop).json())

    # --- training

    def train(self, trainer: str, options: Dict[str, Any], stop: Stop) -> Dict[str, Any]:
        """Begin a training."""
        return self._post(f"/train/{trainer}", {**options, "client_id": self.client.client_id}, stop)

    def training(self, stop: Stop) -> Optional[Dict[str, Any]]:
        """The training that is under way or was the last one; None: there was none since the server started."""
        try:
            return dict(self.client.get("/train/", stop=stop))
        except ServerError as error:
            if error.status == 404:
                return None
            raise

    def stop_training(self, stop: Stop) -> Optional[Dict[str, Any]]:
        """End the training that is under way, if it is this reader's."""
        found = self.client.ask("DELETE", "/train/", query={"client_id": self.client.client_id}, stop=stop).json()
        return None if found is None else dict(found)

    # --- helpers

    def _post(self, path: str, data: Dict[str, Any], stop: Stop) -> Dict[str, Any]:
        return dict(self.client.ask("POST", path, data=data, stop=stop).json())

    def _download(self, path: str, query: Dict[str, Any], ending: str, stop: Stop) -> str:
        return str(self.client.ask("GET", path, query=query, into=self._path(ending or ".nii.gz"), stop=stop).path)

    def _path(self, ending: str) -> str:
        os.makedirs(self._folder, exist_ok=True)
        # A name of its own: two cases' files are never mixed up, whatever they are called on the server.
        return os.path.join(self._folder, uuid.uuid4().hex + ending)


def remove_files(paths: List[str]) -> None:
    """Delete files that may be gone already."""
    for path in paths:
        with contextlib.suppress(OSError):
            os.remove(path)


def _ending(name: str) -> str:
    lower = name.lower()
    for ending in (".nii.gz", ".nii", ".nrrd", ".mha", ".json"):
        if lower.endswith(ending):
            return ending
    raise ServerError(f"The server sent a file {name!r}, which cannot be read here.")


def _last_training(description: str) -> str:
    """How the last training ended, from a trainer's description; empty: there was none."""
    _, found, rest = description.partition("The last one: ")
    return rest.replace("Research use only, not a medical device.", "").strip() if found else ""
