from __future__ import annotations

import pytest

from gliolabel.errors import InputError
from gliolabel.labelserver import wire
from gliolabel.labelserver.configuration import read_configuration


@pytest.mark.parametrize("name", ["5: t1_mprage", "T1", "a.b", "Über", "x" * 128])
def test_node_names_are_ids(name: str) -> None:
    assert wire.new_image_id(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b", "C:\\x", ".hidden", "a\0", "a\n", " a", "x" * 129])
def test_paths_are_no_ids(name: str) -> None:
    with pytest.raises(InputError, match="image name"):
        wire.new_image_id(name)


def test_tags() -> None:
    assert wire.label_tag("version_3") == "version_3"
    for tag in ("", "..", "../x", "a/b", "a b", ".x", "x" * 65, "final\n"):
        with pytest.raises(InputError, match="label tag"):
            wire.label_tag(tag)


@pytest.mark.parametrize("text", ["[]", "1", "{", '{"x": NaN}', "[" * 100_000])
def test_params_must_be_an_object(text: str) -> None:
    with pytest.raises(InputError, match="params"):
        wire.read_params(text)


@pytest.mark.parametrize("key", ["image", "model", "session", "save_label", "label_tag"])
def test_params_cannot_replace_what_the_address_says(key: str) -> None:
    with pytest.raises(InputError, match=key):
        wire.read_params(f'{{"{key}": "x"}}')
    assert wire.read_params('{"client_id": "ann"}') == {"client_id": "ann"}


def test_the_plugins_values_are_understood() -> None:
    options = wire.read_options(wire.SegmentationOptions, {"passes": "", "sequence": "auto", "client_id": "ann", "result_dtype": "uint8"})
    assert options.passes == "auto"
    assert [wire.read_options(wire.SegmentationOptions, {"passes": given}).passes for given in (5, "5", "auto", 0, "0")] == [
        5,
        5,
        "auto",
        0,
        0,
    ]
    assert wire.read_options(wire.UncertaintyOptions, {"passes": "auto"}).passes == wire.BACKGROUND_PASSES


@pytest.mark.parametrize(
    ("kind", "params", "named"),
    [
        (wire.SegmentationOptions, {"passes": "abc"}, "passes = 'abc'"),
        (wire.SegmentationOptions, {"passes": 0.7}, "passes = 0.7"),
        (wire.SegmentationOptions, {"passes": -1}, "passes = -1"),
        (wire.SegmentationOptions, {"passes": 10**9}, "passes"),
        (wire.SegmentationOptions, {"passes": True}, "passes"),
        (wire.SegmentationOptions, {"sequence": "t3"}, "sequence = 't3'"),
        (wire.UncertaintyOptions, {"measure": "x"}, "measure = 'x'"),
        (wire.UncertaintyOptions, {"passes": 0}, "passes = 0"),
        (wire.PlacesOptions, {"places": 0}, "places = 0"),
        (wire.BatchOptions, {"label_tag": "final"}, "label_tag = 'final'"),
    ],
)
def test_a_bad_option_is_named(kind: type, params: dict, named: str) -> None:
    with pytest.raises(InputError, match=named):
        wire.read_options(kind, params)


def test_configuration_names_what_it_does_not_know() -> None:
    configuration, notes = read_configuration({"labels": "msd", "sam2": "false", "memory": "6"})
    assert configuration.labels == "msd"
    assert configuration.memory == 6.0
    assert len(notes) == 1
    assert "sam2" in notes[0]
    with pytest.raises(InputError, match="Did you mean state"):
        read_configuration({"staet": "x"})
    with pytest.raises(InputError, match="labels_in_folder"):
        read_configuration({"labels_in_folder": "maybe"})
