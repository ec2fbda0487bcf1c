"""What a step costs beside 1,000 to 1,000,000 stored runs: the journal is filled with ended ones, then ours are timed."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import inngest_nb as nb
from benchmarks import cases
from benchmarks.measure import report
from inngest_nb.clock import Clock
from inngest_nb.engine.journal.journal import add_event, add_run, add_step, end_run
from inngest_nb.engine.records import Run, StepRow, StoredEvent
from inngest_nb.stephash import step_hash
from inngest_nb.store import Write, open_database

SIZES = (1_000, 10_000, 100_000, 1_000_000)
STEPS = 3
_ROUNDS = 5
_GROUP = 10_000
_HASHES = [step_hash(f"s{n}") for n in range(STEPS)]


def main() -> dict[str, Any]:
    """Steps per second of 100 runs at once, the best of some rounds, and ten steps alone, for each size."""
    found = {str(size): _beside(size) for size in SIZES}
    first, last = (found[str(size)]["steps_per_s"] for size in (SIZES[0], SIZES[-1]))
    return {"beside": found, "cost_of_a_step_at_the_end": round(first / last, 2)}


def _beside(stored: int) -> dict[str, Any]:
    folder = Path(f"curve-{stored}")
    _fill(folder, stored)
    client = nb.Inngest(app_id="bench", engine="embedded", data_dir=folder)
    ten = client.create_function(fn_id="ten", trigger=nb.TriggerEvent(event="bench/ten"))(cases.ten)
    cases.alone(ten, 20)
    rate = max(cases.many(client, 100) for _ in range(_ROUNDS))
    alone = cases.alone(ten, 200)
    nb.links.close_links()
    size_mb = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    gc.collect()
    return {"steps_per_s": rate, "ten_steps": alone, "journal_mb": round(size_mb)}


def _fill(folder: Path, stored: int) -> None:
    """Completed runs of three steps each, with their events, as the engine writes them."""
    folder.mkdir()
    connection = open_database(folder / "journal.db", "inngest_nb.engine.journal", synchronous="OFF")
    clock = Clock()
    for first in range(0, stored, _GROUP):
        ids = [clock.ulid() for _ in range(min(_GROUP, stored - first))]
        _insert(connection, ids, clock.now())
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _insert(connection: sqlite3.Connection, ids: list[str], now: int) -> None:
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for run_id in ids:
        for statement, row in _writes(run_id, now):
            rows.setdefault(statement, []).append(row)
    connection.execute("BEGIN")
    for statement, several in rows.items():
        connection.executemany(statement, several)
    connection.execute("COMMIT")


def _writes(run_id: str, now: int) -> Iterator[Write]:
    event = StoredEvent(
        id=run_id, event_id=run_id, name="bench/old", data='{"n":1}', user=None, ts=now // 1000, received_at=now
    )
    run = Run(id=run_id, fn_id="bench-old", status="completed", events=[event], queued_at=now, ended_at=now, output="1")
    yield add_event(event, target=None, key=None)
    yield from add_run(run, "code")
    for n in range(STEPS):
        yield add_step(
            run_id,
            StepRow(_HASHES[n], 0, f"s{n}", n, "run", "completed", now, now, None, '{"i":1}', None, None),
            "code",
        )
    yield from end_run(run)[:1]


if __name__ == "__main__":
    report(main())
