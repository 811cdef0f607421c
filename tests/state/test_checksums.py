from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import gliolabel.state.checksums as module
from gliolabel.errors import InputError
from gliolabel.state import Database, StateFolder
from gliolabel.state.checksums import Checksums


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = StateFolder(tmp_path / "state").create()
    files = [tmp_path / name for name in ("a", "b")]
    for file in files:
        file.write_text(file.name)
    read: list[str] = []
    real = module.file_sha256
    monkeypatch.setattr(module, "file_sha256", lambda path: read.append(path.name) or real(path))
    expected = {file: hashlib.sha256(file.name.encode()).hexdigest() for file in files}
    assert Checksums(Database(folder)).of_all(files) == expected
    assert Checksums(Database(folder)).of_all(files) == expected, "also after a restart"
    assert read == ["a", "b"]
    files[0].write_text("changed")
    assert Checksums(Database(folder)).of(files[0]) == hashlib.sha256(b"changed").hexdigest()
    assert read == ["a", "b", "a"]
    files[1].unlink()
    with pytest.raises(InputError, match="file b: cannot be read"):
        Checksums(Database(folder)).of_all(files)
