"""A server can be watched: whether it is well, figures for Prometheus, and a log that machines read."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.labelserver.conftest import Server, serving, wait_until, write_small_studies

from gliolabel.labelserver.watching import Figures
from gliolabel.labelserver.watching.logs import set_up_log


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, small_weights: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("watched")
    (folder / "tmp").mkdir()
    with serving(folder, small_weights) as start:
        studies = write_small_studies(folder / "studies", cases=3, labelled=1)
        yield start(studies, conf={"log": "json"}, env={"TMPDIR": str(folder / "tmp")})


def figures_of(server: Server) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = server.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {(sample.name, frozenset(sample.labels.items())): sample.value for family in families for sample in family.samples}


def value(server: Server, name: str, **labels: str) -> float:
    return figures_of(server).get((name, frozenset(labels.items())), 0.0)


def test_it_is_well(server: Server) -> None:
    answer = server.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "problems": {}})


def test_requests_stages_models_cases_and_the_queue_are_told(server: Server) -> None:
    before = value(server, "gliolabel_requests_total", method="POST", route="/infer/{model}", status="200")
    server.client().infer("unet3d", "Case_001", {"passes": 0})
    server.get("/datastore/image?image=nobody")
    found = figures_of(server)

    def of(name: str, **labels: str) -> float:
        return found.get((name, frozenset(labels.items())), 0.0)

    assert of("gliolabel_requests_total", method="POST", route="/infer/{model}", status="200") == before + 1
    assert of("gliolabel_requests_total", method="GET", route="/datastore/image", status="404") == 1
    assert of("gliolabel_stage_seconds_count", model="unet3d", stage="network") == before + 1
    assert of("gliolabel_model_info", model="unet3d", version="untrained-1") == 1
    assert (of("gliolabel_cases", state="completed"), of("gliolabel_cases", state="to do")) == (1, 2)
    assert (of("gliolabel_queue", state="waiting"), of("gliolabel_queue", state="computing")) == (0, 0)
    assert of("process_open_fds") > 3
    named = [labels for _, labels in found if any("Case_" in text for _, text in labels)]
    assert not named, "no figure names a case"


def test_every_line_of_the_log_is_an_object_and_a_request_has_its_number(server: Server) -> None:
    answer = server.get("/datastore/image?image=nobody", headers={"X-Request-ID": "of-this-test"})
    assert answer.headers["X-Request-ID"] == "of-this-test"

    def lines() -> list[dict[str, object]]:
        text = (line for line in server.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in map(json.loads, text) if line.get("request_id") == "of-this-test"]

    wait_until(lambda: any("seconds" in line for line in lines()), seconds=10)
    (request,) = [line for line in lines() if "seconds" in line]
    assert (request["method"], request["route"], request["status"]) == ("GET", "/datastore/image", 404)
    # MONAI Label prints a few lines before it sets up its log; all after the first object are objects.
    text = server.log.read_text().splitlines()
    first = next(number for number, line in enumerate(text) if line.startswith("{"))
    assert [line for line in text[first:] if not line.startswith("{")] == []


def test_nothing_is_left_in_the_systems_temporary_folder(server: Server) -> None:
    server.client().infer("unet3d", "Case_001", {"passes": 0})
    assert list((server.log.parent / "tmp").iterdir()) == []


def test_a_study_folder_that_is_gone_is_told(serve, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    server = serve(write_small_studies(tmp_path / "studies", cases=1))
    (tmp_path / "studies").rename(tmp_path / "elsewhere")
    answer = server.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == {"studies": "The study folder cannot be read."}


def test_a_figure_that_cannot_be_told_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    figures = Figures()
    figures.ask("gliolabel_away", "Away.", labels=["part"], source=lambda: {}["nothing"])
    figures.ask("gliolabel_there", "There.", labels=["part"], source=lambda: {("a",): 1.0})
    for _ in range(2):
        assert b'gliolabel_there{part="a"} 1.0' in figures.text()
    assert caplog.text.count("gliolabel_away cannot be told") == 1, "said once"


def test_an_error_in_the_log_is_one_line() -> None:
    stream = io.StringIO()
    handler, logger = logging.StreamHandler(stream), logging.getLogger("tests.watching")
    logger.addHandler(handler)
    try:
        set_up_log("json")
        try:
            raise ValueError("two\nlines")
        except ValueError:
            logger.exception("it failed")
    finally:
        logger.removeHandler(handler)
        set_up_log("text")
    (line,) = stream.getvalue().splitlines()
    assert (json.loads(line)["level"], json.loads(line)["message"]) == ("ERROR", "it failed")
    assert "ValueError: two" in json.loads(line)["exc_info"]
