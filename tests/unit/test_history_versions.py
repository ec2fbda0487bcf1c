"""Stores of every older version are read as they are, and again when an engine has migrated them."""

from __future__ import annotations

import sqlite3
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest

from inngest_nb.history import History
from inngest_nb.history.tables import STORED
from inngest_nb.store import open_database
from tests.unit import history_store as store

FIRST = Path(__file__).parents[1] / "data" / "schemas"
PACKAGES = {"journal": "inngest_nb.engine.journal", "messages": "inngest_nb.hub"}


def _migrations(name: str) -> list[tuple[int, str]]:
    found = files(PACKAGES[name]).joinpath("migrations").iterdir()
    return sorted((int(file.name[:4]), file.read_text()) for file in found if file.name.endswith(".sql"))


VERSIONS = [(name, number) for name in PACKAGES for number in (1, *(number for number, _ in _migrations(name)))]


def _write(folder: Path, name: str, version: int) -> None:
    """A store as that version of the package left it."""
    connection = sqlite3.connect(folder / f"{name}.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript((FIRST / f"{name}-1.sql").read_text())
    for number, script in _migrations(name):
        if number <= version:
            connection.executescript(script)
    connection.execute("INSERT INTO meta VALUES ('schema_version', ?)", (str(version),))
    (store.fill_journal if name == "journal" else store.fill_messages)(connection)
    connection.close()


@pytest.mark.parametrize(("name", "version"), VERSIONS)
def test_a_store_of_an_older_version_is_read(tmp_path: Path, name: str, version: int) -> None:
    newest = {other: max(number for number, _ in _migrations(other)) for other in PACKAGES}
    for other in PACKAGES:
        _write(tmp_path, other, version if other == name else newest[other])
    history = History(tmp_path)
    before = {table: getattr(history, table)() for table in (*STORED, "transcript", "latency", "usage")}
    assert all(len(frame) for frame in before.values())
    for other, package in PACKAGES.items():
        open_database(tmp_path / f"{other}.db", package, synchronous="OFF").close()
    for table, frame in before.items():
        pd.testing.assert_frame_equal(getattr(history, table)(), frame)
    assert history.messages(channel="ai:1", since=store.at(3.7), until=store.at(4)).offset.tolist() == [4, 5]
