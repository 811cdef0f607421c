"""Requests that nobody would send, to every route the server says it has: no 500, each refusal a sentence, nothing written elsewhere.

The quick test makes them up here; the slow one has Schemathesis make them up from the server's own description of itself.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.labelserver.conftest import APP, REPOSITORY, Server, serving, write_small_studies
from tests.labelserver.promises import FROM_ELSEWHERE, broken_promise

from gliolabel.studies.files import EXTENSIONS

SCHEMATHESIS = "4.32.5"
#: It is run with this many requests for each route in each phase.
EXAMPLES = 40

#: Values that mean something to somebody.
NASTY = (
    *("", " ", "../../etc/passwd", "a\nb", "\x1b[0m", "🧠" * 40, "x" * 3000, "9" * 30, "'; DROP TABLE labels; --"),
    *(".", "..", "/etc/passwd", "a/b", "a\\b", "C:\\x", "%2e%2e%2f", "%00", "null", "None", "true", "-1", "0", "1e999", "NaN", "1.5"),
    *("[]", "{}", "${jndi:x}", "<script>", "*", "?"),
    *("final", "original", "uncertainty", "version_1", "version_99999999", "all", "json", "image", "unet3d", "Case_000", "nobody"),
)
WORDS = st.one_of(st.sampled_from(NASTY), st.text(max_size=12))
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=8,
)
#: Keys that are read somewhere.
KEYS = st.sampled_from(
    (
        *("passes", "seed", "sequence", "measure", "of", "places", "client_id", "label_info", "model", "image", "session_id", "save_label"),
        *("result_extension", "result_dtype", "label_tag", "max_batch_size", "device", "epochs", "user", "path", "segmentationMeta"),
        "images",
    )
)
PARAMS = st.dictionaries(st.one_of(KEYS, WORDS), ANYTHING, max_size=4)
JSON_TEXT = st.one_of(
    PARAMS.map(json.dumps),
    ANYTHING.map(json.dumps),
    st.sampled_from(("{", "", "\x00", '{"passes": NaN}', '{"client_id": "\\ud800"}', "[" * 5000, '{"a": ' + "9" * 5000 + "}", '"\\u0000"')),
)
FILE_NAMES = [*(f"x{extension}" for extension in EXTENSIONS), "x", "", "../x.nii.gz", "x.zip", "x\n.nrrd"]
CONTENTS = (b"", b"NRRD0004\n\n", b"\x1f\x8b\x08", b"ObjectType = Image\nElementDataFile = LOCAL\n")
FILES = st.tuples(st.one_of(st.sampled_from(FILE_NAMES), WORDS), st.one_of(st.sampled_from(CONTENTS), st.binary(max_size=400)))
#: Fields of a form that are read somewhere, and fields of files.
FORMS = st.sampled_from(((), ("params",), ("info",), ("username", "password"), ("file",), ("label",), ("files",)))
FILE_FIELDS = st.sampled_from((("file",), ("label",), ("files",), ("files", "files"), ("x",)))
#: Requests that begin work as they are meant to, or end what others began: not to a server that other tests use.
WORKING = {("POST", "/scoring/"), ("DELETE", "/train/"), ("DELETE", "/scoring/"), ("DELETE", "/batch/infer")}


def hidden_places(server: Server) -> list[str]:
    return [str(server.state.parent), str(REPOSITORY), sys.prefix, str(Path.home())]


def routes_of(server: Server) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation."""
    paths = server.get("/openapi.json").json()["paths"]
    return [(method.upper(), path, operation) for path, operations in paths.items() for method, operation in operations.items()]


@st.composite
def requests_to(draw: st.DrawFn, routes: list[tuple[str, str, dict[str, Any]]]) -> tuple[str, str, dict[str, Any]]:
    """A request to one of the routes: method, path and what ``requests.request`` takes besides."""
    method, path, operation = draw(st.sampled_from(routes))
    query: dict[str, Any] = {}
    # What exists may be asked for and not be changed: another test may need it.
    words = WORDS if method in ("GET", "HEAD") else WORDS.filter(lambda word: word not in ("Case_000", "unet3d"))
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", quote(draw(words), safe=""))
        elif parameter["name"] != "token" and (parameter.get("required") or draw(st.booleans())):
            query[parameter["name"]] = draw(words)
    options: dict[str, Any] = {"params": query}
    kinds = list(operation.get("requestBody", {}).get("content", ()))
    if kinds and draw(st.integers(0, 9)):
        if kinds[0] == "application/json":
            options["data"] = draw(JSON_TEXT).encode("utf-8", "surrogatepass")
            options["headers"] = {"Content-Type": "application/json"}
        else:
            options["data"] = {name: draw(JSON_TEXT) for name in draw(FORMS)}
            if kinds[0] == "multipart/form-data":
                options["files"] = [(name, draw(FILES)) for name in draw(FILE_FIELDS)]
    return method, path, options


def test_no_request_breaks_a_promise(shared_server: Server) -> None:
    hidden = hidden_places(shared_server)
    routes = [route for route in routes_of(shared_server) if route[:2] not in WORKING]
    assert len(routes) > 30
    before = tree(shared_server.studies)

    with requests.Session() as session:

        @settings(max_examples=250, suppress_health_check=list(HealthCheck))
        @given(requests_to(routes))
        def ask(request: tuple[str, str, dict[str, Any]]) -> None:
            method, path, options = request
            options = {**options, "headers": {**FROM_ELSEWHERE, **options.get("headers", {})}}
            answer = session.request(method, shared_server.url + path, timeout=60, **options)
            broken = broken_promise(method, answer.status_code, answer.headers.get("content-type", ""), answer.content, hidden=hidden)
            assert broken is None, (method, answer.url, broken)

        ask()
    assert tree(shared_server.studies) == before


def test_the_server_describes_the_routes_that_answer(shared_server: Server) -> None:
    described = {(method, path): operation for method, path, operation in routes_of(shared_server)}
    names = {parameter["name"] for parameter in described["GET", "/datastore/label"]["parameters"]}
    assert {"label", "tag", "version", "author"} <= names, "these are ours; MONAI Label's route at this address has two of them"
    assert described["POST", "/infer/{model}"]["summary"] == "Segment a case"


@pytest.mark.parametrize(
    ("method", "path", "options", "words"),
    [
        ("PUT", "/session/", {"files": {"files": (None, "text")}}, "files.0: expected a file."),
        ("PUT", "/datastore/?image=x", {"files": {"file": (None, "text")}}, "file: expected a file."),
        (
            "POST",
            "/activelearning/random",
            {"data": "{", "headers": {"Content-Type": "application/json"}},
            "its JSON cannot be read at byte 1.",
        ),
        ("POST", "/infer/unet3d?image=x", {"data": {"params": '{"a": "\\ud800"}'}}, "half of a character"),
    ],
)
def test_what_the_fuzzers_found_is_said_in_words(
    shared_server: Server, method: str, path: str, options: dict[str, Any], words: str
) -> None:
    answer = requests.request(method, shared_server.url + path, timeout=60, **options)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


# --- slow: Schemathesis


def tree(folder: Path | str, *, without: tuple[Path, ...] = ()) -> dict[str, tuple[int, int]]:
    """Size and time of every file below a folder."""
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and not any(path.is_relative_to(one) for one in without)
    }


@pytest.fixture(scope="session")
def schemathesis() -> Path:
    """Its command, in an environment of its own: it needs a newer jsonschema than MONAI Label allows."""
    cache = Path(os.environ.get("GLIOLABEL_CI_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gliolabel-ci")
    folder = cache / f"schemathesis-{SCHEMATHESIS}-py{sys.version_info.major}{sys.version_info.minor}"
    command = folder / "bin" / "schemathesis"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        install = [folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", f"schemathesis=={SCHEMATHESIS}"]
        done = subprocess.run(install, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            pytest.skip(f"Schemathesis cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
        (folder / "complete").touch()
    return command


@pytest.fixture
def site(tmp_path: Path, small_weights: Path) -> Iterator[Server]:
    """A server of its own, whose temporary folder is watched, too."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "home").mkdir()
    with serving(tmp_path, small_weights) as start:
        places = {"TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path / "home")}
        yield start(write_small_studies(tmp_path / "studies", cases=2, labelled=1), env=places)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_schemathesis_finds_nothing(schemathesis: Path, site: Server, tmp_path: Path) -> None:
    desk = tmp_path / "desk"  # where Schemathesis keeps what it remembers
    desk.mkdir()
    # MONAI Label's log is in the folder of the app.
    expected = (site.state, site.downloads, site.log, desk, APP / "logs")

    def others() -> dict[str, tuple[int, int]]:
        return tree(tmp_path, without=expected) | tree(REPOSITORY / "apps", without=expected)

    before = others()
    hooks = Path(__file__).with_name("schemathesis_hooks.py")
    command = [
        str(schemathesis),
        "run",
        f"{site.url}/openapi.json",
        "--checks",
        "keeps_its_promises",
        "--phases",
        "examples,coverage,fuzzing",
    ]
    command += ["--max-examples", str(EXAMPLES), "--seed", "1", "--continue-on-failure", "--suppress-health-check", "all", "--workers", "1"]
    command += ["--request-timeout", "120"]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": hooks.stem, "HIDDEN_PLACES": os.pathsep.join(hidden_places(site))}
    environment["PYTHONPATH"] = str(hooks.parent)
    done = subprocess.run(command, cwd=desk, env=environment, capture_output=True, text=True, timeout=1400, check=False)
    assert site.process.poll() is None, "the server ended"
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2000:]
    assert site.get("/info/").ok
    written = {path for path, seen in others().items() if before.get(path) != seen and "__pycache__" not in path}
    assert not written
