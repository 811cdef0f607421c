"""Whether results that were to be sent are where they were to go."""

from __future__ import annotations

import os

from gliolabel.cli.doctor.check import Check, Level
from gliolabel.cli.state import STATE_VARIABLE, state_path
from gliolabel.errors import GlioLabelError

_NAME = "Results"


def results(studies: str | None) -> Check:
    """The results that wait to be sent, or cannot be."""
    from gliolabel.cli.model_choice import open_registry
    from gliolabel.state import resolve_state_folder
    from gliolabel.state.outbox import Outbox

    try:
        named = studies is not None or os.environ.get(STATE_VARIABLE)
        path = resolve_state_folder(studies=studies).path if named else state_path()
        if path is None or not path.is_dir():
            return Check(_NAME, Level.OK, "none yet")
        with open_registry(path).database() as database:
            outbox = Outbox(database)
            counts, why = outbox.counts(), outbox.last_error()
    except GlioLabelError as error:  # the check of the state folder says what to do
        return Check(_NAME, Level.WARNING, f"not known: {error}")
    if counts["failed"]:
        fix = "Put right what it says, then send them again: gliolabel send STUDIES."
        return Check(_NAME, Level.WARNING, f"{counts['failed']} cannot be sent: {why}", fix, counts)
    if counts["waiting"]:
        fix = "A server that runs sends them as soon as it can; without one: gliolabel send STUDIES." if why else ""
        return Check(
            _NAME, Level.WARNING if why else Level.OK, f"{counts['waiting']} wait to be sent" + (f": {why}" if why else ""), fix, counts
        )
    return Check(_NAME, Level.OK, f"{counts['sent']} sent, none waits", details=counts)
