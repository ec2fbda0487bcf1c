"""Reading a store beside its writer: the connection, and the rows of one table."""

from __future__ import annotations

import contextlib
import functools
import gc
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from inngest_nb.errors import JournalCorrupt, JournalUnavailable
from inngest_nb.history.filters import Filters
from inngest_nb.store import load_queries

__all__ = ["SQL", "connected", "rows_of", "unless_collected", "where"]

SQL = load_queries("inngest_nb.history")


@contextlib.contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Open a store for reading, None if there is none yet.

    The file is opened with mode=ro, which sees what the running engine has committed. A store in a place where not even
    SQLite's shared memory file may be made is read from a copy.

    Raises
    ------
    JournalUnavailable
        If the file cannot be read.
    JournalCorrupt
        If it is damaged or no database.
    """
    if not path.exists():
        yield None
        return
    with contextlib.ExitStack() as stack:
        try:
            yield stack.enter_context(_open(path, stack))
        except sqlite3.Error as exc:
            raise _explain(exc, path) from exc


def _open(path: Path, stack: contextlib.ExitStack) -> contextlib.closing[sqlite3.Connection]:
    try:
        return contextlib.closing(_connect(path))
    except sqlite3.OperationalError as exc:
        if exc.sqlite_errorname not in ("SQLITE_CANTOPEN", "SQLITE_READONLY_DIRECTORY", "SQLITE_READONLY_CANTINIT"):
            raise
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inngest-nb-history-")))
        for file in path.parent.glob(f"{path.name}*"):
            if file.suffix != f"{path.suffix}-shm":
                shutil.copy(file, folder / file.name)
        return contextlib.closing(_connect(folder / path.name))


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        _complete(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _complete(connection: sqlite3.Connection) -> None:
    """Give the tables of an older version the columns that they will have once an engine has migrated them."""
    for table, columns in _tables().items():
        stored = _columns(connection, table)
        missing = [f"{default} AS {name}" for name, default in columns.items() if name not in stored]
        if stored and missing:  # of our own schema; a temporary view goes before a table of its name
            connection.execute(f"CREATE TEMP VIEW {table} AS SELECT *, {', '.join(missing)} FROM main.{table}")  # noqa: S608


@functools.cache
def _tables() -> dict[str, dict[str, str]]:
    """Return the columns of both stores' tables as they are now."""
    found: dict[str, dict[str, str]] = {}
    for folder in ("engine/journal", "hub"):
        with contextlib.closing(sqlite3.connect(":memory:")) as fresh:
            fresh.executescript(files("inngest_nb").joinpath(folder, "schema.sql").read_text())
            names = fresh.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'meta'").fetchall()
            found |= {name: _columns(fresh, name) for (name,) in names}
    return found


def _columns(connection: sqlite3.Connection, table: str) -> dict[str, str]:
    """Return the columns of a table with their defaults, none if there is no such table."""
    return {row[1]: row[4] or "NULL" for row in connection.execute(f"PRAGMA table_info({table})")}


def _explain(exc: sqlite3.Error, path: Path) -> Exception:
    name = str(getattr(exc, "sqlite_errorname", None) or "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return JournalCorrupt(f"{path} cannot be read: {exc}; try what `sqlite3 {path} .recover` still finds")
    log = path.with_name(f"{path.name}-wal")
    lost = "no such table" in str(exc) and not (log.exists() and log.stat().st_size)  # reading makes an empty one
    hint = f" A copy of a store in use needs {log.name} beside it" if lost else ""
    return JournalUnavailable(f"{path} cannot be read: {exc} ({name or 'SQLite'}); is it a store of inngest_nb?{hint}")


def where(table: str, statement: str, filters: Filters) -> str:
    """Return the statement with the conditions of the filters in use, and with what they read first."""
    used = [name for name in filters if name != "since_id"]
    conditions = " AND ".join(getattr(SQL, f"{table}_where_{name}") for name in used)
    sources = " ".join(getattr(SQL, f"{table}_from_{name}", "") for name in used)
    return statement.replace("/* from */", sources).replace("/* where */", f"WHERE {conditions}" if used else "")


def rows_of(
    path: Path, table: str, filters: Filters, limit: int | None = None, *, query: str | None = None
) -> list[tuple[Any, ...]]:
    """Return the newest `limit` rows of a table, or of another query with its filters, oldest first."""
    parameters = {**filters, "limit": -1 if limit is None else limit}
    statement = where(table, getattr(SQL, query or table), filters)
    with connected(path) as connection, unless_collected():
        if connection is None:
            return []
        rows = connection.execute(statement, parameters).fetchall()
    return rows[::-1]


@contextlib.contextmanager
def unless_collected() -> Iterator[None]:
    """Make many objects without the garbage collector walking over them again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
