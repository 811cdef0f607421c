"""Sessions: a volume opened in Slicer that is segmented without becoming part of the datastore."""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from monailabel.utils.sessions import SessionInfo, Sessions

from gliolabel.errors import UnknownError
from gliolabel.state.files import delete

_LOG = logging.getLogger(__name__)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}\Z")
#: A folder without a record may be a session that is being made; after this many seconds it is a remainder.
_REMAINDER_S = 600


class SessionStore(Sessions):
    """MONAI Label's sessions, kept in the state folder.

    MONAI Label's own store forgets to expire sessions of an earlier server process, stops at a folder without a record, and takes any text
    for an id.

    Args:
        path: folder of the sessions.
        expiry: seconds a session lives after its last use; of 60 or fewer MONAI Label makes an hour.
        on_remove: called with the id of each removed session.
    """

    def __init__(self, path: Path, *, expiry: int, on_remove: Callable[[str], None] = lambda _: None) -> None:
        super().__init__(str(path), expiry)
        self._on_remove = on_remove

    def require(self, session_id: str, *, use: bool = True) -> SessionInfo:
        """The session of that id; its life begins anew when it is used.

        Raises:
            UnknownError: there is none, or it has expired.
        """
        info = self.get_session(session_id, update_ts=use)
        if info is None:
            raise UnknownError(f"The session {session_id[:64]!r} is not known or has expired. Load the volume again, or run again.")
        return info

    def create(self, file: Path, *, expiry: int = 0) -> SessionInfo:
        """Make a session of a volume file, which is moved.

        Args:
            file: the volume.
            expiry: seconds of life after the last use, at most the store's own; 0: the store's.
        """
        _, info = self.add_session(str(file), expiry=expiry, session_id=uuid.uuid4().hex)
        return info

    def get_session(self, session_id: str, update_ts: bool = True, fetch_cache: bool = True) -> SessionInfo | None:
        """The session of that id, or None. Records are always read from the disk, so that all processes agree."""
        if not _ID.match(session_id):
            return None
        try:
            info: SessionInfo | None = super().get_session(session_id, update_ts=False, fetch_cache=False)
        except (OSError, ValueError, TypeError, AttributeError) as error:  # its record is damaged
            _LOG.warning("The record of session %s cannot be read: %s", session_id, error)
            return None
        if info is None or not info.image or self._expired(info):
            return None
        if update_ts:
            info.last_access_ts = int(time.time())
            self._write_meta_info(session_id, info)
        return info

    def _write_meta_info(self, session_id: str, session_info: SessionInfo) -> None:
        folder = Path(self.store_path) / session_id
        temporary = folder / f".meta-{uuid.uuid4().hex[:8]}"
        try:
            temporary.write_text(session_info.to_str(), encoding="utf-8")
            os.replace(temporary, folder / "meta.info")
        finally:
            delete(temporary)

    def remove_session(self, session_id: str) -> None:
        """Delete a session and what was computed for it."""
        if not _ID.match(session_id):
            return
        self.pop(session_id, None)
        shutil.rmtree(Path(self.store_path) / session_id, ignore_errors=True)
        self._on_remove(session_id)

    def remove_expired(self) -> int:
        """Delete expired sessions and remainders of broken ones. Returns how many."""
        count = 0
        store = Path(self.store_path)
        for folder in list(store.iterdir()) if store.is_dir() else []:
            if not folder.is_dir() or not _ID.match(folder.name):
                continue
            try:
                young = time.time() - folder.stat().st_mtime < _REMAINDER_S
            except OSError:
                continue  # another thread removed it
            if self.get_session(folder.name, update_ts=False) is None and not (young and not (folder / "meta.info").exists()):
                self.remove_session(folder.name)
                count += 1
        return count

    @staticmethod
    def _expired(info: SessionInfo) -> bool:
        return info.expiry > 0 and info.last_access_ts + info.expiry < time.time()


def public_info(info: SessionInfo) -> dict[str, Any]:
    """What a client is told of a session: everything but where it lies on the server."""
    told: dict[str, Any] = info.to_json()
    told.pop("path", None)
    told["image"] = os.path.basename(info.image)
    return told
