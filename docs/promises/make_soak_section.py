"""Write the soak's section of the page of promises from what `python -m tests.soak --output` wrote; the rest of the page stays.

python docs/promises/make_soak_section.py docs/promises/measured-soak.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gliolabel.cli.benchmark.table import processor_words

PAGE = Path(__file__).parent.parent / "reference" / "promises.md"
BEGIN, END = "<!-- soak: written by docs/promises/make_soak_section.py -->", "<!-- end of soak -->"
#: What is shown of the times, by the kinds of request in the order of the table.
_KINDS = ("info", "list", "next sample", "submit", "segment", "map", "segment session")


def main() -> int:
    """Write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path, help="the --output of a soak")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if the page says something else")
    options = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    new = renewed(page, json.loads(options.measured.read_text(encoding="utf-8")))
    if options.check:
        return int(new != page)
    PAGE.write_text(new, encoding="utf-8")
    print(PAGE)
    return 0


def renewed(page: str, result: dict[str, Any]) -> str:
    """The page with the section of this soak."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE}: the lines {BEGIN} and {END} are missing")
    return "\n".join([before + BEGIN, "", *section(result), "", END + after])


def section(result: dict[str, Any]) -> list[str]:
    """The section's lines."""
    machine, load, labels = result["machine"], result["load"], result["submissions"]
    requests = sum(sum(statuses.values()) for statuses in result["requests"].values())
    disturbed = ", ".join(f"{number} x {what}" for what, number in result["disturbances"].items())
    broken = len(result["broken"])
    return [
        f"One run of {result['seconds'] / 60:.0f} minutes with a server ({result['down_s'] / 60:.0f} more without one, between a kill and "
        f"the next server's first answer), {result['date']}, {result['readers']} readers and one that trains "
        f"(`{result['command']}`):",
        "",
        f"* Disturbed: {disturbed}; {result['promotions']} promotions and rollbacks meanwhile.",
        *(f"* Left out: {what}." for what in result["left_out"]),
        f"* {requests} requests. Labels: {labels['stored']} answered 200, each stored as it was sent; {labels['refused']} refused in words "
        f"and not stored; {labels['unanswered']} without an answer, since the server was killed or away: {labels['unanswered_stored']} of "
        "these stored whole, the others not at all."
        if not broken
        else f"* {requests} requests; **{broken} things were broken**, listed in `docs/promises/measured-soak.json`.",
        f"* {sum(result['images'].values())} masks and maps, each compared with what that model version makes of that case.",
        f"* {result['over_reviewer_timeout']} answers to what needs no network took longer than the 5 seconds after which the reviewer "
        "plugin gives up.",
        "",
        f"Machine: {processor_words(machine)}, {machine['memory_gib']} GiB; load average {load['before'][0]} before the run and "
        f"{load['after'][0]} at its end: clients, trainings and all other work share the cores, so the times below are of a crowded "
        "machine, not of the server alone. Phantoms of 24 x 40 x 40 voxels and small networks.",
        "",
        "| request | answers | median, ms | 95 %, ms | 99 %, ms | longest, ms |",
        "|---|---|---|---|---|---|",
        *(_row(kind, result["latency_ms"][kind]) for kind in _KINDS if kind in result["latency_ms"]),
    ]


def _row(kind: str, times: dict[str, float]) -> str:
    return f"| {kind} | {times['n']} | " + " | ".join(f"{times[name]:.0f}" for name in ("p50", "p95", "p99", "max")) + " |"


if __name__ == "__main__":
    sys.exit(main())
