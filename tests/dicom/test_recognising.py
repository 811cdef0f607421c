"""Which series is which sequence, and what is said where that is in doubt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.dicom.made_up import HABITS

from gliolabel.dicom.recognising import StudyReading, read_study
from gliolabel.dicom.rules import Rules, load_rules
from gliolabel.dicom.series import MR_IMAGE, Series, case_id_of
from gliolabel.errors import InputError

STUDY = "1.2.3"


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules()


def series(number: int, *, frame: str = "f", slices: int = 30, problem: str = "", **tags: Any) -> Series:
    texts = {name: "\\".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in tags.items()}
    told = {"Modality": "MR", "SOPClassUID": MR_IMAGE, "Orientation": "axial", **texts}
    return Series(STUDY, f"1.2.3.{number}", number, frame, {k: v for k, v in told.items() if v}, slices=slices, problem=problem)


def usual(sequence: str, number: int, *, maker: str = "siemens", **changes: Any) -> Series:
    extra = {key: changes.pop(key) for key in ("frame", "slices", "problem") if key in changes}
    return series(number, **extra, **{**HABITS[maker][sequence], **changes})


def read(rules: Rules, *found: Series) -> StudyReading:
    return read_study(STUDY, found, rules)


def numbers(reading: StudyReading) -> dict[str, int | None]:
    return {sequence: chosen.series.number for sequence, chosen in reading.chosen.items()}


def reasons(reading: StudyReading) -> dict[int | None, str]:
    return {one.number: reason for one, reason in reading.left_out}


@pytest.mark.parametrize("maker", HABITS)
@pytest.mark.parametrize("kept", ["both", "tags", "description"])
def test_makers_habits_are_recognised_by_tags_and_by_description_alone(rules: Rules, maker: str, kept: str) -> None:
    habits = {sequence: dict(tags) for sequence, tags in HABITS[maker].items()}
    for sequence, tags in habits.items():
        if kept == "tags":
            del tags["SeriesDescription"]
        elif kept == "description":
            habits[sequence] = {"SeriesDescription": tags["SeriesDescription"]}
    found = numbers(read(rules, *(series(number, **habits[name]) for number, name in enumerate(habits, start=1))))
    if kept == "tags" and maker == "philips":  # neither agent nor inversion time is written down: two alike of each
        assert found == {}
    elif kept == "tags" and maker == "ge":  # no agent is written down, and either T1 series may be after contrast
        assert found == {"t2": 3, "flair": 4}
    else:
        assert found == {"t1": 1, "t1ce": 2, "t2": 3, "flair": 4}


def test_without_words_two_series_that_look_alike_are_not_guessed(rules: Rules) -> None:
    silent = {"SeriesDescription": "", "maker": "philips"}
    told = read(rules, usual("t2", 3, **silent), usual("flair", 4, maker="philips"))
    assert numbers(told) == {"t2": 3, "flair": 4}
    # One of them may well be FLAIR, so that one is 3-D says nothing.
    reading = read(rules, usual("t2", 3, **silent), usual("flair", 4, MRAcquisitionType="3D", **silent))
    assert not reading.chosen
    assert reading.doubts == ("2 candidates for t2: series 3, series 4; none is used. The rule file can say which",)
    assert "2 candidates for t2" in reading.refusal


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer"),
        ({"SeriesDescription": "3-pl T2* FGRE S"}, "localizer"),
        ({"ScanningSequence": "EP", "SeriesDescription": "ep2d"}, "echo-planar"),
        ({"SeriesDescription": "ep2d_diff_3scan_trace_p2_TRACEW"}, "diffusion"),
        ({"DiffusionBValue": 1000}, "diffusion"),
        ({"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC", "ND"]}, "diffusion"),
        ({"ImageType": ["DERIVED", "PRIMARY", "MPR", "NORM"]}, "derived (a map, a reformat or a projection)"),
        ({"ImageType": ["DERIVED", "SECONDARY", "OTHER"]}, "derived"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}, "phase or real part"),
        ({"SeriesDescription": "TOF_3D_multi-slab"}, "angiography"),
        ({"SeriesDescription": "t2_fl2d_tra_hemo"}, "susceptibility"),
        ({"SeriesDescription": "Ax T2* GRE"}, "susceptibility"),
        ({"InversionTime": 160}, "STIR"),
        ({"BodyPartExamined": "CSPINE"}, "another part of the body"),
        ({"Modality": "CT"}, "modality CT"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4"}, "is an MR object, but no MR image"),
    ],
)
def test_what_is_none_of_the_four_is_left_out(rules: Rules, tags: dict[str, Any], reason: str) -> None:
    assert reasons(read(rules, usual("t1", 1), usual("t2", 2, **tags))) == {2: reason}


def test_few_slices_are_no_volume(rules: Rules) -> None:
    assert reasons(read(rules, usual("t1", 1), usual("t2", 2, slices=5))) == {2: "only 5 slices"}


@pytest.mark.parametrize("agent", ["", "NONE", "no", "Kein KM", "N/A"])
def test_an_agent_that_was_not_given_is_none(rules: Rules, agent: str) -> None:
    assert numbers(read(rules, usual("t1", 1, SeriesDescription="", ContrastBolusAgent=agent))) == {"t1": 1}
    assert numbers(read(rules, usual("t1", 1, SeriesDescription="", ContrastBolusAgent="Gadavist 7 ml"))) == {"t1ce": 1}


@pytest.mark.parametrize(
    ("description", "sequence"),
    [
        ("Ax T1 pre", "t1"),
        ("AX T1 W/O", "t1"),
        ("t1_se_tra ohne KM", "t1"),
        ("Ax T1 POST GD", "t1ce"),
        ("T1 +C MPRAGE", "t1ce"),
        ("t1_mprage_tra nach KM", "t1ce"),
        ("Sag T1 FLAIR", "t1"),
        ("Ax T2 FLAIR", "flair"),
        ("t2_spc_da-fl_sag", "flair"),
        ("t2_spc_ir_sag_ns", "flair"),
        ("Ax T2 FRFSE", "t2"),
        ("t2w tse", "t2"),
        ("MP2RAGE thing", None),
        ("PD axial", None),
    ],
)
def test_descriptions(rules: Rules, description: str, sequence: str | None) -> None:
    assert next(iter(read(rules, series(1, SeriesDescription=description)).chosen), None) == sequence


def test_tags_and_description_that_contradict_each_other_are_not_used(rules: Rules) -> None:
    reading = read(rules, usual("t1", 1), usual("t2", 2, SeriesDescription="Ax T1 post"))
    assert numbers(reading) == {"t1": 1}
    assert reading.doubts == (
        "series 2: its tags say t2, its description says t1ce, so it is not used. The rule file can say which is right",
    )
    told = read(rules, usual("t1ce", 1, SeriesDescription="t1_mprage_pre"))
    assert not told.chosen
    assert "its tags say t1ce, its description says t1" in told.refusal


def test_several_candidates_are_decided_by_stated_preferences_only(rules: Rules) -> None:
    flat = usual("t1ce", 5, MRAcquisitionType="2D")
    reading = read(rules, flat, usual("t1ce", 6))
    assert numbers(reading) == {"t1ce": 6}
    assert reading.chosen["t1ce"].why == "its tags and description, 3-D"
    assert reasons(reading) == {5: "t1ce, not 3-D"}
    assert numbers(read(rules, usual("t2", 7, Orientation="coronal"), usual("t2", 8))) == {"t2": 8}

    two = read(rules, usual("t2", 3), usual("t1ce", 5), usual("t1ce", 6))
    assert numbers(two) == {"t2": 3}
    assert two.doubts == ("2 candidates for t1ce: series 5, series 6; none is used. The rule file can say which",)


def test_one_acquisition_stored_twice_counts_once(rules: Rules) -> None:
    when = {"AcquisitionDate": "20260101", "AcquisitionTime": "101112.5"}
    reading = read(rules, usual("t2", 3, **when), usual("t2", 33, **when))
    assert numbers(reading) == {"t2": 3}
    assert reasons(reading) == {33: "a copy of series 3"}


def test_other_frames_of_reference_are_not_mixed(rules: Rules, tmp_path: Path) -> None:
    found = [usual("t1", 1), usual("t2", 2), usual("t1ce", 9, frame="later")]
    reading = read(rules, *found)
    assert numbers(reading) == {"t1": 1, "t2": 2}
    assert "t1ce: series 9 lies in another frame of reference" in reading.doubts[0]
    assert numbers(read(_site(tmp_path, "frames: together"), *found)) == {"t1": 1, "t1ce": 9, "t2": 2}


def test_a_series_that_cannot_be_read_gives_way_to_one_that_can(rules: Rules) -> None:
    broken = usual("t2", 3, problem="slices are missing")
    assert numbers(read(rules, broken, usual("t2", 4))) == {"t2": 4}
    alone = read(rules, usual("t1", 1), broken)
    assert numbers(alone) == {"t1": 1}
    assert alone.doubts == ("t2: series 3 cannot be used: slices are missing",)


# --- the rule file


def _site(folder: Path, text: str) -> Rules:
    path = folder / "rules.yaml"
    path.write_text(text)
    return load_rules(path)


def test_a_person_decides_in_the_rule_file(tmp_path: Path) -> None:
    rules = _site(tmp_path, f"studies:\n  {case_id_of(STUDY)}: {{t1ce: 6, flair: null}}")
    reading = read(rules, usual("t1ce", 5), usual("t1ce", 6), usual("flair", 7))
    assert numbers(reading) == {"t1ce": 6}
    assert not reading.doubts
    assert reading.chosen["t1ce"].why == "the rule file"
    gone = read(rules, usual("t1ce", 5))
    assert not gone.chosen
    assert "the rule file names series 6, which cannot be used: there are 0 of that number" in gone.refusal


def test_a_section_of_the_sites_file_replaces_the_packages(tmp_path: Path) -> None:
    rules = _site(tmp_path, "by_description:\n  - {sequence: t2, when: {Description: sequenz a}}\nfewest_slices: 40")
    assert numbers(read(rules, series(1, slices=44, SeriesDescription="Sequenz_A"))) == {"t2": 1}
    assert read(rules, usual("t1", 1)).refusal
    assert rules.by_tags == load_rules().by_tags


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("frames: sometimes", ["frames", "'separate' or 'together'"]),
        ("by_tag: []", ["by_tag", "Known sections", "by_tags"]),
        ("leave_out: [{reason: x, when: {ImageType: '('}}]", ["leave_out.0.when.ImageType", "no regular expression"]),
        ("by_tags: [{sequence: t3, when: {EchoTime: true}}]", ["by_tags.0.sequence", "'t1ce'"]),
        ("by_tags: [{sequence: t2, when: {EchoTime: {from: 3}}}]", ["by_tags.0.when.EchoTime"]),
        ("[1, 2]", ["holds list"]),
        ("a: b: c", ["is not YAML"]),
    ],
)
def test_a_rule_file_that_cannot_be_used_is_explained(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(InputError) as error:
        _site(tmp_path, text)
    for word in [*words, "rules.yaml"]:
        assert word in str(error.value)


def test_a_rule_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml: cannot be read"):
        load_rules(tmp_path / "none.yaml")
