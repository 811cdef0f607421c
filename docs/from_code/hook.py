"""MkDocs hook: where a page says ``<!-- from code: NAME -->``, the site shows what the code says, so no page of it can be out of date."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
#: A place to be filled.
PLACE: Final = re.compile(r"<!-- from code: (\w+) -->")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill a page's places. Called by MkDocs."""
    return PLACE.sub(lambda match: texts()[match[1]], markdown)


@functools.cache
def texts() -> dict[str, str]:
    """What write_texts.py prints. That takes half a minute, so it is kept until a file changes.

    Raises:
        RuntimeError: it failed; the message says why.
    """
    kept = _kept()
    if not kept.exists():
        command = [sys.executable, str(ROOT / "docs" / "from_code" / "write_texts.py")]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode:
            raise RuntimeError(f"write_texts.py failed:\n{answer.stderr[-3000:]}")
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_text(answer.stdout, encoding="utf-8")
        part.replace(kept)
    found: dict[str, str] = json.loads(kept.read_text(encoding="utf-8"))
    return found


def _kept() -> Path:
    """Named by everything that the texts are made from."""
    folders = ("apps/gliolabel", "sample-apps", "docs/from_code")
    files = [path for folder in folders for ending in ("*.py", "*.yaml", "*.json") for path in (ROOT / folder).rglob(ending)]
    content = b"\0".join(str(path).encode() + path.read_bytes() for path in sorted(files))
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"gliolabel-docs-{user}" / f"{hashlib.sha256(content).hexdigest()}.json"
