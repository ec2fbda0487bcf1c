"""Lists of runs are read by their indexes: what a page needs does not grow with what is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from inngest_nb.engine.listing import LISTING_SQL
from inngest_nb.store import open_database

ABOUT = {"function": None, "since": 0, "hour": "", "first": "", "last": "~"}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("last_hour", "SEARCH runs USING PRIMARY KEY (id>? AND id<?)"),
        ("open_by_status", "SEARCH r USING INDEX runs_open (id>? AND id<?)"),
    ],
)
def test_what_is_said_of_some_runs_reads_only_those(tmp_path: Path, name: str, found: str) -> None:
    connection = open_database(tmp_path / "journal.db", "inngest_nb.engine.journal", synchronous="OFF")
    plan = connection.execute(f"EXPLAIN QUERY PLAN {getattr(LISTING_SQL, name)}", ABOUT).fetchall()
    connection.close()
    assert plan[0][3] == found
