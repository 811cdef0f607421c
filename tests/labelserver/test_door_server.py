"""The door of a real server, with the unmodified client: every route that MONAI Label brings, and every failure a reader can meet."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import SimpleITK as sitk
from monailabel.client import MONAILabelClient
from monailabel.client.client import MONAILabelClientException
from tests.labelserver.conftest import Server, serving, write_small_studies
from tests.labelserver.test_door import ELSEWHERE, nifti
from tests.labelserver.test_server import reference
from tests.labelserver.test_server_labels import INFO, files_below, label_file

#: Ids, tags and names that lead somewhere else.
SIDEWAYS = [
    "..",
    "../Case_001",
    "/etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "Case_001/../Case_002",
    "a\\b",
    "C:\\x",
    "a\x00b",
    "a\nb",
    ".",
]
UNKNOWN = "nobody"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, small_weights: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("door")
    with serving(folder, small_weights) as start:
        yield start(write_small_studies(folder / "studies", cases=2, labelled=1), conf={"upload_limit": "16"})


@pytest.fixture
def client(server: Server) -> MONAILabelClient:
    return server.client()


def told(call: Any) -> tuple[int, str]:
    """Status and sentence, as the plugin's error box shows them."""
    with pytest.raises(MONAILabelClientException) as error:
        call()
    found = re.fullmatch(r'Status: (\d+); Response: .*"detail":"(.*?) \(request [0-9a-f]{8}\)".*', str(error.value.msg), re.DOTALL)
    assert found, error.value.msg
    return int(found[1]), found[2]


# --- told in words


def test_the_number_in_the_sentence_finds_the_log(server: Server, client: MONAILabelClient) -> None:
    answer = server.post("/infer/unet3d", params={"image": UNKNOWN})
    number = answer.headers["X-Request-ID"]
    assert number in answer.json()["detail"]
    lines = [line for line in server.log.read_text().splitlines() if f"[request {number}]" in line]
    assert any(UNKNOWN in line and "404" in line for line in lines)


def test_failures_a_reader_meets(server: Server, client: MONAILabelClient, tmp_path: Path) -> None:
    """In the order of the issue's list; weights and PACS are in tests of their own."""
    status, sentence = told(lambda: client.infer("unet3d", UNKNOWN, {}))
    assert (status, UNKNOWN in sentence) == (404, True)
    volume = tmp_path / "scan.nii.gz"
    volume.write_bytes(reference(server, "Case_001").read_bytes())
    session = client.create_session(str(volume))["session_id"]
    status, sentence = told(lambda: client.infer("unet3d", "scan", {"passes": 0}, session_id=session))
    assert status == 422
    assert "which MRI sequence" in sentence
    client.remove_session(session)
    status, sentence = told(lambda: client.infer("unet3d", "Case_001", {"passes": 0}, session_id=session))
    assert status == 404
    assert "expired" in sentence
    status, sentence = told(lambda: client.infer("unet3d", "Case_001", {"passes": "many"}))
    assert status == 422
    assert "passes = 'many'" in sentence
    image = sitk.ReadImage(str(label_file(server, "Case_001", tmp_path / "label.nrrd")))
    image.SetOrigin((0, 0, 0))
    sitk.WriteImage(image, str(tmp_path / "moved.nrrd"))
    status, sentence = told(lambda: client.save_label("Case_001", str(tmp_path / "moved.nrrd"), params={"label_info": INFO}))
    assert status == 422
    assert "Nothing was stored" in sentence
    status, sentence = told(lambda: client.next_sample("luck", {}))
    assert status == 404
    assert "most_uncertain" in sentence
    status, sentence = told(lambda: client.train_start("unet3d", {"epochs": 0}))
    assert status == 422
    assert "epochs = 0" in sentence


# --- ids, tags, names


def test_nothing_leads_sideways(server: Server, tmp_path: Path) -> None:
    """Every route that takes a name, with names that are none."""
    before = files_below(server.state) | files_below(server.studies)
    volume = reference(server, "Case_001").read_bytes()
    label = label_file(server, "Case_001", tmp_path / "label.nii.gz").read_bytes()

    def file(field: str, content: bytes, name: str = "x.nii.gz") -> dict[str, Any]:
        return {"files": {field: (name, content)}}

    by_id = [
        lambda text: server.post("/infer/unet3d", params={"image": text}),
        lambda text: server.post("/infer/unet3d", params={"image": "Case_001", "session_id": text}),
        lambda text: server.post(f"/infer/{text}", params={"image": "Case_001"}),
        lambda text: server.put("/datastore/label", params={"image": text}, **file("label", label)),
        lambda text: server.put("/datastore/label", params={"image": "Case_001", "tag": text}, **file("label", label)),
        lambda text: server.get("/datastore/label", params={"label": text, "tag": "final"}),
        lambda text: server.get("/datastore/label", params={"label": "Case_000", "tag": text}),
        lambda text: server.get("/datastore/label/info", params={"label": text, "tag": "final"}),
        lambda text: server.get("/datastore/label/info", params={"label": "Case_000", "tag": text}),
        lambda text: server.put("/datastore/label/info", params={"label": text, "tag": "final"}, data={"info": "{}"}),
        lambda text: server.put("/datastore/label/info", params={"label": "Case_001", "tag": text}, data={"info": "{}"}),
        lambda text: server.put("/datastore/updatelabelinfo", params={"label": text, "tag": "final"}, data={"params": "{}"}),
        lambda text: server.delete("/datastore/label", params={"id": text, "tag": "final"}),
        lambda text: server.delete("/datastore/label", params={"id": "Case_001", "tag": text}),
        lambda text: server.get("/datastore/label/versions", params={"label": text}),
        lambda text: server.get("/datastore/image", params={"image": text}),
        lambda text: server.get("/datastore/image/info", params={"image": text}),
        lambda text: server.put("/datastore/image/info", params={"image": text}, data={"info": "{}"}),
        lambda text: server.delete("/datastore/image", params={"id": text}),
        lambda text: server.delete("/datastore/", params={"id": text}),
        lambda text: server.post(f"/activelearning/{text}", json={}),
        lambda text: server.post(f"/scoring/{text}", json={}),
        lambda text: server.post(f"/train/{text}", json={}),
        lambda text: server.post(f"/batch/infer/{text}", json={}),
        lambda text: server.get(f"/session/{text}"),
        lambda text: server.delete(f"/session/{text}"),
        lambda text: server.get(f"/model/info/{text}"),
        lambda text: server.get(f"/model/{text}"),
        lambda text: server.get(f"/proxy/dicom/{text}"),
    ]
    for ask, text in product(by_id, SIDEWAYS):
        answer = ask(text)
        # A dot is resolved by the client before it is sent: /train/. asks for /train/.
        assert answer.status_code in (404, 405, 422) or text in (".", ".."), (answer.request.method, answer.url, answer.text[:200])
        if answer.status_code >= 400:
            assert answer.json()["detail"], answer.url
            assert "Traceback" not in answer.text
    for text in SIDEWAYS:
        assert server.put("/datastore/", params={"image": text}, **file("file", volume)).status_code == 422, text
    # Of a file's own name only the ending counts; a path in it is cut off.
    sent = server.put("/datastore/image", **file("file", volume, "../../outside/evil t1.nii.gz"))
    assert (sent.status_code, sent.json()["image"]) == (200, "evil t1")
    assert server.delete("/datastore/image", params={"id": "evil t1"}).ok
    left = {path for path in (files_below(server.state) | files_below(server.studies)) - before if "sqlite" not in path.name}
    assert left == set()


def test_an_unknown_id_is_404_on_every_route(server: Server) -> None:
    for path, params in [
        ("/datastore/image", {"image": UNKNOWN}),
        ("/datastore/image/info", {"image": UNKNOWN}),
        ("/datastore/label", {"label": UNKNOWN, "tag": "final"}),
        ("/datastore/label/info", {"label": UNKNOWN, "tag": "final"}),
        ("/datastore/label/versions", {"label": UNKNOWN}),
        (f"/session/{UNKNOWN}", {}),
        (f"/model/{UNKNOWN}", {}),
        (f"/model/info/{UNKNOWN}", {}),
    ]:
        assert server.get(path, params=params).status_code == 404, path
    for path in (f"/infer/{UNKNOWN}?image=Case_001", f"/infer/unet3d?image={UNKNOWN}", f"/activelearning/{UNKNOWN}", f"/train/{UNKNOWN}"):
        assert server.post(path).status_code == 404, path
    for path in (f"/datastore/image?id={UNKNOWN}", f"/datastore/label?id={UNKNOWN}&tag=final", f"/session/{UNKNOWN}"):
        assert server.delete(path).status_code == 404, path


@pytest.mark.parametrize("route", ["/infer/unet3d?image=Case_001", "/infer/uncertainty?image=Case_001"])
@pytest.mark.parametrize(
    "params",
    [
        *({key: "Case_000"} for key in ("image", "model", "session", "session_id", "save_label", "label_tag", "label", "file")),
        {"image_path": "x"},
        {"output_dir": "x"},
        {"weights": "/etc/passwd"},
        {"x": "../../etc/passwd"},
        {"client_id": "ann\n[forged line]"},
        {"client_id": "a\u0000b"},
        {"x": "\ud800"},
    ],
)
def test_params_replace_nothing_and_name_no_path(client: MONAILabelClient, server: Server, route: str, params: dict[str, Any]) -> None:
    answer = server.post(route, data={"params": json.dumps(params)})
    assert answer.status_code == 422, answer.text[:200]


@pytest.mark.parametrize("route", ["/activelearning/random", "/train/unet3d", "/batch/infer/unet3d", "/scoring/", "/scoring/disagreement"])
@pytest.mark.parametrize(
    "params", ['{"image": "/etc/passwd"}', '{"session": "x"}', '{"x": "/etc/passwd"}', '{"x": NaN}', "[1]", "{", '"\\ud800"']
)
def test_bodies_replace_nothing_either(server: Server, route: str, params: str) -> None:
    answer = server.post(route, data=params, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text[:200]
    assert answer.json()["detail"]


def test_declared_options_are_allowed(server: Server, client: MONAILabelClient) -> None:
    config = client.info()["trainers"]["unet3d"]["config"]
    assert "device" in config
    answer = server.post("/train/unet3d", json={"device": config["device"][0], "epochs": 0})
    assert "epochs" in answer.json()["detail"], "the epochs are refused, the device is not"


# --- uploads


def test_the_same_volume_again_changes_nothing_and_another_is_a_conflict(server: Server, client: MONAILabelClient, tmp_path: Path) -> None:
    one, other, again, moved = (str(tmp_path / name) for name in ("one.nii.gz", "other.nii.gz", "again.nrrd", "moved.nii.gz"))
    image = sitk.ReadImage(str(reference(server, "Case_001")))
    sitk.WriteImage(image, one)
    sitk.WriteImage(image, again)
    sitk.WriteImage(image + 1, other)
    image.SetOrigin((0, 0, 0))
    sitk.WriteImage(image, moved)
    client.upload_image(one, "5: t1_mprage")
    label = label_file(server, "Case_001", tmp_path / "label.nii.gz")
    client.save_label("5: t1_mprage", str(label), params={"label_info": INFO})
    before = {path for path in files_below(server.state) if "sqlite" not in path.name}
    completed = client.info()["datastore"]["completed"]
    client.upload_image(one, "5: t1_mprage")
    client.upload_image(again, "5: t1_mprage")  # other bytes, the same voxels and grid
    for changed in (other, moved):
        status, sentence = told(lambda changed=changed: client.upload_image(changed, "5: t1_mprage"))
        assert status == 409
        assert "ename the volume in Slicer" in sentence
    assert client.info()["datastore"]["completed"] == completed
    assert {path for path in files_below(server.state) if "sqlite" not in path.name} == before
    assert sitk.ReadImage(client.download_label("5: t1_mprage", "final")).GetSize() == image.GetSize()
    server.delete("/datastore/image", params={"id": "5: t1_mprage"})


@pytest.mark.parametrize(
    "where", ["/datastore/?image=bomb t1", "/session/", "/datastore/label?image=Case_001", "/infer/unet3d?image=bomb t1"]
)
def test_bombs_are_stopped_wherever_a_file_is_taken(server: Server, where: str) -> None:
    field = {"/s": "files", "/i": "file"}.get(where[:2], "label" if "label" in where else "file")
    before = {path for path in files_below(server.state) if "sqlite" not in path.name}
    terabytes = gzip.compress(nifti(20_000, 20_000, 20_000))
    unpacked = gzip.compress(nifti(16, 16, 16, bits=8, voxels=bytes(16**3) + bytes(40 << 20)))
    detached = b"NRRD0004\ntype: short\ndimension: 3\nsizes: 8 8 8\nencoding: raw\ndata file: /etc/passwd\n\n"
    send = server.post if where.startswith("/infer") else server.put
    for name, content, status in [
        ("a t1.nii.gz", terabytes, 422),
        ("a t1.nii.gz", gzip.compress(nifti(400, 400, 400)), 413),
        ("a t1.nii.gz", unpacked, 422),
        ("a t1.nrrd", detached, 422),
        ("a t1.exe", b"MZ", 422),
        ("a t1.nii.gz", bytes(20 << 20), 413),
    ]:
        if content is unpacked and field == "files":
            continue  # a session's volume is unpacked when it is segmented
        answer = send(where, files={field: (name, content)})
        assert answer.status_code == status, (name, answer.text)
        assert answer.json()["detail"]
    assert {path for path in files_below(server.state) if "sqlite" not in path.name} == before


# --- where things lie


def test_paths_are_told_only_to_who_can_read_them(server: Server) -> None:
    secret = (str(server.studies), str(server.state), str(Path.home()))
    here = server.post("/activelearning/sequential", json={"client_id": "here"}).json()
    assert Path(here["path"]).is_file()
    there = server.post("/activelearning/sequential", json={"client_id": "there"}, headers=ELSEWHERE).json()
    assert "path" not in there
    assert {"id", "name", "checksum"} <= set(there), "enough to download it"
    for path in (
        "/info/",
        "/datastore/?output=all",
        "/datastore/?output=train",
        "/datastore/image/info?image=Case_001",
        "/datastore/label/info?label=Case_000&tag=final",
        "/train/",
        "/scoring/",
        "/batch/infer",
    ):
        assert not any(folder in server.get(path, headers=ELSEWHERE).text for folder in secret), path
    corrupt = server.studies / "Case_001" / "Case_001_t2.nii.gz"
    content = corrupt.read_bytes()
    try:
        corrupt.write_bytes(b"garbage")
        failed = server.post("/infer/unet3d?image=Case_001", data={"params": '{"passes": 0}'}, headers=ELSEWHERE)
        assert failed.status_code == 422
        assert "Case_001_t2.nii.gz" in failed.text
        assert not any(folder in failed.text for folder in secret)
    finally:
        corrupt.write_bytes(content)


def test_the_log_is_for_this_machine(server: Server) -> None:
    assert "GlioLabel" in server.get("/logs/?lines=10000").text
    for path in ("/logs/", "/logs/gpu"):
        refused = server.get(path, headers=ELSEWHERE)
        assert refused.status_code == 403
        assert "own machine" in refused.json()["detail"]
    assert server.get("/logs/?lines=-1").status_code == 422


# --- what MONAI Label brings


def test_closed_routes_say_why(server: Server) -> None:
    assert server.post("/reload").status_code == 405
    assert server.post("/train/").status_code == 405
    weights = server.get("/model/unet3d").content
    assert server.put("/model/unet3d", files={"file": ("model.pt", b"garbage")}).status_code == 405
    assert server.delete("/model/unet3d").status_code == 405
    assert server.get("/model/unet3d").content == weights
    for path in ("/infer/wsi/unet3d", "/infer/wsi_v2/unet3d"):
        answer = server.post(path, params={"image": "/etc/passwd"}, json={})
        assert answer.status_code == 404
        assert answer.json()["detail"]


def test_the_viewer_shows_its_own_files_only(server: Server) -> None:
    index = server.get("/ohif/").text
    assert "<html" in index
    for path in ("..%2f..%2f..%2fapp.py", "%2fetc%2fpasswd", "a%00b", "x" * 5000):
        assert server.get(f"/ohif/{path}").text == index, path
    for path in ("..%2f..%2fapp.py", "%2e%2e/%2e%2e/app.py"):
        assert server.get(f"/static/{path}").status_code == 404


def test_checks_of_images_and_labels(server: Server) -> None:
    def head(path: str) -> int:
        return requests.head(server.url + path, timeout=30).status_code

    checksum = server.get("/datastore/image/info?image=Case_001").json()["checksum"]
    assert head("/datastore/image?image=Case_001") == 200
    assert head(f"/datastore/image?image=Case_001&check_sum={checksum}") == 200
    assert head("/datastore/image?image=Case_001&check_sum=SHA256:00") == 404
    assert head("/datastore/image?image=Case_001&check_sum=MD9:00") == 404
    assert head(f"/datastore/image?image={UNKNOWN}") == 404
    assert head("/datastore/label?image=Case_000&tag=final") == 200
    assert head("/datastore/label?image=Case_001&tag=nothing") == 404


def test_everything_in_the_schema_answers_in_words(server: Server) -> None:
    """No operation of the server's own schema, asked with nothing, ends in an internal error."""
    schema = server.get("/openapi.json").json()
    for path, operations in schema["paths"].items():
        for method in operations:
            answer = getattr(server, method)(re.sub(r"\{.*?\}", "x", path)) if method != "head" else None
            if answer is not None and answer.status_code >= 400:
                assert answer.status_code < 500, (method, path, answer.text)
                assert answer.json()["detail"]


def test_the_numbers_are_bounded(server: Server) -> None:
    for path in (
        f"/datastore/label?label=Case_000&tag=final&version={10**30}",
        f"/datastore/dataset?limit_cases={-1}",
        "/logs/?lines=99999999",
    ):
        assert server.get(path).status_code == 422, path


def test_masks_still_fit_their_images(client: MONAILabelClient) -> None:
    """After all that, the server still does what it is for."""
    file, _ = client.infer("unet3d", "Case_001", {"passes": 0})
    assert np.ndim(sitk.GetArrayFromImage(sitk.ReadImage(file))) == 3
