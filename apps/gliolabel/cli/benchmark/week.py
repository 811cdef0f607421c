"""``gliolabel benchmark --week``: does the loop of correction, training and gate make a model better, and never worse? On real cases."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from gliolabel.cli import console
from gliolabel.cli.benchmark.measuring import machine
from gliolabel.errors import InputError
from gliolabel.recipes import load_recipe
from gliolabel.state.files import replace_text
from gliolabel.studies import open_studies
from gliolabel.training.gate import GateCriteria, load_criteria
from gliolabel.training.provenance import code_version
from gliolabel.training.week import Day, plan_week, run_week

#: The result, in the folder of the week.
RESULT: Final = "result.json"
#: What makes a recipe small enough for a processor: fewer slices in a batch, one plane, and this many steps for the first champion.
_SMALLER: Final = {
    "resunet2d": ("sampling.batch_size=4", "sampling.planes=[axial]", "inference.planes=[axial]", "steps=400"),
    "unet3d": ("sampling.patch=[64, 64, 64]", "inference.mirror=false", "steps=500"),
}
#: Passes of a hundred steps after each round.
_EPOCHS: Final = 2
#: Share of the recipe's learning rate in a retraining. More than in a hospital's: this champion knows four cases.
_RATE_SHARE: Final = 0.3


def rehearsal_criteria(locked: int) -> GateCriteria:
    """The gate's own criteria, but for the number of locked cases: with so few it would never decide by itself."""
    return load_criteria().model_copy(update={"least_patients": max(2, locked), "least_patients_per_region": max(2, locked - 1)})


def measure_week(
    model: str, studies: Path, *, output: Path, seed: int, device: str, shown: bool, locked: int = 4, each: int = 4, rounds: int = 3
) -> dict[str, Any]:
    """Run the week, or the rest of it, and write the result.

    Args:
        model: name of the model.
        studies: folder of labelled cases.
        output: folder of the week.
        seed: which case comes when.
        device: where to train.
        shown: whether progress is shown.
        locked: locked cases.
        each: cases of the first champion, and of each round.
        rounds: rounds of corrections.

    Raises:
        InputError: model, folder or cases cannot be used.
        GlioLabelError: a training failed.
    """
    if model not in _SMALLER:
        raise InputError(f"--model {model}: expected {' or '.join(_SMALLER)}")
    if output.exists() and not output.is_dir():
        raise InputError(f"--output {output}: is a file; with --week name the folder of the week")
    if not studies.is_dir():
        raise InputError(f"--studies {studies}: there is no such folder. Name the folder that holds the labelled cases.")
    recipe = load_recipe(model, _SMALLER[model])
    store = open_studies(studies)
    cases = {case.id: case for case in store if case.label is not None and not case.missing}
    plan = plan_week({case_id: case_id for case_id in cases}, first=each, rounds=rounds, each=each, locked=locked, seed=seed)
    criteria = rehearsal_criteria(locked)
    learning_rate = float(f"{recipe.optimiser.learning_rate * _RATE_SHARE:.2g}")
    _same_week(output, {"recipe": recipe.model_dump(mode="json", exclude={"variants"}), "plan": _plan(plan), "epochs": _EPOCHS})
    days = run_week(
        plan,
        {case_id: cases[case_id] for case_id in (*plan.first, *sum(plan.rounds, ()), *plan.locked)},
        recipe=recipe,
        epochs=_EPOCHS,
        learning_rate=learning_rate,
        criteria=criteria,
        output=output,
        device=device,
        watch=_Watch(shown=shown),
        report=_reporter(shown),
    )
    result = {
        "machine": {**machine(), "device": device},
        "code_version": code_version(),
        "data": {"studies": studies.name, "cases": len(cases), "plan": _plan(plan), "seed": seed},
        "recipe": {"name": recipe.name, "changes": list(_SMALLER[model]), "steps": recipe.steps},
        "retraining": {"steps": 100 * _EPOCHS, "learning_rate": learning_rate},
        "criteria": criteria.model_dump(mode="json"),
        "days": [day.as_json() for day in days],
    }
    replace_text(output / RESULT, json.dumps(result, indent=1) + "\n")
    return result


def _plan(plan: Any) -> dict[str, Any]:
    return {"first": list(plan.first), "rounds": [list(names) for names in plan.rounds], "locked": list(plan.locked)}


def _same_week(output: Path, about: Mapping[str, Any]) -> None:
    """See that the folder holds this week or none."""
    path = output / "week.json"
    text = json.dumps(about, indent=1) + "\n"
    if not path.exists():
        replace_text(path, text)
    elif path.read_text(encoding="utf-8") != text:
        raise InputError(f"--output {output}: holds another week (recipe, cases, seed or length). Name another folder, or delete it.")


def _reporter(shown: bool) -> Callable[[Day], None] | None:
    def report(day: Day) -> None:
        scores = ", ".join(f"{region} {value:.3f}" for region, value in day.dice.items())
        console.note(f"{day.version}, {day.cases} cases: {scores}. {day.sentence or 'The first champion.'}")

    return report if shown else None


class _Watch:
    """Says on stderr how far a training is."""

    def __init__(self, *, shown: bool) -> None:
        self._shown, self._said = shown, -1

    def say(self, line: str) -> None:
        if self._shown:
            console.note(line)

    def progress(self, stats: Mapping[str, Any]) -> None:
        tenths = int(10 * float(stats["epoch"]) / max(1.0, float(stats["total_epochs"])))
        if self._shown and tenths != self._said:
            self._said = tenths
            console.note(f"training {tenths * 10} %, loss {float(stats['loss']):.3f}")

    def pause(self) -> None:
        """Nobody waits here."""
