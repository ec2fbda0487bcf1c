"""Promise 3: a step in backoff is tried again although first its kernel and then the engine died meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from inngest_nb.worker.execution import Execution
from tests.engine.peer import Engines, MovableClock, ScriptedPeer, function, until

BACKOFF_S = 60.0


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest_asyncio.fixture
async def engines(tmp_path: Path, clock: MovableClock) -> AsyncIterator[Engines]:
    engines = Engines(tmp_path / "data", clock)
    yield engines
    await engines.stop_all()


async def test_the_attempt_is_offered_by_an_engine_that_was_away_when_it_came_due(
    engines: Engines, clock: MovableClock
) -> None:
    engine = await engines.start()
    peer = ScriptedPeer(engine, function(backoff=BACKOFF_S))
    await engine.send([{"name": "app/go"}])
    step = peer.step_failed(await peer.started(), "fetch")
    await until(lambda: engine.core.journal.rows("SELECT 1 FROM steps"), "the attempt in the journal")
    engine = await engines.restart(engine)  # the kernel is another one as well: it learns of the attempt by run.start
    run = await ScriptedPeer(engine, function(backoff=BACKOFF_S), worker_id="peer-2").started()
    assert run["retrying"] == {step: 1}
    await engines.stop(engine)
    clock.advance(engine, BACKOFF_S + 1)
    engine = await engines.start()
    await asyncio.sleep(0)  # what is due fires, and finds nobody
    live = {run["run_id"]: run["lease"]}
    back = ScriptedPeer(engine, function(backoff=BACKOFF_S), worker_id="peer-2", live=live)
    await back.hear("step.again", hash=step, attempt=1)


async def test_an_offer_that_is_repeated_makes_no_second_attempt() -> None:
    """The worker's side: it knows which attempt it has made."""
    worker = _Worker()
    start: Any = {
        "run_id": "r", "lease": "l", "fn_id": "app-fn", "event": "{}", "events": ["{}"], "attempt": 0, "max_attempts": 5,
        "memos": {}, "errors": {}, "waiting": [], "retrying": {}, "order": [],
    }  # fmt: skip
    execution = Execution(worker, None, start)  # type: ignore[arg-type]
    asking = asyncio.ensure_future(execution._ask("hash", {"op": "step.done", "hash": "hash", "attempt": 1}))
    await asyncio.sleep(0)
    for attempt in (0, 1):
        execution.deliver({"op": "step.again", "run_id": "r", "hash": "hash", "attempt": attempt})
        await asyncio.sleep(0)
        assert not asking.done()
        assert execution.unacknowledged
    execution.deliver({"op": "step.again", "run_id": "r", "hash": "hash", "attempt": 1})
    execution.deliver({"op": "step.saved", "run_id": "r", "hash": "hash"})  # in the same frame
    assert (await asking)["op"] == "step.saved"
    assert not execution.unacknowledged


class _Worker:
    """As much of a worker as a conversation needs."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.said: list[Any] = []

    def post(self, message: Any) -> None:
        self.said.append(message)

    post_soon = post
