"""A store of the first version becomes what a fresh one is, with everything that was in it."""

from __future__ import annotations

import sqlite3
from importlib.resources import files
from pathlib import Path

import pytest

from inngest_nb.store.database import open_database

OLD = Path(__file__).parents[1] / "data" / "schemas"
STORES = {"journal": "inngest_nb.engine.journal", "messages": "inngest_nb.hub"}


def shape(connection: sqlite3.Connection) -> dict[str, set[tuple[object, ...]]]:
    """The columns of each table, and the indexes; the order of columns does not matter to named statements."""
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    columns = {table: {row[1:] for row in connection.execute(f"PRAGMA table_info({table})")} for table in tables}
    indexes = connection.execute(
        "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    )
    return {**columns, "indexes": {(table, name, " ".join(sql.split())) for table, name, sql in indexes}}


@pytest.mark.parametrize("store", STORES)
def test_a_migrated_store_is_like_a_fresh_one(store: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.db") as old:
        old.executescript((OLD / f"{store}-1.sql").read_text())
        old.execute("INSERT INTO meta VALUES ('schema_version', '1')")
    old.close()
    migrated = open_database(tmp_path / "old.db", STORES[store], synchronous="FULL")
    fresh = open_database(tmp_path / "fresh.db", STORES[store], synchronous="FULL")
    assert shape(migrated) == shape(fresh)
    version = "SELECT value FROM meta WHERE key = 'schema_version'"
    assert migrated.execute(version).fetchone() == fresh.execute(version).fetchone()
    migrated.close()
    fresh.close()


def test_events_of_the_first_version_are_kept(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.db") as old:
        old.executescript((OLD / "journal-1.sql").read_text())
        old.execute("INSERT INTO meta VALUES ('schema_version', '1')")
        old.execute("INSERT INTO events VALUES ('01', 'mine', 'app/go', '{}', NULL, 5, 6, NULL, 'key')")
    old.close()
    migrated = open_database(tmp_path / "old.db", STORES["journal"], synchronous="FULL")
    row = migrated.execute(
        "SELECT id, event_id, name, data, user, ts, v, received_at, target, idempotency_key FROM events"
    )
    assert row.fetchall() == [("01", "mine", "app/go", "{}", None, 5, None, 6, None, "key")]
    migrated.close()


@pytest.mark.parametrize("store", STORES)
def test_each_migration_has_a_number_of_its_own(store: str) -> None:
    """Of two with one number the second would never be applied."""
    folder = files(STORES[store]).joinpath("migrations")
    numbers = sorted(int(file.name[:4]) for file in folder.iterdir() if file.name.endswith(".sql"))
    assert numbers == list(range(2, 2 + len(numbers)))
