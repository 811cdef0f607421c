"""Where the state of a study folder is kept, and what lies where in it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from gliolabel.errors import InputError, UnavailableError

#: Environment variable that names the state folder when nothing else does.
ENVIRONMENT = "GLIOLABEL_STATE"

_ABOUT = "about.json"
_HASH_DIGITS = 12


@dataclass(frozen=True)
class StateFolder:
    """A state folder.

    Args:
        path: the folder. :meth:`create` makes it with its sub-folders.
    """

    path: Path

    @property
    def database(self) -> Path:
        """The sqlite file (unused when the database is named by a URI)."""
        return self.path / "gliolabel.sqlite"

    @property
    def labels(self) -> Path:
        """Label versions, one file each, never overwritten."""
        return self.path / "labels"

    @property
    def maps(self) -> Path:
        """Uncertainty maps and the masks they belong to. Can be computed again."""
        return self.path / "maps"

    @property
    def models(self) -> Path:
        """Model versions: MLflow's database and files, and ``served.json``, which says what is served. Made when first needed."""
        return self.path / "models"

    @property
    def masks(self) -> Path:
        """The last mask of each case that each reader was given."""
        return self.path / "masks"

    @property
    def uploads(self) -> Path:
        """Volumes that were uploaded, one file each."""
        return self.path / "uploads"

    @property
    def results(self) -> Path:
        """Results as DICOM objects, where the studies are DICOM files and no PACS. Made when first needed."""
        return self.path / "results"

    @property
    def trainings(self) -> Path:
        """What each retraining was made of, how far it came and how it ended; a folder for each."""
        return self.path / "trainings"

    @property
    def sessions(self) -> Path:
        """Volumes of running sessions; they expire."""
        return self.path / "sessions"

    @property
    def cache(self) -> Path:
        """Whatever may be deleted at any time while nothing runs."""
        return self.path / "cache"

    @property
    def temporary(self) -> Path:
        """Files of requests that are being answered."""
        return self.cache / "requests"

    @property
    def studies(self) -> str | None:
        """The study path or URL this folder was made for, if it was written down."""
        try:
            about = json.loads((self.path / _ABOUT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        studies = about.get("studies") if isinstance(about, dict) else None
        return studies if isinstance(studies, str) else None

    def create(self, *, studies: str | Path | None = None) -> StateFolder:
        """Make the folder and its sub-folders.

        Args:
            studies: the study path or URL to write down in it, so that a list of state folders can be read by a person.

        Raises:
            UnavailableError: the folder cannot be made or written to.
        """
        try:
            for folder in (self.path, self.labels, self.maps, self.masks, self.uploads, self.sessions, self.cache, self.temporary):
                folder.mkdir(parents=True, exist_ok=True)
            # What is in here are patients' images: for the user who runs the server only.
            self.path.chmod(0o700)
            if studies is not None and self.studies is None:
                (self.path / _ABOUT).write_text(json.dumps({"studies": _normalised(studies)}) + "\n", encoding="utf-8")
            probe = self.path / f".writable-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise UnavailableError(
                f"The state folder {self.path} cannot be written ({error.strerror or error}). "
                f"Choose another one: --conf state DIR, gliolabel --state DIR, or ${ENVIRONMENT}."
            ) from error
        return self


def resolve_state_folder(
    explicit: str | Path | None = None,
    *,
    studies: str | Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> StateFolder:
    """The state folder to use: the one asked for, the environment's, the study folder's own, or the only one there is.

    Args:
        explicit: what ``--conf state`` or ``gliolabel --state`` said.
        studies: study path or URL; its state folder lies in the user's data folder under a name made from it.
        environment: where ``$GLIOLABEL_STATE`` is looked up.

    Raises:
        InputError: nothing was said, and there is none or more than one.
    """
    chosen = explicit or environment.get(ENVIRONMENT)
    if chosen:
        return StateFolder(Path(chosen).expanduser().resolve())
    if studies is not None:
        digest = hashlib.sha256(_normalised(studies).encode()).hexdigest()[:_HASH_DIGITS]
        return StateFolder(_root() / digest)
    found = find_state_folders()
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(
            f"There is no state folder in {_root()} yet. Start the server once on your study folder, "
            f"or name a folder: --state DIR or ${ENVIRONMENT}."
        )
    listing = "\n".join(f"  {folder.path}   (studies: {folder.studies or 'not known'})" for folder in found)
    raise InputError(f"There are {len(found)} state folders. Name the one you mean with --state DIR or ${ENVIRONMENT}:\n{listing}")


def find_state_folders() -> list[StateFolder]:
    """The state folders in the user's data folder, by name."""
    root = _root()
    if not root.is_dir():
        return []
    return [StateFolder(path) for path in sorted(root.iterdir()) if (path / _ABOUT).is_file() or (path / "gliolabel.sqlite").is_file()]


def _root() -> Path:
    return platformdirs.user_data_path("gliolabel", appauthor=False)


def _normalised(studies: str | Path) -> str:
    text = str(studies)
    if text.startswith(("http://", "https://")):
        return text.rstrip("/")
    return str(Path(text).expanduser().resolve())
