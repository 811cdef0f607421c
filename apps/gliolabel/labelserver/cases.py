"""A case as a request names it: an image id of the datastore, or a volume in a session."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from gliolabel.errors import InputError
from gliolabel.studies import Case

#: Sessions and image ids share tables; no image id holds this sign.
_SESSION = "session/"


@dataclass(frozen=True)
class CaseRef:
    """A case and the key under which results about it are kept.

    Args:
        key: the image id, or the session's key.
        case: the case.
    """

    key: str
    case: Case

    @property
    def passing(self) -> bool:
        """Whether the case goes with its session: nothing is noted of it."""
        return self.key.startswith(_SESSION)

    def source(self) -> str:
        """A fingerprint of the images: another one when a file was replaced or is processed otherwise.

        Raises:
            InputError: a file is gone.
        """
        # Processed otherwise, the same files make other results.
        digest = hashlib.sha256(self.case.processing.mark.encode())
        for sequence, file in self.case.files().items():
            try:
                mark = file.mark()
            except OSError as error:
                raise InputError(f"case {self.key}: {file.path.name} cannot be read ({error.strerror or error}). Was it moved?") from error
            digest.update(f"{sequence}\0{mark}\n".encode())
        return digest.hexdigest()


def session_key(session_id: str) -> str:
    """The key of a session's results."""
    return _SESSION + session_id
