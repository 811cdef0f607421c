"""What is known of all cases, in memory: nothing is read anew at a request but what changed since the last."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gliolabel.labelserver.submitting import was_approved
from gliolabel.selection import Candidate, Completed
from gliolabel.selection.candidates import candidate_of, tumour_mix
from gliolabel.state import Database
from gliolabel.state.cases import CaseNotes
from gliolabel.state.following import Follower
from gliolabel.state.labels import FINAL, LabelStore
from gliolabel.state.maps import MapStore
from gliolabel.state.roles import Role, Roles
from gliolabel.state.scores import ScoreStore
from gliolabel.state.tables import AgreementRow, CaseRow, LabelRow, MapRow, RoleRow, ScoreRow

Labels = Mapping[str, LabelRow]
#: Makes the entry of a case from its notes, labels by tag, current map and role.
MakeEntry = Callable[[str, Mapping[str, Any], Labels, MapRow | None, RoleRow | None], dict[str, Any]]


@dataclass(frozen=True)
class Field:
    """The cases as a strategy sees them.

    Args:
        to_do: cases without an accepted label.
        done: cases with one, as they would have been seen when they had none.
        completed: cases with one, for looking at again.
    """

    to_do: tuple[Candidate, ...]
    done: tuple[Candidate, ...]
    completed: tuple[Completed, ...]

    @property
    def scored(self) -> int:
        """How many cases to do have a score."""
        return sum(candidate.disagreement is not None for candidate in self.to_do)


class Survey:
    """All cases and what is known of each.

    Args:
        database: the state.
        ids: ids of all cases, in order.
        labels: their labels.
        maps: their maps.
        notes: what was noted of them.
        roles: what they are for.
        entry: makes a case's entry in the list that clients read.
    """

    def __init__(
        self,
        database: Database,
        *,
        ids: Callable[[], tuple[str, ...]],
        labels: LabelStore,
        maps: MapStore,
        notes: CaseNotes,
        roles: Roles,
        entry: MakeEntry,
    ) -> None:
        self._database, self._ids, self._entry = database, ids, entry
        self._labels: Follower[Labels] = Follower(database, LabelRow, labels.all_newest)
        self._maps: Follower[MapRow] = Follower(database, MapRow, maps.all_current)
        self._notes: Follower[Mapping[str, Any]] = Follower(database, CaseRow, notes.all)
        self._roles: Follower[RoleRow] = Follower(database, RoleRow, roles.all)
        self._scores: dict[tuple[str, str], tuple[Follower[Candidate], Follower[AgreementRow]]] = {}
        self._lock = threading.Lock()
        self._entries: dict[str, tuple[tuple[Any, ...], bytes]] = {}
        self._list: tuple[tuple[Any, ...], bytes] = ((), b"")
        self._fields: dict[tuple[str, str], tuple[tuple[Any, ...], Field]] = {}

    def labels(self) -> Mapping[str, Labels]:
        """The newest labels by case and tag."""
        return self._labels.current()

    def notes(self, case_id: str) -> dict[str, Any]:
        """What was noted of a case."""
        return dict(self._notes.current().get(case_id, {}))

    def roles(self) -> dict[str, int]:
        """How many completed cases have which role, and how many have none yet."""
        ids, labels, roles = set(self._ids()), self._labels.current(), self._roles.current()
        completed = (case_id for case_id, by_tag in labels.items() if FINAL in by_tag and case_id in ids)
        found = Counter(roles[case_id].role if case_id in roles else "none yet" for case_id in completed)
        return {role: found[role] for role in (*Role, "none yet")}

    def counts(self) -> tuple[int, dict[str, int], int]:
        """How many cases there are, how many have a label by tag, and how many have a map."""
        ids, labels, maps = self._ids(), self._labels.current(), self._maps.current()
        known = set(ids)
        tags: dict[str, int] = {}
        for case_id, by_tag in labels.items():
            if case_id in known:
                for tag in by_tag:
                    tags[tag] = tags.get(tag, 0) + 1
        return len(ids), dict(sorted(tags.items())), len(maps.keys() & known)

    def field(self, *, model: str, version: str) -> Field:
        """The cases as a strategy sees them by the scores of a model version."""
        scores, agreements = self._of(model, version)
        now = (self._ids(), self._labels.current(), scores.current(), agreements.current())
        with self._lock:
            before = self._fields.get((model, version))
        if before is not None and before[0][0] == now[0] and all(a is b for a, b in zip(before[0][1:], now[1:], strict=True)):
            return before[1]
        field = _field(*now)
        with self._lock:
            self._fields = {key: value for key, value in self._fields.items() if key[0] != model} | {(model, version): (now, field)}
        return field

    def has_scores(self, *, model: str, version: str) -> bool:
        """Whether a model version scored any case."""
        return any(candidate.disagreement is not None for candidate in self._of(model, version)[0].current().values())

    def listing(self, head: Mapping[str, Any]) -> bytes:
        """The list of all cases as JSON, in the shape of MONAI Label's own.

        Each entry is made and encoded once and kept until something of its case changes.

        Args:
            head: what stands before ``objects``.
        """
        ids, notes, labels = self._ids(), self._notes.current(), self._labels.current()
        maps, roles = self._maps.current(), self._roles.current()
        with self._lock:
            before, body = self._list
            now = (dict(head), ids, notes, labels, maps, roles)
            if before and before[:2] == now[:2] and all(a is b for a, b in zip(before[2:], now[2:], strict=True)):
                return body
            entries = {}
            for case_id in ids:
                parts = (notes.get(case_id), labels.get(case_id), maps.get(case_id), roles.get(case_id))
                there = self._entries.get(case_id)
                if there is None or any(a is not b for a, b in zip(there[0], parts, strict=True)):
                    entry = self._entry(case_id, parts[0] or {}, parts[1] or {}, parts[2], parts[3])
                    there = (parts, f"{json.dumps(case_id)}:{json.dumps(entry, separators=(',', ':'))}".encode())
                entries[case_id] = there
            start = json.dumps(dict(head), separators=(",", ":")).encode()[:-1]
            body = start + b',"objects":{' + b",".join(encoded for _, encoded in entries.values()) + b"}}"
            self._entries, self._list = entries, (now, body)
        return body

    def forget_entries(self) -> None:
        """Make every entry anew: files have other names."""
        with self._lock:
            self._entries, self._list = {}, ((), b"")

    def _of(self, model: str, version: str) -> tuple[Follower[Candidate], Follower[AgreementRow]]:
        with self._lock:
            there = self._scores.get((model, version))
            if there is None:
                store = ScoreStore(self._database)

                def scores(case_ids: Collection[str] | None) -> dict[str, Candidate]:
                    rows = store.scores(model=model, version=version, case_ids=case_ids)
                    return {case_id: candidate_of(row.case_id, row.scores) for case_id, row in rows.items() if not row.error}

                def agreements(case_ids: Collection[str] | None) -> dict[str, AgreementRow]:
                    return store.agreements(model=model, version=version, case_ids=case_ids)

                there = (Follower(self._database, ScoreRow, scores), Follower(self._database, AgreementRow, agreements))
                # An older version of the model is let go.
                self._scores = {key: value for key, value in self._scores.items() if key[0] != model} | {(model, version): there}
            return there


def _field(
    ids: tuple[str, ...], labels: Mapping[str, Labels], scores: Mapping[str, Candidate], agreements: Mapping[str, AgreementRow]
) -> Field:
    to_do, done, completed = [], [], []
    for case_id in ids:
        by_tag = labels.get(case_id)
        label = by_tag.get(FINAL) if by_tag else None
        candidate = scores.get(case_id) or Candidate(case_id)
        if label is None or by_tag is None:
            to_do.append(candidate)
            continue
        measured = label.info.get("volumes_ml")
        if isinstance(measured, Mapping):
            volume, share = tumour_mix(measured)
            candidate = replace(candidate, volume_ml=volume, enhancing_share=share)
        done.append(candidate)
        agreement = agreements.get(case_id)
        dice = agreement.dice if agreement is not None and agreement.label_id == label.id and not agreement.error else {}
        worst = min(((float(value), region) for region, value in dice.items()), default=(None, ""))
        reviewed = any(_was_reviewed(row.info) for row in by_tag.values())
        completed.append(Completed(case_id, label.created.timestamp(), dice=worst[0], region=worst[1], reviewed=reviewed))
    return Field(tuple(to_do), tuple(done), tuple(completed))


def _was_reviewed(info: Mapping[str, Any]) -> bool:
    """Submitted by a reader who was offered it for review, or approved in MONAI Label's reviewer plugin."""
    return bool(info.get("reviewed")) or was_approved(info)
