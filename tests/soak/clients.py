"""The clients: readers at work with the unmodified MONAI Label client, and one who trains."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import SimpleITK as sitk
from monailabel.client import MONAILabelClient
from tests.soak.asking import Asking, Reply
from tests.soak.ledger import Image, Submission
from tests.soak.marked_labels import Mark, draw, read_mark
from tests.soak.site import MODEL, PASSES, Site, digest
from tests.soak.trouble import BROKEN

from gliolabel.studies.writing import write_volume

#: What the plugin sends with every run.
_PLUGIN = {"result_extension": ".nrrd", "result_dtype": "uint8"}
_NAMES = ("necrosis", "edema", "enhancing tumor")
_STRATEGIES = ("most_uncertain", "random", "sequential")
#: These cases are offered and never submitted, so that Next Sample always has something to choose from.
_NEVER_SUBMITTED = 4


class Client(threading.Thread):
    """A client that does one thing after another until it is told to stop.

    Args:
        number: of the client.
        asking: sends its requests.
        site: what is served.
        folder: for its downloads.
        seed: of the soak.
        stop: set when it is to end.
    """

    def __init__(self, number: int, *, asking: Asking, site: Site, folder: Path, seed: int, stop: threading.Event) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        self.number, self.asking, self.site, self.folder, self.stop = number, asking, site, folder, stop
        self.chance = random.Random(f"{seed} client {number}")
        self.author = f"reader-{number}"
        folder.mkdir(parents=True)

    @property
    def client(self) -> MONAILabelClient:
        # A new one for each action, as the plugin does: the server may have another address by now.
        return MONAILabelClient(self.asking.keeper.server.url, tmpdir=str(self.folder), client_id=self.author)

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                self.act()
                self.stop.wait(self.chance.uniform(0.05, 0.6))
                if not self.asking.keeper.up.is_set():
                    self.stop.wait(2)
        except Exception as error:
            self.asking.ledger.found(f"{self.name} does not understand what it was answered: {error!r}")
            raise

    def act(self) -> None:
        """One action."""
        raise NotImplementedError


class Reader(Client):
    """Opens cases, has them segmented, looks at maps, corrects and submits."""

    def __init__(self, number: int, *, asking: Asking, site: Site, folder: Path, seed: int, stop: threading.Event) -> None:
        super().__init__(number, asking=asking, site=site, folder=folder, seed=seed, stop=stop)
        self._submitted = 0
        self._actions: dict[Callable[[], object], int] = {
            self.look: 3,
            self.open_next: 4,
            self.segment: 4,
            self.map: 2,
            self.segment_opened_volume: 2,
            self.submit: 4,
            self.list_cases: 1,
            self.fetch_label: 1,
            self.be_careless: 1,
            self.go_away: 1,
        }

    def act(self) -> None:
        (action,) = self.chance.choices(list(self._actions), list(self._actions.values()))
        action()
        for file in self.folder.iterdir():
            file.unlink()

    def look(self) -> None:
        """What the plugin asks all the time."""
        reply = self.asking.ask("info", self.client.info)
        if reply.status == 200 and not {MODEL, "resunet2d"} <= set(reply.value["models"]):
            self.asking.ledger.found(f"info: models are missing, there are {list(reply.value['models'])}")

    def open_next(self) -> None:
        """Next Sample, and a click on what was offered; sometimes it is submitted as well."""
        strategy = self.chance.choice(_STRATEGIES)
        reply = self.asking.ask("next sample", lambda: self.client.next_sample(strategy, {}))
        case_id = (reply.value or {}).get("id")
        if case_id is None:
            return
        if case_id not in self.site.case_ids and not case_id.startswith(BROKEN):
            self.asking.ledger.found(f"next sample: offers {case_id!r}, which was never there")
        elif reply.value["PatientID"] != case_id or not Path(reply.value["path"]).name.startswith(case_id):
            self.asking.ledger.found(f"next sample: offers {case_id} with another's image: {reply.value}")
        else:
            self.segment(case_id)
            if case_id in self.site.case_ids[:-_NEVER_SUBMITTED] and self.chance.random() < 0.1:
                self.submit(case_id)

    def segment(self, case_id: str = "") -> None:
        """One click."""
        case_id = case_id or self.chance.choice(self.site.case_ids)
        model = self.chance.choice((MODEL, MODEL, "resunet2d"))
        passes = self.chance.choice(("0", "0", "auto"))
        ends = self.asking.keeper.ends
        reply = self.asking.ask("segment", lambda: self.client.infer(model, case_id, {**_PLUGIN, "passes": passes}), about=case_id)
        self._keep("mask", case_id, reply, ends)

    def map(self) -> None:
        """The map of where the model is unsure."""
        case_id, ends = self.chance.choice(self.site.case_ids), self.asking.keeper.ends
        params = {"passes": PASSES, "of": MODEL}
        reply = self.asking.ask("map", lambda: self.client.infer("uncertainty", case_id, dict(params)), about=case_id)
        self._keep("map", case_id, reply, ends)

    def segment_opened_volume(self) -> None:
        """A volume that was opened in Slicer: a session, a click, the end of the session."""
        case_id = self.chance.choice(self.site.case_ids)
        volume = self.site.volume(case_id)
        if self.asking.trouble.spoiled(case_id):
            return  # the file that the client sends may be the spoiled one
        opened = self.asking.ask("session", lambda: self.client.create_session(str(volume)))
        if opened.status != 200:
            return
        session, ends, name = opened.value["session_id"], self.asking.keeper.ends, volume.name.removesuffix(".nii.gz")
        gone = (404,) if self.asking.trouble.clock_jumped else ()
        reply = self.asking.ask(
            "segment session",
            lambda: self.client.infer(MODEL, name, {**_PLUGIN, "passes": "0"}, session_id=session),
            may_be=gone,
        )
        if not self.asking.trouble.spoiled(case_id):
            self._keep("session", case_id, reply, ends)
        if self.asking.ask("end session", lambda: self.client.remove_session(session), may_be=gone).status == 200:
            self.asking.ledger.sessions_ended.append(session)

    def submit(self, case_id: str = "") -> None:
        """A label that tells of itself, its segments in any order."""
        case_id = case_id or self.chance.choice(self.site.case_ids[:-_NEVER_SUBMITTED])
        case = self.site.case_ids.index(case_id)
        self._submitted += 1
        mark = Mark(case, self.number, self._submitted)
        order = self.chance.sample(range(3), 3)
        table = np.zeros(4, np.uint8)
        for position, tissue in enumerate(order):
            table[tissue + 1] = position + 1
        path = self.folder / "submitted.nrrd"
        write_volume(table[draw(mark, self.site.tumours[case])], self.site.grid(case), path)
        info = {"label_info": [{"name": _NAMES[tissue]} for tissue in order], "model": MODEL}
        submission = Submission(mark, case_id, self.author)
        self.asking.ledger.submissions.append(submission)
        reply = self.asking.ask("submit", lambda: self.client.save_label(case_id, str(path), params=info), about=case_id)
        submission.status = reply.status
        if reply.status == 200:
            submission.version = reply.value["version"]

    def list_cases(self) -> None:
        """What the reviewer plugin asks all the time."""
        reply = self.asking.ask("list", self.client.datastore)
        if reply.status == 200 and not set(self.site.case_ids) <= set(reply.value["objects"]):
            missing = sorted(set(self.site.case_ids) - set(reply.value["objects"]))
            if not all(self.asking.trouble.spoiled(case_id) for case_id in missing):
                self.asking.ledger.found(f"list: without {', '.join(missing)}")

    def fetch_label(self) -> None:
        """The newest label of a case: whoever's it is, it is whole and of that case."""
        case_id, ends = self.chance.choice(self.site.case_ids[:-_NEVER_SUBMITTED]), self.asking.keeper.ends
        reply = self.asking.ask("fetch label", lambda: self.client.download_label(case_id, "final"), about=case_id, may_be=(404,))
        if reply.status != 200 or (array := self._voxels(reply.value, ends)) is None:
            return
        number = self.site.case_ids.index(case_id)
        if np.array_equal(array, self.site.tumours[number]):
            return  # the one that lay beside the case
        try:
            mark = read_mark(array, self.site.tumours)
        except ValueError as error:
            self.asking.ledger.found(f"fetch label {case_id}: {error}")
        else:
            if mark.case != number:
                self.asking.ledger.found(f"fetch label {case_id}: it is {mark}")

    def be_careless(self) -> None:
        """Requests that must be refused, whatever goes on."""
        case_id = self.chance.choice(("Case_999", f"{BROKEN}0", "../Case_000"))
        reply = self.asking.ask("careless", lambda: self.client.infer(MODEL, case_id, dict(_PLUGIN)), may_be=(404, 422))
        if reply.status == 200:
            self.asking.ledger.found(f"segment {case_id}: there is no such case, and it was segmented")

    def go_away(self) -> None:
        """Ask for a mask and not wait for it; or break off in the middle of an upload."""
        url = urlsplit(self.asking.keeper.server.url)
        head = f"POST /infer/{MODEL}?image={self.chance.choice(self.site.case_ids)} HTTP/1.1\r\nHost: soak\r\n"
        body = ""
        if self.chance.random() < 0.5:
            head += "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n"
            body = '--b\r\nContent-Disposition: form-data; name="file"; filename="t1.nii.gz"\r\n\r\n' + "x" * 5000
        else:
            head += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n"
        try:
            with socket.create_connection((url.hostname or "", url.port or 0), timeout=10) as connection:
                connection.sendall((head + body).encode())
                self.stop.wait(self.chance.uniform(0, 0.3))
        except OSError:
            pass  # the server is down

    def _keep(self, kind: str, case_id: str, reply: Reply, ends: int) -> None:
        """Write down which image was answered; whose it is, is seen afterwards."""
        if reply.status != 200:
            return
        file, params = reply.value
        array = None if file is None else self._voxels(file, ends)
        if array is None:
            return
        if params.get("warnings") and self.asking.trouble.spoiled(case_id):
            return  # a sequence was spoiled, the answer says so, and it was made without it
        image = Image(kind, case_id, params["model"], params["model_version"], digest(array))
        self.asking.ledger.images.append(image)

    def _voxels(self, file: str, ends: int) -> np.ndarray | None:
        try:
            return sitk.GetArrayFromImage(sitk.ReadImage(file))
        except RuntimeError as error:
            if not self.asking.was_killed_since(ends):
                self.asking.ledger.found(f"the answer's file {Path(file).name} cannot be read: {error}")
            return None


class Trainer(Client):
    """Trains whenever nobody does."""

    def act(self) -> None:
        """See to it that a training runs."""
        self.stop.wait(3)
        running = self.asking.ask("train status", lambda: self.client.train_status(check_if_running=True))
        if running.status == 200 and not running.value:
            options = {"epochs": 1, "learning_rate": 0.01, "promote": self.chance.choice(("wait", "automatically"))}
            # 422: nothing is new since the last one; 429: one was begun meanwhile.
            self.asking.ask("train", lambda: self.client.train_start(MODEL, dict(options)), may_be=(422, 429))
