"""Sessions live for a stated time after their last use, also across restarts, and leave nothing behind."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.labelserver.conftest import Server, wait_until, write_small_studies

from gliolabel.errors import UnknownError
from gliolabel.labelserver.sessions import SessionStore, public_info

Serve = Callable[..., Server]


def made(store: SessionStore, folder: Path, *, expiry: int = 0) -> str:
    """The id of a new session of some file."""
    file = folder / "scan_flair.nii.gz"
    file.write_bytes(b"voxels")
    return str(store.create(file, expiry=expiry).name)


def test_a_session_of_an_earlier_process_expires(tmp_path: Path) -> None:
    removed: list[str] = []
    session = made(SessionStore(tmp_path / "sessions", expiry=3600), tmp_path, expiry=1)
    later = SessionStore(tmp_path / "sessions", expiry=3600, on_remove=removed.append)
    assert later.remove_expired() == 0
    assert later.require(session, use=False).image
    time.sleep(2.1)  # times of use are whole seconds
    with pytest.raises(UnknownError, match="expired"):
        later.require(session)
    assert later.remove_expired() == 1
    assert removed == [session]
    assert list((tmp_path / "sessions").iterdir()) == []


def test_use_prolongs_a_session(tmp_path: Path) -> None:
    store = SessionStore(tmp_path / "sessions", expiry=3600)
    session = made(store, tmp_path, expiry=3)
    for _ in range(2):
        time.sleep(1.6)
        store.require(session)
    assert store.remove_expired() == 0


def test_a_damaged_record_is_no_session_and_is_removed(tmp_path: Path) -> None:
    store = SessionStore(tmp_path / "sessions", expiry=3600)
    session = made(store, tmp_path)
    (tmp_path / "sessions" / session / "meta.info").write_text("{")
    with pytest.raises(UnknownError):
        store.require(session)
    assert store.remove_expired() == 1


def test_what_a_killed_server_was_making_is_removed_later(tmp_path: Path) -> None:
    store = SessionStore(tmp_path / "sessions", expiry=3600)
    remainder = tmp_path / "sessions" / "half-made"
    remainder.mkdir(parents=True)
    assert store.remove_expired() == 0, "it may be in the making"
    os.utime(remainder, (time.time() - 3600,) * 2)
    assert store.remove_expired() == 1


@pytest.mark.parametrize("name", ["..", "../state", "/etc", "", "a/b", "a" * 65])
def test_a_path_is_no_session(tmp_path: Path, name: str) -> None:
    store = SessionStore(tmp_path / "sessions", expiry=3600)
    made(store, tmp_path)
    (tmp_path / "keep").write_text("")
    with pytest.raises(UnknownError):
        store.require(name)
    store.remove_session(name)
    assert (tmp_path / "keep").exists()
    assert len(list((tmp_path / "sessions").iterdir())) == 1


def test_a_client_is_not_told_where_it_lies(tmp_path: Path) -> None:
    store = SessionStore(tmp_path / "sessions", expiry=3600)
    assert str(tmp_path) not in str(public_info(store.require(made(store, tmp_path))))


@pytest.mark.slow
def test_a_servers_sessions_expire_after_its_restart(serve: Serve, tmp_path: Path) -> None:
    studies = write_small_studies(tmp_path / "studies", cases=1)
    first = serve(studies)
    session = first.client().create_session(str(next(studies.rglob("*_flair.nii.gz"))))["session_id"]
    folder = next(first.state.rglob(session))
    first.process.kill()
    first.process.wait(30)
    record = folder / "meta.info"
    long_ago = int(time.time()) - 10 * 24 * 3600
    text = record.read_text()
    used = SessionStore(folder.parent, expiry=3600).require(session, use=False).last_access_ts
    assert str(used) in text
    record.write_text(text.replace(str(used), str(long_ago)))
    serve(studies)
    wait_until(lambda: not folder.exists(), seconds=60)
