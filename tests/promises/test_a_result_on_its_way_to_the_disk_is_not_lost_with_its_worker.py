"""Promise 1: a worker dies while its report is on the way to the disk; the next one is told of it and repeats nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from inngest_nb.clock import Clock
from inngest_nb.engine import dispatch
from inngest_nb.engine.engine import Engine
from inngest_nb.stephash import step_hash
from tests.engine.peer import Engines, ScriptedPeer, function, log_of

TOKEN = {
    "op": "publish",
    "channel": "chat",
    "topic": "t",
    "data": '"token"',
    "fn_id": "app-fn",
    "step_id": "speak",
    "attempt": 0,
}


@pytest_asyncio.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    monkeypatch.setattr(dispatch, "is_dead", lambda peer: True)  # as of a killed process: nobody waits for it
    engines = Engines(tmp_path / "data", Clock())
    yield await engines.start()
    await engines.stop_all()


async def two_peers(engine: Engine) -> tuple[ScriptedPeer, ScriptedPeer, dict[str, Any]]:
    """One that will die with a run, and another one that has the function too."""
    heir = ScriptedPeer(engine, function(), worker_id="heir")
    doomed = ScriptedPeer(engine, function(), worker_id="doomed")
    await engine.send([{"name": "app/go"}])
    return doomed, heir, await doomed.started()


async def test_a_result(engine: Engine) -> None:
    doomed, heir, run = await two_peers(engine)
    step = doomed.step_done(run, "work", output='"once"')
    doomed.close()
    assert (await heir.started())["memos"] == {step: '"once"'}


async def test_a_result_with_what_it_streamed(engine: Engine) -> None:
    doomed, heir, run = await two_peers(engine)
    doomed.say({**TOKEN, "run_id": run["run_id"]})
    doomed.step_done(run, "speak", output="1")
    doomed.close()
    assert (await heir.started())["memos"] == {step_hash("speak", 0): "1"}
    await engine.core.hub.written()
    assert [message["kind"] for message in log_of(engine, "chat")] == ["data", "commit"]


async def test_a_failed_attempt(engine: Engine) -> None:
    doomed, heir, run = await two_peers(engine)
    doomed.say({**TOKEN, "run_id": run["run_id"]})
    step = doomed.step_failed(run, "speak")
    doomed.close()
    assert (await heir.started())["retrying"] == {step: 1}
    await heir.hear("step.again", hash=step, attempt=1)
    await engine.core.hub.written()
    assert [message["kind"] for message in log_of(engine, "chat")] == ["data", "rollback"]


async def test_a_wait(engine: Engine) -> None:
    doomed, heir, run = await two_peers(engine)
    wait = doomed.step_wait(run, "ask", event="app/answer")
    doomed.close()
    assert (await heir.started())["waiting"] == [wait]
    await engine.send([{"name": "app/answer"}])
    await heir.hear("step.memo", hash=wait)


async def test_what_was_not_reported_is_rolled_back_at_once(engine: Engine) -> None:
    doomed, heir, run = await two_peers(engine)
    doomed.say({**TOKEN, "run_id": run["run_id"]})
    doomed.close()
    assert (await heir.started())["memos"] == {}
    await asyncio.wait_for(engine.core.hub.written(), 10)
    assert [message["kind"] for message in log_of(engine, "chat")] == ["data", "rollback"]


async def test_a_report_that_is_repeated_meanwhile_counts_once(engine: Engine) -> None:
    """After a reconnect a worker repeats what was not answered, also what it had queued while nobody listened."""
    peer, _, run = await two_peers(engine)
    message = {"channel": "chat", "topic": "done", "data": '"end"'}
    for again in (False, True, True):
        peer.step_done(run, "publish", kind="realtime.publish", output='"end"', publish=message, again=again)
    await peer.hear("step.saved")
    await peer.finish(run)
    await engine.core.hub.written()
    log = log_of(engine, "chat")
    assert [(m["offset"], m["kind"], m["topic"]) for m in log] == [(0, "data", "done"), (1, "run", "$run")]


async def test_a_publish_that_is_repeated_after_a_broken_connection_is_there_once(engine: Engine) -> None:
    peer, _, _ = await two_peers(engine)
    now = engine.core.clock.now()
    params = {"channel": "chat", "topic": "t", "data": "1", "created_at": now}
    await peer.request("publish", dict(params))
    await peer.request("publish", params | {"again": True})
    await peer.request("publish", params | {"again": True, "created_at": now + 1})
    assert [m["offset"] for m in log_of(engine, "chat")] == [0, 1]
