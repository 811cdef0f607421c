"""``gliolabel benchmark --selection``: does the product's choice of the next case make the next model better than a random choice?"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch

from gliolabel.cli import console
from gliolabel.cli.benchmark.measuring import machine
from gliolabel.errors import InputError
from gliolabel.recipes import Recipe
from gliolabel.selection_study import Advance, Design, Records, SliceTrials, Study, draw_chart, summarise_study, write_json, write_whole
from gliolabel.training.provenance import code_version

#: The result and its picture, in the folder of the study.
RESULT: Final = "result.json"
CHART: Final = "chart.svg"


def read_budgets(text: str) -> tuple[int, ...]:
    """Numbers of cases from an option.

    Raises:
        InputError: they are not numbers.

    Example:
        >>> read_budgets("4,8,12")
        (4, 8, 12)
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--budgets {text}: expected numbers of cases with commas between them, such as 4,8,12") from None


def measure_selection(
    recipe: Recipe, studies: Path, *, output: Path, design: Design, seeds: int, device: str | None, shown: bool
) -> dict[str, Any]:
    """Run the study, or the rest of it, and write result and picture.

    Args:
        recipe: a 2-D recipe on whole slices with dropout.
        studies: a labelled folder in the recipe's layout.
        output: folder of the study. What it holds of the same study is not repeated.
        design: what is compared.
        seeds: how many repetitions.
        device: where to compute; by default the first GPU if there is one.
        shown: whether progress is shown.

    Returns:
        ``machine``, ``data``, ``recipe``, ``design``, ``found`` (see :func:`~gliolabel.selection_study.summarise_study`) and ``trainings``:
        Dice by locked case of each.

    Raises:
        InputError: recipe, folder or budgets cannot be used, or ``output`` holds another study.
        UnavailableError: something cannot be written.
    """
    if output.exists() and not output.is_dir():
        raise InputError(f"--output {output}: is a file; with --selection name the folder of the study")
    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    with console.progress_bar(shown=shown) as bar:
        task = bar.add_task("reading cases", total=None)
        trials = SliceTrials(
            recipe,
            studies,
            cache=output / "cache",
            device=where,
            report=lambda share: bar.update(task, description=f"training {share:.0%}"),
        )
        cases = {case_id: {**asdict(facts), "images": _digest(trials.image_sha256[case_id])} for case_id, facts in trials.facts.items()}
        records = Records(
            output, {"recipe": recipe.model_dump(mode="json", exclude={"variants"}), "design": design.as_json(), "cases": cases}
        )
        study = Study(design, seeds=range(seeds), trials=trials, records=records)
        bar.update(task, total=study.total)
        trainings = study.run(_reporter(bar, task) if shown else None)
    locked = study.draws[0].locked
    found = summarise_study(trainings, design, trials.facts)
    result = {
        "machine": {**machine(), "system": platform.system(), "device": where, "threads": torch.get_num_threads()},
        "code_version": code_version(),
        "data": {
            "studies": studies.name,
            "cases": len(cases),
            "patients": len({facts.patient for facts in trials.facts.values()}),
            "slices": sum(facts.slices for facts in trials.facts.values()),
            "tumour_slices": sum(facts.tumour_slices for facts in trials.facts.values()),
            "locked": len(locked),
            "ever_locked": len({case_id for one in study.draws for case_id in one.locked}),
            "pool": len(study.draws[0].pool),
        },
        "recipe": {"name": recipe.name, "steps": recipe.steps, "epochs": recipe.epochs, "patch": list(recipe.sampling.patch)},
        "design": {**design.as_json(), "seeds": seeds},
        "found": found,
        "trainings": [
            {"seed": one.seed, "strategy": one.strategy, "labelled": list(one.labelled), "dice": one.outcome.dice} for one in trainings
        ],
    }
    write_json(output / RESULT, result)
    write_whole(output / CHART, draw_chart(found))
    return result


def _reporter(bar: Any, task: Any) -> Callable[[Advance], None]:
    def report(advance: Advance) -> None:
        record = advance.record
        mean = sum(record.outcome.dice.values()) / len(record.outcome.dice)
        bar.update(task, completed=advance.done)
        console.note(
            f"repetition {record.seed}, {record.strategy}, {record.budget} cases: Dice {mean:.3f} on {len(record.outcome.dice)} locked; "
            f"{advance.done} of {advance.total} trainings, {advance.seconds_left / 60:.0f} min left"
        )

    return report


def _digest(checksums: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(checksums, sort_keys=True).encode()).hexdigest()
