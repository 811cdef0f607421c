"""Ids of cases: safe in an address, a file name and a shell, and unique."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

_LONGEST: Final[int] = 120
#: BraTS since 2023: the last number is the examination, what stands before it the patient.
_EXAMINATION: Final = re.compile(r"(.+-\d{5})-\d{3}\Z")


def safe_id(name: str) -> str:
    """``name`` with everything but letters, digits, ``.``, ``_`` and ``-`` replaced, not starting with ``.`` or ``-``."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip(".").lstrip("-.")
    if len(safe) > _LONGEST:
        safe = f"{safe[: _LONGEST - 9]}-{_digest(name)}"
    return safe or f"case-{_digest(name)}"


def unique_ids(cases: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """An id for each case, the same whenever the same files are there.

    Args:
        cases: folder relative to the study folder (``""`` for itself, ``/`` between parts) and case name.

    Returns:
        The ids, in the order of ``cases``, and a warning for each name that several cases share. They then carry
        their folder (``HGG/x`` and ``LGG/x`` become ``HGG-x`` and ``LGG-x``). Upper and lower case count as the same,
        since file systems exist for which they are.
    """
    plain = [safe_id(name) for _, name in cases]
    count = Counter(one.lower() for one in plain)
    taken = {one.lower() for one in plain if count[one.lower()] == 1}
    ids = list(plain)
    shared: dict[str, list[str]] = {}
    for position in sorted(range(len(cases)), key=lambda i: cases[i]):
        if count[plain[position].lower()] == 1:
            continue
        folder, name = cases[position]
        parts = list(PurePosixPath(folder).parts)
        if not parts or parts[-1] != name:
            parts.append(name)
        one = safe_id("-".join(parts))
        if one.lower() in taken:
            one = f"{one}-{_digest(f'{folder}/{name}')}"
        taken.add(one.lower())
        ids[position] = one
        shared.setdefault(plain[position].lower(), []).append(one)
    warnings = [f"{len(group)} cases have the same name; they are listed as {', '.join(group)}" for group in shared.values()]
    return ids, warnings


def patient_of(case_id: str) -> str:
    """The patient of a case: its id, without the number of the examination where the naming has one.

    Example:
        >>> patient_of("BraTS-GLI-00005-001"), patient_of("BraTS2021_00005")
        ('BraTS-GLI-00005', 'BraTS2021_00005')
    """
    found = _EXAMINATION.match(case_id)
    return found[1] if found else case_id


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]
