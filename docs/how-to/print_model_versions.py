"""Run the commands of ``model-versions.md`` and write what they print into it.

    python docs/how-to/print_model_versions.py     # takes about two minutes on two cores

Every block of the page that begins with ``$ gliolabel models`` is run, in order, on a state folder made for it: the starter version of
unet3d, and a version site-1 that is the starter with disturbed weights, judged by the gate on four synthetic cases. The state folder's path
is written as ``/srv/gliolabel``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from gliolabel.phantoms import write_phantom_folder
from gliolabel.recipes import save_model_version
from gliolabel.registry import Registry
from gliolabel.state import StateFolder
from gliolabel.studies import open_studies
from gliolabel.training.gate import GateCase, judge, load_criteria, measure
from gliolabel.training.provenance import code_version

PAGE = Path(__file__).with_name("model-versions.md")
SHOWN = "/srv/gliolabel"
CASES, SHAPE = 4, (80, 96, 96)
#: Relative disturbance of every weight.
DISTURBANCE = 0.1
#: Lines of a long answer that are kept.
LONGEST = 24


def make_state(folder: Path) -> StateFolder:
    """The state folder of the example."""
    state = StateFolder(folder / "state").create()
    registry = Registry(state=state)
    starter = registry.champion("unet3d")
    torch.manual_seed(0)
    weights = {name: value * (1 + DISTURBANCE * torch.randn_like(value)) for name, value in starter.build().state_dict().items()}
    path = folder / "site-1.safetensors"
    metadata = {**starter.metadata, "code_version": code_version()}
    save_model_version(path, weights, name="unet3d", version="site-1", recipe=starter.recipe, metadata=metadata)
    write_phantom_folder(folder / "studies", cases=CASES, shape=SHAPE)
    cases = [GateCase.of(case) for case in open_studies(folder / "studies")]
    manifest = {"cases": [], "code_version": code_version(), "recipe": starter.recipe.name}
    challenger = registry.register(path, parent=starter, manifest=manifest, seed=0, metrics={"disturbance": DISTURBANCE}, actor="ann")
    verdict = judge(measure(starter, cases, device="cpu"), measure(challenger, cases, device="cpu"), load_criteria(None))
    registry.decide("unet3d", "site-1", verdict=verdict.as_json(), files=None)
    return state


def answer(command: str, state: Path) -> str:
    """What a command prints, with its exit code where it is not 0."""
    line = command.replace("gliolabel", f"{sys.executable} -m gliolabel.cli", 1)
    environment = {**os.environ, "GLIOLABEL_STATE": str(state), "COLUMNS": "140", "LOGNAME": "ann"}
    done = subprocess.run(line, shell=True, capture_output=True, text=True, env=environment, cwd=state.parent)
    text = (done.stdout + done.stderr).replace(str(state), SHOWN)
    lines = [line.rstrip() for line in text.rstrip().splitlines()]
    if len(lines) > LONGEST:
        lines = [*lines[:LONGEST], "..."]
    return "\n".join([*lines, *([f"(exit code {done.returncode})"] if done.returncode else [])])


def main() -> None:
    """Rewrite the page."""
    with tempfile.TemporaryDirectory() as folder:
        state = make_state(Path(folder)).path

        def run(block: re.Match[str]) -> str:
            return f"```text\n$ {block[1]}\n{answer(block[1], state)}\n```"

        page = re.sub(r"```text\n\$ (gliolabel models [^\n]*)\n.*?```", run, PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
