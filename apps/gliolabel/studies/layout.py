"""From the files of a folder to cases: which belong together, and how their labels are numbered.

The numbering is decided for a folder as a whole, by names alone: a sequence file ending in ``_t1ce`` means that 4 is
enhancing tumour, one ending in ``-t1c`` (or ``-t1n``, ``-t2f``) that 3 is and 4 is a resection cavity. Where both are
found in one study folder, each subfolder decides for itself; files of both kinds in the same folder contradict each
other, and their labels are refused until a person says how they are numbered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from gliolabel.studies.draft import Draft
from gliolabel.studies.files import EXTENSIONS, LabelFile, VolumeFile, split_extension
from gliolabel.studies.names import SEGMENTATION
from gliolabel.studies.numbering import Numbering, numbering_named, undecided
from gliolabel.studies.walking import FoundFile

_NO_SIGN = "no file name in the folder tells the year (_t1ce: until 2021; -t1c: from 2023)"
_BOTH_SIGNS = "the folder has file names of both kinds, _t1ce (until 2021) and -t1c (from 2023)"


def group(files: Iterable[FoundFile], *, root_name: str, numbering: Numbering | None) -> tuple[list[Draft], list[FoundFile]]:
    """Put the files of each case together.

    Args:
        files: what was found, in a stable order.
        root_name: name for a case whose files lie in the study folder and are named after the sequences alone.
        numbering: how labels are numbered, for all; None: decide by names.

    Returns:
        The cases, and the label files that have no sequence beside them.
    """
    by_case: dict[tuple[str, str], list[FoundFile]] = defaultdict(list)
    for file in files:
        by_case[file.folder, file.name.case].append(file)
    orphans = _adopt(by_case)
    signs = _signs_below(by_case)
    drafts = []
    for (folder, name), members in by_case.items():
        recorded = next((m.numbering for m in members if m.numbering is not None), None)
        decided = numbering or recorded or _by_names(folder, signs)
        draft = Draft(folder=folder, name=name or folder.rpartition("/")[2] or root_name, numbering=decided)
        _fill(draft, members)
        drafts.append(draft)
    return drafts, orphans


def _adopt(by_case: dict[tuple[str, str], list[FoundFile]]) -> list[FoundFile]:
    """Give a label of another name to the only case of its folder (BraTS 2020 has one such); return those without a case."""
    cases_in: dict[str, list[tuple[str, str]]] = defaultdict(list)
    lonely: list[tuple[str, str]] = []
    for key, members in by_case.items():
        if any(m.name.kind != SEGMENTATION for m in members):
            cases_in[key[0]].append(key)
        else:
            lonely.append(key)
    orphans: list[FoundFile] = []
    for key in lonely:
        members = by_case.pop(key)
        cases = cases_in[key[0]]
        if len(cases) == 1 and key[0] and not any(m.name.kind == SEGMENTATION for m in by_case[cases[0]]):
            by_case[cases[0]].extend(members)
        else:
            orphans.extend(members)
    return orphans


def _signs_below(by_case: dict[tuple[str, str], list[FoundFile]]) -> dict[str, set[str]]:
    """Which numberings the names in and below each folder stand for; files with a record of their own do not count."""
    signs: dict[str, set[str]] = defaultdict(set)
    for (folder, _), members in by_case.items():
        found = {m.name.sign for m in members if m.name.sign is not None and m.numbering is None}
        if found:
            for above in _path_to(folder):
                signs[above] |= found
    return signs


def _by_names(folder: str, signs: dict[str, set[str]]) -> Numbering:
    """The numbering of the highest folder on the way to ``folder`` whose names agree."""
    for above in _path_to(folder):
        found = signs.get(above, set())
        if len(found) == 1:
            return numbering_named(next(iter(found)))
        if not found:
            return undecided(_NO_SIGN)
    return undecided(_BOTH_SIGNS)


def _path_to(folder: str) -> list[str]:
    """``"a/b"`` -> ``["", "a", "a/b"]``."""
    parts = folder.split("/") if folder else []
    return ["/".join(parts[:n]) for n in range(len(parts) + 1)]


def _fill(draft: Draft, members: list[FoundFile]) -> None:
    by_kind: dict[str, list[FoundFile]] = defaultdict(list)
    for member in members:
        by_kind[member.name.kind].append(member)
    for kind, candidates in by_kind.items():
        candidates.sort(key=_preference)
        chosen = candidates[0]
        if len(candidates) > 1:
            others = ", ".join(c.path.name for c in candidates[1:])
            draft.warnings.append(f"there are several {kind} files: {chosen.path.name} is used, {others} ignored")
        if chosen.empty:
            draft.empty.append(chosen.path)
        if kind == SEGMENTATION:
            draft.label = LabelFile(chosen.path, draft.numbering)
        else:
            draft.sequences[kind] = VolumeFile(chosen.path)


def _preference(file: FoundFile) -> tuple[bool, int, str]:
    """Files with content first, then the preferred format, then by name."""
    parts = split_extension(file.path.name)
    return file.empty, EXTENSIONS.index(parts[1]) if parts else len(EXTENSIONS), file.path.name
