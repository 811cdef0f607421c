"""What ``served.json`` has to say, from what MLflow says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gliolabel.registry.index import Entry, ModelIndex

if TYPE_CHECKING:
    from gliolabel.registry.record import Record, RecordedModel


def indexed(model: RecordedModel, record: Record, folder: Path) -> ModelIndex:
    """A model's part of ``served.json``.

    Args:
        model: as MLflow holds it.
        record: tells where its files lie.
        folder: where ``served.json`` lies.
    """

    def name(number: int | None) -> str:
        found = model.by_number(number)
        return "" if found is None else found.version

    entries = []
    for version in model.versions:
        path = record.local(version.source)
        if path is None:
            file = f"cache/{version.sha256}.safetensors"
        else:
            file = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
        entries.append(
            Entry(
                version=version.version,
                number=version.number,
                file=file,
                sha256=version.sha256,
                source=version.source,
                created=version.created,
                parent=version.parent,
                decision=version.decision,
                judged_against=version.judged_against,
            )
        )
    return ModelIndex(
        champion=name(model.champion),
        challenger=name(model.challenger),
        before=tuple(name(number) for number in model.before),
        versions=tuple(entries),
    )
