"""Opening the state database: sqlite in the state folder, or another one by URI."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine, event, inspect
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from gliolabel.errors import InputError, UnavailableError
from gliolabel.state.changes import Changes
from gliolabel.state.folder import StateFolder
from gliolabel.state.tables import SCHEMA_VERSION, About, Base

_BUSY_TIMEOUT_S = 10
_WRITE_OPTION = "gliolabel_write"


class Database:
    """The state database.

    Transactions are short: :meth:`reading` and :meth:`writing` are left before any image is touched. A writing transaction on sqlite takes
    the write lock at its beginning, so that it waits for its turn instead of failing half-way.

    Args:
        folder: the state folder, already made.
        uri: another database as an SQLAlchemy URI (``postgresql+psycopg://...``); default: sqlite in the folder.

    Raises:
        InputError: the URI cannot be read, or the database was made by a newer version.
        UnavailableError: the database cannot be opened.
    """

    def __init__(self, folder: StateFolder, *, uri: str | None = None) -> None:
        self.folder = folder
        try:
            url = make_url(uri) if uri else make_url(f"sqlite:///{folder.database}")
        except ArgumentError as error:
            raise InputError(
                f"The database URI {uri!r} cannot be read. Expected, for example, postgresql+psycopg://user@host/gliolabel."
            ) from error
        sqlite = url.get_backend_name() == "sqlite"
        self.engine: Engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S} if sqlite else {}, pool_pre_ping=not sqlite)
        if sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._writing_engine = self.engine.execution_options(**{_WRITE_OPTION: True})
        try:
            self._create_tables()
        except SQLAlchemyError as error:
            raise UnavailableError(
                f"The state database {url.render_as_string(hide_password=True)} cannot be opened: {_short(error)}"
            ) from error

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one moment of the database.

        Raises:
            UnavailableError: the database is gone or cannot be opened.
        """
        with Session(self.engine, expire_on_commit=False) as session:
            try:
                yield session
            except OperationalError as error:
                raise UnavailableError(f"The state database cannot be read: {_short(error)}.") from error

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that is committed at the end of the block, or rolled back when the block raises.

        Which cases it changed is noted, see :mod:`gliolabel.state.changes`.

        Raises:
            UnavailableError: the disk is full, the database is locked for too long or gone.
        """
        with Session(self._writing_engine, expire_on_commit=False) as session:
            changes = Changes.watch(session)
            try:
                yield session
                changes.note()
                session.commit()
            except OperationalError as error:
                session.rollback()
                raise UnavailableError(f"The state database cannot be written: {_short(error)}. Nothing was stored.") from error

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def _create_tables(self) -> None:
        with self.writing() as session:
            Base.metadata.create_all(session.connection())
            _add_missing_columns(session.connection())
            about = session.get(About, "schema")
            if about is None:
                session.add(About(key="schema", value=str(SCHEMA_VERSION)))
            elif int(about.value) > SCHEMA_VERSION:
                raise InputError(
                    f"The state database in {self.folder.path} was made by a newer GlioLabel (schema {about.value}, this one knows "
                    f"{SCHEMA_VERSION}). Update GlioLabel, or choose another state folder."
                )


def _add_missing_columns(connection: Connection) -> None:
    """Columns that came after the database was made. All of them may be empty, so older code can go on using it."""
    present = inspect(connection)
    for table in Base.metadata.sorted_tables:
        there = {column["name"] for column in present.get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}")


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # SQLAlchemy begins transactions itself (below): the driver's own habit of beginning late would turn a read that is followed by a
    # write into a conflict that no waiting resolves.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", f"busy_timeout={_BUSY_TIMEOUT_S * 1000}", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITE_OPTION) else "BEGIN")


def _short(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]
