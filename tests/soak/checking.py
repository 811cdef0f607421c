"""Whether what is stored is what the clients were told, once everything is quiet."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from sqlalchemy import select
from tests.soak.ledger import Image, Ledger, Submission
from tests.soak.marked_labels import Mark, read_mark
from tests.soak.promotions import ACTOR
from tests.soak.site import Goldens, Site

from gliolabel.errors import GlioLabelError
from gliolabel.state import Database, StateFolder
from gliolabel.state.audit import AuditLog
from gliolabel.state.files import file_sha256
from gliolabel.state.labels import FINAL, IMPORT_AUTHOR
from gliolabel.state.tables import LabelRow
from gliolabel.studies.voxels import read_volume

#: What the server's folders for passing files may hold when it has ended: MONAI Label's own log configuration, one a start.
_LOG_CONFIGURATION = ".json"


def check_stored(site: Site, ledger: Ledger, *, changes: int) -> dict[str, int]:
    """Check the state folder of a server that has ended; what is broken goes to the ledger.

    Args:
        site: whose state folder.
        ledger: what the clients were told.
        changes: how many promotions and rollbacks the commands said they made.

    Returns:
        Numbers of submissions: ``stored``, ``refused``, ``unanswered`` and of those ``unanswered_stored``.
    """
    database = Database(StateFolder(site.state))
    try:
        with database.reading() as session:
            rows = [row for row in session.scalars(select(LabelRow)) if row.author != IMPORT_AUTHOR]
        found = _labels(site, ledger, rows)
        _audit(AuditLog(database), ledger, rows, changes=changes)
    finally:
        database.close()
    _files(site, ledger, {row.path for row in rows})
    counts = Counter(_outcome(submission) for submission in ledger.submissions)
    counts["unanswered_stored"] = sum(_outcome(s) == "unanswered" and s.mark in found for s in ledger.submissions)
    return {name: counts[name] for name in ("stored", "refused", "unanswered", "unanswered_stored")}


def check_images(goldens: Goldens, ledger: Ledger) -> dict[str, int]:
    """Check every mask and map that was answered; what is broken goes to the ledger.

    Returns:
        How many there were, by kind and version.
    """
    counts: Counter[str] = Counter()
    for image, number in Counter(ledger.images).items():
        counts[f"{image.kind} by {image.model} {image.version}"] += number
        if image.digest != goldens.of(image.kind, image.case_id, image.model, image.version):
            ledger.found(
                f"{number} x {image.kind} of {image.case_id} by {image.model} {image.version} is not that: {_whose(goldens, image)}"
            )
    return dict(sorted(counts.items()))


def _whose(goldens: Goldens, image: Image) -> str:
    for (kind, case_id, model, version), digest in goldens.known.items():
        if digest == image.digest:
            return f"it is the {kind} of {case_id} by {model} {version}"
    return "it is nobody's"


def _outcome(submission: Submission) -> str:
    return {0: "unanswered", 200: "stored"}.get(submission.status, "refused")


def _labels(site: Site, ledger: Ledger, rows: list[LabelRow]) -> dict[Mark, LabelRow]:
    """Every row against its file and its submission, and every submission against its row."""
    sent = {submission.mark: submission for submission in ledger.submissions}
    found: dict[Mark, LabelRow] = {}
    versions: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        versions[row.case_id].append(row.version)
        name = f"label version {row.version} of {row.case_id}"
        path = site.state / str(row.path)
        try:
            if file_sha256(path) != row.sha256:
                ledger.found(f"{name}: {path.name} is not what was stored")
            mark = read_mark(read_volume(path, where=name).array, site.tumours)
        except (OSError, GlioLabelError, ValueError) as error:
            ledger.found(f"{name}: {error}")
            continue
        submission = sent.get(mark)
        if submission is None or site.case_ids[mark.case] != row.case_id or submission.author != row.author:
            ledger.found(f"{name} by {row.author}: its voxels are {mark} ({submission})")
        if mark in found:
            ledger.found(f"{name} is stored twice: {mark}, also as version {found[mark].version}")
        found[mark] = row
    for submission in ledger.submissions:
        row = found.get(submission.mark)
        if submission.status == 200 and (row is None or row.version != submission.version):
            ledger.found(f"{submission} was answered 200, and {'lost' if row is None else f'is version {row.version}'}")
        if _outcome(submission) == "refused" and row is not None:
            ledger.found(f"{submission} was refused, and is stored as version {row.version}")
    for case_id, numbers in versions.items():
        first = min(numbers)
        if sorted(numbers) != list(range(first, first + len(numbers))):
            ledger.found(f"{case_id}: its label versions are {sorted(numbers)}")
    return found


def _audit(log: AuditLog, ledger: Ledger, rows: list[LabelRow], *, changes: int) -> None:
    """The audit log tells of exactly what is stored."""
    stored = Counter((row.case_id, row.version, row.author) for row in rows if row.tag == FINAL)
    told = Counter((row.case_id, row.details["label_version"], row.actor) for row in log.entries(event="submission"))
    for what, number in (stored - told).items():
        ledger.found(f"the audit log lacks {number} submission of {what}")
    for what, number in (told - stored).items():
        ledger.found(f"the audit log tells of {number} submission too many of {what}")
    mine = [row for event in ("promotion", "rollback") for row in log.entries(event=event, actor=ACTOR)]
    if len(mine) < changes or len({row.details["change"] for row in mine}) != len(mine):
        ledger.found(f"{changes} promotions and rollbacks were made, the audit log tells of {len(mine)}")


def _files(site: Site, ledger: Ledger, named: set[str | None]) -> None:
    """No file is left that nobody needs."""
    state = StateFolder(site.state)
    labels = (path.relative_to(site.state).as_posix() for path in state.labels.rglob("*") if path.is_file())
    left = [name for name in labels if name not in named and IMPORT_AUTHOR not in name]
    left += [str(path) for path in state.temporary.rglob("*") if path.is_file()]
    left += [str(path) for path in site.state.rglob("*") if path.is_file() and (path.suffix == ".tmp" or path.name.startswith(".meta-"))]
    left += [str(path) for path in site.temporary.rglob("*") if path.is_file() and path.suffix != _LOG_CONFIGURATION]
    left += [str(path) for session in ledger.sessions_ended if (path := state.sessions / session).exists()]
    for name in left:
        ledger.found(f"a file is left behind: {Path(name)}")
