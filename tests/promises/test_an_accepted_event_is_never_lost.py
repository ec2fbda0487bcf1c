"""Promise 2: an event's id is returned only after the event is on disk, and a repeated delivery counts once."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from inngest_nb.clock import Clock
from inngest_nb.engine.engine import Engine
from inngest_nb.errors import JournalUnavailable
from inngest_nb.store import writer
from tests.engine.peer import Engines, ScriptedPeer, function, until

EVENT = {"name": "app/go", "data": {"n": 1}}


@pytest_asyncio.fixture
async def engines(tmp_path: Path) -> AsyncIterator[Engines]:
    engines = Engines(tmp_path / "data", Clock())
    yield engines
    await engines.stop_all()


@pytest_asyncio.fixture
async def engine(engines: Engines) -> Engine:
    return await engines.start()


def on_disk(engine: Engine, sql: str) -> list[Any]:
    """What another process would find if this one died now."""
    connection = sqlite3.connect(f"file:{engine.data_dir / 'journal.db'}?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


class StuckDisk:
    """The first transaction after `arm` waits for `fail`, and fails then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self._go_on, self._armed = threading.Event(), threading.Event(), False
        self._real = writer._transaction
        monkeypatch.setattr(writer, "_transaction", self._transaction)

    def arm(self) -> None:
        self._armed = True

    def fail(self) -> None:
        self._go_on.set()

    def _transaction(self, connection: sqlite3.Connection, writes: Any) -> None:
        (path,) = (row[2] for row in connection.execute("PRAGMA database_list") if row[1] == "main")
        if self._armed and path.endswith("journal.db"):
            self._armed = False
            self.reached.set()
            assert self._go_on.wait(10)
            raise sqlite3.OperationalError("disk I/O error")
        self._real(connection, writes)


async def test_the_event_and_its_runs_are_on_disk_when_its_id_is_returned(engine: Engine) -> None:
    ScriptedPeer(engine, function())
    for _ in range(50):
        (event_id,) = await engine.send([EVENT])
        assert (event_id,) in on_disk(engine, "SELECT id FROM events")
        assert (event_id,) in on_disk(engine, "SELECT event_id FROM runs")


async def test_the_journal_syncs_each_commit(engine: Engine) -> None:
    connection = engine.core.journal.writer._connection
    assert connection is not None
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,), (
        "FULL: in WAL mode the only one that syncs commits"
    )


async def test_delivering_again_returns_the_same_id_and_starts_nothing(engines: Engines, engine: Engine) -> None:
    ScriptedPeer(engine, function())
    sent = await asyncio.gather(*(engine.send([EVENT, EVENT], key="click") for _ in range(20)))
    assert len({tuple(ids) for ids in sent}) == 1
    engine = await engines.restart(engine)
    assert await engine.send([EVENT, EVENT], key="click") == sent[0]
    assert len(on_disk(engine, "SELECT id FROM runs")) == 2


async def test_a_repetition_is_not_acknowledged_for_a_delivery_that_failed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = StuckDisk(monkeypatch)
    disk.arm()
    first = asyncio.ensure_future(engine.send([EVENT], key="click"))
    await until(disk.reached.is_set, "the first commit")
    second = asyncio.ensure_future(engine.send([EVENT], key="click"))
    await asyncio.sleep(0)
    disk.fail()
    with pytest.raises(JournalUnavailable):
        await first
    with pytest.raises(JournalUnavailable):
        await second
    (event_id,) = await engine.send([EVENT], key="click")
    assert on_disk(engine, "SELECT id FROM events") == [(event_id,)]


async def test_a_failed_commit_leaves_the_wait_open_for_the_next_delivery(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = ScriptedPeer(engine, function())
    await engine.send([EVENT])
    run = await peer.started()
    wait = peer.step_wait(run, "ask", event="app/answer")
    await until(lambda: on_disk(engine, "SELECT 1 FROM waits"), "the wait")
    disk = StuckDisk(monkeypatch)
    disk.arm()
    answer = asyncio.ensure_future(engine.send([{"name": "app/answer"}], key="answer"))
    await until(disk.reached.is_set, "the commit of the answer")
    disk.fail()
    with pytest.raises(JournalUnavailable):
        await answer
    await peer.settled()
    assert not peer.has_heard("step.memo")
    await engine.send([{"name": "app/answer"}], key="answer")
    await peer.hear("step.memo", hash=wait)
