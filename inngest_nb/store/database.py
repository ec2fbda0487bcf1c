"""Opening a store: schema, forward migrations, and the mapping of SQLite's failures to our errors."""

from __future__ import annotations

import sqlite3
from importlib.resources import files
from pathlib import Path

from inngest_nb.errors import InngestError, JournalCorrupt, JournalUnavailable

_REASONS = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "the file or its disk is read-only",
    "SQLITE_CANTOPEN": "the file cannot be opened (missing directory, permissions, or a read-only disk)",
    "SQLITE_IOERR": "the disk reports an I/O error (or a quota is used up)",
    "SQLITE_BUSY": "another process holds a write lock on it",
}
_WAL_PAGES = 4000  # 16 MB: a page that is written again and again goes into the database once
_CHECK_BELOW_BYTES = 200_000_000
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


def open_database(path: Path | str, package: str, *, synchronous: str, shrinks: bool = False) -> sqlite3.Connection:
    """Open `path` for writing, create or migrate its schema; WAL, autocommit.

    A new file that `shrinks` gives the space of deleted rows back; any other keeps it for new ones.

    Raises:
        JournalCorrupt: the file is damaged or not a database.
        JournalUnavailable: it cannot be opened or written.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2.0)
    except sqlite3.Error as exc:
        raise explain(exc, path) from exc
    try:
        if shrinks:
            connection.execute("PRAGMA auto_vacuum = FULL")  # before anything is written to the file
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        _migrate(connection, package, path)
    except sqlite3.Error as exc:
        connection.close()
        raise explain(exc, path) from exc
    except InngestError:
        connection.close()
        raise
    return connection


def connect_reader(path: Path | str, *, check_same_thread: bool = False) -> sqlite3.Connection:
    """Open `path` read-only, WAL included, beside a running writer."""
    try:
        connection = sqlite3.connect(
            f"{Path(path).absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=check_same_thread,
        )
        connection.execute("PRAGMA query_only = 1")
        return connection
    except sqlite3.Error as exc:
        raise explain(exc, path) from exc


def find_damage(reader: sqlite3.Connection, path: Path | str) -> None:
    """After an unclean stop: look at a store before anything is built on it, unless that would take long.

    Raises:
        JournalCorrupt: it is damaged.
    """
    try:
        if Path(path).stat().st_size < _CHECK_BELOW_BYTES:
            (verdict,) = reader.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
    except sqlite3.DatabaseError as exc:
        raise _damaged(exc, path) from exc


def _migrate(connection: sqlite3.Connection, package: str, path: Path | str) -> None:
    """Create the schema, or apply every `migrations/NNNN_*.sql` above the stored version."""
    root = files(package)
    folder = root.joinpath("migrations")
    steps = (
        sorted((p for p in folder.iterdir() if p.name.endswith(".sql")), key=lambda p: p.name)
        if folder.is_dir()
        else []
    )
    latest = int(steps[-1].name[:4]) if steps else 1
    fresh = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'meta'").fetchone()[0] == 0
    if fresh:
        _script(connection, root.joinpath("schema.sql").read_text(), latest)
        return
    version = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    if version is None:
        raise JournalCorrupt(
            f"{path} is not a store of inngest_nb: it has no schema version. Move the file aside and start again, or choose another data_dir"
        )
    stored = int(version[0])
    if stored > latest:
        raise JournalUnavailable(
            f"this data directory was written by a newer inngest_nb (schema {stored}, this version knows {latest}); upgrade inngest-nb"
        )
    for step in steps:
        if int(step.name[:4]) > stored:
            _script(connection, step.read_text(), int(step.name[:4]))


def _script(connection: sqlite3.Connection, script: str, version: int) -> None:
    # The script is a file of this package and the version a number.
    connection.executescript(
        f"BEGIN IMMEDIATE;\n{script}\nINSERT OR REPLACE INTO meta VALUES ('schema_version', '{version}');\nCOMMIT;"  # noqa: S608
    )


def explain(exc: sqlite3.Error, path: Path | str) -> InngestError:
    """Return the error of ours that says what `exc` means for the user."""
    name: str = getattr(exc, "sqlite_errorname", None) or ""
    if name.startswith(_DAMAGE):
        return _damaged(exc, path)
    reason = next((text for key, text in _REASONS.items() if name.startswith(key)), str(exc))
    return JournalUnavailable(
        f"{path} cannot be written now: {reason} ({name or exc}). Nothing new is acknowledged; everything acknowledged "
        "so far is kept, and work goes on by itself once writing succeeds again"
    )


def _damaged(exc: sqlite3.Error, path: Path | str) -> JournalCorrupt:
    return JournalCorrupt(
        f"{path} is damaged ({exc}). Nothing was written to it. Move the file aside and start again, or recover what "
        f"is readable with: sqlite3 {path} .recover | sqlite3 recovered.db"
    )
