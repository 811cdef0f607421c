"""What belongs to a state folder's models but may lie elsewhere: MLflow, the starter versions, the database with the audit log."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

from gliolabel.registry.mlflow_client import without_password
from gliolabel.state.files import replace_text

FILE = "registry.json"


def starter_folder() -> Path:
    """The folder of the weights that come with the package."""
    return Path(str(resources.files("gliolabel.weights")))


class Place:
    """The URI of MLflow, the folder of its files, the folder of the starter versions, and the database.

    What was given is remembered in the state folder, so that the command line uses the same as the server.

    Args:
        folder: the state folder's ``models``.
        uri: of MLflow; None: the one that was given last, else sqlite in the folder.
        weights: folder of the starter versions; None: the one that was given last, else the package's own.
        database: the state's database as a URI, empty for sqlite in the state folder; None: the one that was given last.

    Raises:
        UnavailableError: the folder cannot be written (with something new to remember).
    """

    def __init__(self, folder: Path, *, uri: str | None, weights: Path | None, database: str | None) -> None:
        self._folder = folder.resolve()
        remembered = self._remembered()
        given = dict(remembered)
        if uri is not None:
            given["mlflow"] = uri
        if weights is not None:
            given["weights"] = str(weights.resolve())
            # The package may be moved or updated: its own folder is looked up each time.
            if weights.resolve() == starter_folder().resolve():
                del given["weights"]
        if database is not None:
            given["database"] = database
            if not database:
                del given["database"]
        if given != remembered:
            # A URI may hold a password.
            replace_text(folder / FILE, json.dumps(given) + "\n", mode=0o600)
        self._given = given

    @property
    def uri(self) -> str:
        """The URI."""
        return self._given.get("mlflow") or f"sqlite:///{self.database}"

    @property
    def database(self) -> Path:
        """The file of the folder's own MLflow."""
        return self._folder / "mlflow.db"

    @property
    def shown(self) -> str:
        """The URI without its password."""
        return without_password(self.uri)

    @property
    def shared(self) -> bool:
        """Whether others may change what MLflow holds: it is not the folder's own."""
        return "mlflow" in self._given

    @property
    def artifacts(self) -> Path:
        """Where files go if the URI is a database."""
        return self._folder / "artifacts"

    @property
    def weights(self) -> Path:
        """Where the starter versions come from."""
        return Path(self._given["weights"]) if "weights" in self._given else starter_folder()

    @property
    def audit_database(self) -> str | None:
        """The database with the audit log as a URI; None: sqlite in the state folder."""
        return self._given.get("database")

    def keeps(self, path: Path) -> bool:
        """Whether a path is that of a copy of what MLflow keeps elsewhere."""
        return path.parent == self._folder / "cache"

    def _remembered(self) -> dict[str, str]:
        try:
            content = json.loads((self._folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {key: value for key, value in content.items() if isinstance(value, str)} if isinstance(content, dict) else {}
