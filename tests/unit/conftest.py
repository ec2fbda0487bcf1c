"""Fixtures of the unit tests: stores with known content."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from inngest_nb.history import History
from tests.unit import history_store as store

Writers = tuple[sqlite3.Connection, sqlite3.Connection]


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[Writers]:
    """Connections to an empty journal and message log, which stay open."""
    journal, messages = store.journal(tmp_path), store.messages(tmp_path)
    yield journal, messages
    journal.close()
    messages.close()


@pytest.fixture
def history(tmp_path: Path, writers: Writers) -> History:
    """The history of filled stores."""
    store.fill_journal(writers[0])
    store.fill_messages(writers[1])
    return History(tmp_path)
