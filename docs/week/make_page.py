"""Write the page of the simulated week from what `gliolabel benchmark --week` wrote.

python docs/week/make_page.py docs/week/measured.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gliolabel.vocabulary import REGIONS, RESEARCH_NOTICE

PAGE = Path(__file__).parent.parent / "reference" / "simulated-week.md"


def main() -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path, help="the result.json of a week")
    result = json.loads(parser.parse_args().measured.read_text(encoding="utf-8"))
    PAGE.write_text("\n".join([*_head(result), *_table(result), *_words(result)]) + "\n", encoding="utf-8")
    print(PAGE)
    return 0


def _head(result: dict[str, Any]) -> list[str]:
    data, machine, plan = result["data"], result["machine"], result["data"]["plan"]
    recipe, retraining, rounds = result["recipe"], result["retraining"], plan["rounds"]
    command = f"gliolabel benchmark --week --model {recipe['name']} --studies {data['studies']} --output week --seed {data['seed']}"
    return [
        "# A simulated week",
        "",
        "Written by `python docs/week/make_page.py docs/week/measured.json` from the output of",
        "",
        "<!-- not run: takes hours -->",
        "```bash",
        command,
        "```",
        "",
        "Do not edit. The command can be interrupted at any time; given again, it goes on.",
        "",
        "Does the loop of correcting, training and judging make a model better? A first champion learns from "
        f"{len(plan['first'])} cases. Then come {len(rounds)} rounds: in each, {len(rounds[0])} more cases are corrected (the labels "
        "that lie beside them stand for a radiologist's), the champion goes on learning from all corrected so far, by the very job that "
        f"the server runs, and the gate compares it with the champion on {len(plan['locked'])} locked cases, which no version ever saw.",
        "",
        f"Data: {data['cases']} cases of `{data['studies']}`, one a patient, dealt at random (seed {data['seed']}).",
        f"Machine: {machine['processor']}, {machine['cores']} cores, {machine['gpu'] or 'no GPU'}, computed on {machine['device']}; torch "
        f"{machine['torch']}; code {result['code_version']}.",
        f"Network: `{recipe['name']}`, made smaller for a processor: `{'`, `'.join(recipe['changes'])}`; {retraining['steps']} steps after "
        f"each round, highest learning rate {retraining['learning_rate']}.",
    ]


def _table(result: dict[str, Any]) -> list[str]:
    lines = [
        "",
        f"| version | learned from | {' | '.join(f'Dice {region}' for region in REGIONS)} | gate | served after it |",
        "|---|---|" + "---|" * len(REGIONS) + "---|---|",
    ]
    for day in result["days"]:
        scores = " | ".join(f"{day['dice'][region]:.3f}" if region in day["dice"] else "" for region in REGIONS)
        lines.append(f"| {day['version']} | {day['cases']} cases | {scores} | {day['decision'] or 'first champion'} | {day['served']} |")
    return lines


def _words(result: dict[str, Any]) -> list[str]:
    locked, criteria = len(result["data"]["plan"]["locked"]), result["criteria"]
    lines = ["", "What the gate said:", ""]
    lines += [f"* {day['version']}: {day['sentence']}" for day in result["days"] if day["sentence"]]
    return [
        *lines,
        "",
        f"The gate here decides on {criteria['least_patients']} patients, so that the loop can be seen at work; all its other criteria are "
        f"the usual ones. In a hospital it would not: with {locked} locked cases the verdict is *unproven*, and a person decides. For the "
        "same reason this table shows how the loop works, and nothing about how good such a model is elsewhere. It is one run, one seed.",
        "",
        f"**{RESEARCH_NOTICE}**",
    ]


if __name__ == "__main__":
    sys.exit(main())
