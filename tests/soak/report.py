"""What a soak found, as numbers and as a table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.soak.ledger import Ledger

from gliolabel.cli.benchmark.measuring import machine

#: What people wait for without a network being at work: these stay quick.
QUICK = ("info", "next sample", "submit", "list")
#: MONAI Label's reviewer plugin gives up after so long (seconds).
REVIEWER_S = 5.0


def report(ledger: Ledger, *, load: tuple[Sequence[float], Sequence[float]], **about: Any) -> dict[str, Any]:
    """Everything, as JSON.

    Args:
        ledger: what the clients saw.
        load: the load average before and after.
        about: whatever else is known.
    """
    kinds = sorted({answer.kind for answer in ledger.answers})
    statuses = {kind: Counter(answer.status for answer in ledger.answers if answer.kind == kind) for kind in kinds}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "load": {"before": [round(value, 1) for value in load[0]], "after": [round(value, 1) for value in load[1]]},
        **{key: round(value, 1) if isinstance(value, float) else value for key, value in about.items()},
        "requests": {kind: {str(status or "none"): n for status, n in sorted(statuses[kind].items())} for kind in kinds},
        "latency_ms": {kind: latencies(ledger, kind) for kind in kinds if statuses[kind][200]},
        "over_reviewer_timeout": sum(a.status == 200 and a.kind in QUICK and a.seconds > REVIEWER_S for a in ledger.answers),
        "refusals": [{"status": s, "sentence": text, "times": n} for (s, text), n in ledger.refusals.most_common()],
        "broken": list(ledger.broken),
    }


def latencies(ledger: Ledger, kind: str) -> dict[str, float]:
    """Percentiles of the time until an answer 200, in milliseconds."""
    values = sorted(1000 * answer.seconds for answer in ledger.answers if answer.kind == kind and answer.status == 200)
    return {
        "n": len(values),
        **{name: round(_share(values, q), 1) for name, q in {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}.items()},
    }


def table(result: Mapping[str, Any]) -> list[str]:
    """A result, for people."""
    submissions = result["submissions"]
    lines = [
        f"{result['seconds']:.0f} s with a server, {result['down_s']:.0f} s without; {result['readers']} readers and a trainer; seed "
        f"{result['seed']}.",
        "Disturbed: " + ", ".join(f"{number} x {what}" for what, number in result["disturbances"].items()),
        *(f"Left out: {what}" for what in result["left_out"]),
        f"Promotions and rollbacks: {result['promotions']}. Load of the machine: {result['load']['before'][0]} before, "
        f"{result['load']['after'][0]} after.",
        f"Labels: {submissions['stored']} answered and stored, {submissions['refused']} refused, {submissions['unanswered']} without an "
        f"answer (the server was killed), of which {submissions['unanswered_stored']} are stored whole.",
        "",
        f"{'':16} {'answers':>8} {'refused':>8} {'none':>6} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'max ms':>8}",
    ]
    for kind, statuses in result["requests"].items():
        good, none = statuses.get("200", 0), statuses.get("none", 0)
        times = result["latency_ms"].get(kind, {})
        numbers = " ".join(f"{times.get(name, math.nan):8.0f}" for name in ("p50", "p95", "p99", "max"))
        lines.append(f"{kind:16} {good:8} {sum(statuses.values()) - good - none:8} {none:6} {numbers}")
    lines += ["", *(f"{n:6} x {what}" for what, n in result["images"].items()), ""]
    lines += [f"{refusal['times']:6} x {refusal['status']} {refusal['sentence']}" for refusal in result["refusals"]]
    lines += ["", "Nothing is broken." if not result["broken"] else f"{len(result['broken'])} things are broken:", *result["broken"]]
    return lines


def _share(values: Sequence[float], q: float) -> float:
    return values[min(len(values) - 1, math.ceil(q * len(values)) - 1)]
