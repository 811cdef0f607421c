"""MONAI Label's defects, looked for by the same requests: they are there in its own radiology app, and not here."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import SimpleITK as sitk
from tests.labelserver.conftest import Server, serving, write_small_studies
from tests.labelserver.test_door import ELSEWHERE

from gliolabel.phantoms.phantom import make_phantom

pytestmark = pytest.mark.slow

STOCK = Path(sys.prefix) / "monailabel" / "sample-apps" / "radiology"
#: It would look for pretrained weights and SAM 2 on the network.
OFFLINE = {"models": "segmentation", "sam2": "false", "use_pretrained_model": "false", "skip_scoring": "true"}
EVIL = "https://evil.example"


class Target:
    """A server, one of its cases, and a volume that is none of its cases."""

    def __init__(self, server: Server, *, model: str, volume: Path) -> None:
        self.server, self.model = server, model
        self.case = next(iter(server.get("/datastore/?output=all").json()["objects"]))
        self.volume = volume
        # Beside the studies lies what nobody should reach.
        self.outside = server.studies.parent / "outside"
        self.outside.mkdir()
        shutil.copyfile(volume, self.outside / "secret.nii.gz")

    def upload(self, name: str, content: bytes | None = None) -> requests.Response:
        file = ("x.nii.gz", self.volume.read_bytes() if content is None else content)
        return self.server.put("/datastore/", params={"image": name}, files={"file": file})

    def infer(self, params: str = "{}", headers: dict[str, str] | None = None, **query: str) -> requests.Response:
        return self.server.post(f"/infer/{self.model}", params=query, data={"params": params}, headers=headers)

    def completed(self) -> int:
        return int(self.server.get("/info/").json()["datastore"]["completed"])


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    phantom = make_phantom(shape=(24, 40, 40), seed=(9, 9))
    path = tmp_path_factory.mktemp("volume") / "volume.nii.gz"
    sitk.WriteImage(phantom.grid.image(phantom.sequences["t1ce"]), str(path))
    return path


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory, volume: Path) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("stock")
    shutil.copytree(STOCK, folder / "radiology")
    (folder / "studies").mkdir()
    shutil.copyfile(volume, folder / "studies" / "Case_000.nii.gz")
    with serving(folder, None, app=folder / "radiology") as start:
        yield Target(start(folder / "studies", conf=OFFLINE), model="segmentation", volume=volume)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, small_weights: Path, volume: Path) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("ours")
    with serving(folder, small_weights) as start:
        yield Target(start(write_small_studies(folder / "studies", cases=1)), model="unet3d", volume=volume)


# --- each asks whether the defect is there

DEFECTS: list[Callable[[Target], bool]] = []


def defect(question: Callable[[Target], bool]) -> Callable[[Target], bool]:
    DEFECTS.append(question)
    return question


@defect
def an_upload_writes_outside_the_studies(target: Target) -> bool:
    target.upload("../outside/written t1")
    return any(target.outside.glob("written*"))


@defect
def a_tag_writes_outside_the_studies(target: Target) -> bool:
    label = {"label": ("x.nii.gz", target.volume.read_bytes())}
    target.server.put("/datastore/label", params={"image": target.case, "tag": "../../outside/by_tag"}, files=label)
    return any(path.name.startswith("by_tag") for path in target.outside.rglob("*"))


@defect
def params_replace_the_image(target: Target) -> bool:
    secret = target.outside / "secret.nii.gz"
    target.infer(f'{{"image": "{secret}"}}', image=target.case)
    # A server that took it says so in its log, or fails at reading it.
    return f"'image': '{secret}'" in target.server.log.read_text()


@defect
def an_absolute_path_is_an_image(target: Target) -> bool:
    return target.infer(image=str(target.outside / "secret.nii.gz")).status_code != 404


@defect
def an_unknown_image_is_something_else(target: Target) -> bool:
    return target.infer(image="nobody").status_code != 404


@defect
def an_unknown_session_is_another_case(target: Target) -> bool:
    return target.infer(image=target.case, session_id="nobody").status_code != 404


@defect
def errors_say_nothing(target: Target) -> bool:
    return target.server.post("/activelearning/luck", json={}).text == "Internal Server Error"


@defect
def words_that_are_no_json_are_an_internal_error(target: Target) -> bool:
    return target.infer("{", image=target.case).status_code == 500


@defect
def every_page_may_read_answers(target: Target) -> bool:
    answer = target.server.get("/info/", headers={"Origin": EVIL})
    return answer.headers.get("Access-Control-Allow-Origin") in ("*", EVIL)


@defect
def every_page_may_change_something(target: Target) -> bool:
    return target.infer(image="nobody", headers={"Origin": EVIL}).status_code != 403


@defect
def garbage_is_an_image(target: Target) -> bool:
    return target.upload("garbage t1", b"garbage").ok


@defect
def another_volume_of_that_name_drops_the_labels(target: Target) -> bool:
    assert target.upload("reader's t1").ok
    label = sitk.ReadImage(str(target.volume)) * 0
    path = target.volume.with_name("label.nii.gz")
    sitk.WriteImage(sitk.Cast(label, sitk.sitkUInt8), str(path))
    sent = {"label": ("label.nii.gz", path.read_bytes())}
    assert target.server.put("/datastore/label", params={"image": "reader's t1"}, files=sent).ok
    before = target.completed()
    other = target.volume.with_name("other.nii.gz")
    sitk.WriteImage(sitk.ReadImage(str(target.volume)) + 1, str(other))
    target.upload("reader's t1", other.read_bytes())
    return target.completed() < before


@defect
def paths_are_told_to_other_machines(target: Target) -> bool:
    answer = target.server.post("/activelearning/random", json={}, headers=ELSEWHERE)
    assert answer.ok
    return str(target.server.studies) in answer.text


@defect
def the_log_is_open_to_other_machines(target: Target) -> bool:
    return target.server.get("/logs/", headers=ELSEWHERE).ok


@defect
def weights_are_replaced_by_garbage(target: Target) -> bool:
    return target.server.put(f"/model/{target.model}", files={"file": ("model.pt", b"garbage")}).ok


@defect
def anybody_resets_the_server(target: Target) -> bool:
    return target.server.post("/reload").ok


@pytest.mark.parametrize("question", DEFECTS, ids=lambda question: question.__name__)
def test_stock_has_it(stock: Target, question: Callable[[Target], bool]) -> None:
    assert question(stock)


@pytest.mark.parametrize("question", DEFECTS, ids=lambda question: question.__name__)
def test_ours_has_not(ours: Target, question: Callable[[Target], bool]) -> None:
    assert not question(ours)
