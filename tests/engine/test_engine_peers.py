"""Peers that come, vanish and come back: a run is always with one of them, or waits for one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from inngest_nb.engine import dispatch
from inngest_nb.engine.engine import Engine
from inngest_nb.protocol import Message
from tests.engine.peer import Engines, MovableClock, ScriptedPeer, function, log_of, until

GO = {"name": "app/go", "data": {}}


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait hardly at all for a lost connection."""
    monkeypatch.setattr(dispatch, "GRACE_S", 0.05)


@pytest.fixture
def dead_pid() -> Iterator[int]:
    """The id of a process that has ended and is not waited for: what a killed kernel is for a moment."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        yield process.pid


async def _started(engine: Engine, **config: Any) -> tuple[ScriptedPeer, Message]:
    peer = ScriptedPeer(engine, function(**config))
    await engine.send([GO])
    return peer, await peer.started()


async def test_a_run_without_a_peer_waits_for_one(engine: Engine) -> None:
    ScriptedPeer(engine, function()).close()
    await engine.send([GO, GO])
    assert [run.status for run in engine.runs()] == ["queued", "queued"]
    peer = ScriptedPeer(engine, function(), worker_id="peer-2")
    await peer.started()
    await peer.started()


async def test_the_newest_peer_that_has_a_function_gets_its_runs(engine: Engine) -> None:
    old = ScriptedPeer(engine, function(), worker_id="old")
    new = ScriptedPeer(engine, function(), worker_id="new")
    await engine.send([GO])
    await new.finish(await new.started())
    new.close()
    await engine.send([GO])
    await old.started()


async def test_a_run_of_a_dead_process_goes_to_the_next_peer_at_once(engine: Engine, dead_pid: int) -> None:
    peer = ScriptedPeer(engine, function(), worker_id="killed", pid=dead_pid, host=dispatch._HOST)
    await engine.send([GO])
    run = await peer.started()
    step = peer.step_done(run, "fetch", output="1")
    await peer.hear("step.saved", hash=step)
    peer.close()
    heir = ScriptedPeer(engine, function(), worker_id="restarted")
    again = await heir.started()
    assert (again["run_id"], again["memos"]) == (run["run_id"], {step: "1"})
    assert again["lease"] != run["lease"]


@pytest.mark.usefixtures("short_grace")
async def test_a_run_of_a_lost_connection_goes_to_the_next_peer_after_a_moment(engine: Engine) -> None:
    peer, run = await _started(engine)
    heir = ScriptedPeer(engine, function(), worker_id="peer-2")
    peer.close()
    assert (await heir.started())["run_id"] == run["run_id"]


@pytest.mark.usefixtures("short_grace")
async def test_a_report_under_a_lease_that_was_lost_changes_nothing(engine: Engine) -> None:
    peer, run = await _started(engine)
    heir = ScriptedPeer(engine, function(), worker_id="peer-2")
    peer.close()
    again = await heir.started()
    late = ScriptedPeer(engine, function(), live={run["run_id"]: run["lease"]})
    await late.hear("run.stop", reason="lost")
    assert (await late.hear("ready"))["kept"] == []
    late.step_done(run, "fetch", output='"late"')
    late.done(run, "late")
    await late.hear("run.stop", reason="lost")
    await heir.finish(again, "good")
    assert engine.run(run["run_id"]).output == '"good"'
    assert engine.core.journal.steps(run["run_id"]) == []


async def test_a_peer_that_comes_back_keeps_the_runs_it_still_executes(engine: Engine) -> None:
    peer, run = await _started(engine)
    await engine.send([GO])
    forgotten = await peer.started()
    peer.close()
    back = ScriptedPeer(engine, function(), live={run["run_id"]: run["lease"]})
    assert (await back.hear("ready"))["kept"] == [run["run_id"]]
    assert (await back.started())["run_id"] == forgotten["run_id"]
    step = back.step_done(run, "fetch", output="1", again=True)
    await back.hear("step.saved", hash=step)
    await back.finish(run, "done")
    assert engine.run(run["run_id"]).output == '"done"'


async def test_a_peer_keeps_its_runs_over_a_restart_of_the_engine(engines: Engines) -> None:
    engine = await engines.start()
    peer, run = await _started(engine)
    await peer.hear("step.saved", hash=peer.step_done(run, "one", output="1"))
    engine = await engines.restart(engine)
    back = ScriptedPeer(engine, function(), live={run["run_id"]: run["lease"]})
    assert (await back.hear("ready"))["kept"] == [run["run_id"]]
    await back.hear("step.saved", hash=back.step_done(run, "two", output="2", index=1))
    await back.finish(run, "done")
    assert not back.has_heard("run.start")


async def test_a_report_that_is_repeated_is_answered_and_not_kept_twice(engine: Engine) -> None:
    peer, run = await _started(engine)
    step = peer.step_done(run, "fetch", output="1")
    await peer.hear("step.saved", hash=step)
    peer.close()
    back = ScriptedPeer(engine, function(), live={run["run_id"]: run["lease"]})
    back.step_done(run, "fetch", output="2", again=True)
    await back.hear("step.saved", hash=step)
    assert [row.output for row in engine.core.journal.steps(run["run_id"])] == ["1"]


@pytest.mark.parametrize("due", ["while away", "afterwards"])
async def test_a_next_attempt_is_asked_for_once_over_a_reconnect(engine: Engine, clock: MovableClock, due: str) -> None:
    peer, run = await _started(engine, backoff=60.0)
    step = peer.step_failed(run, "fetch")
    await until(lambda: engine.core.journal.steps(run["run_id"]), "the attempt in the journal")
    peer.close()
    if due == "while away":
        clock.advance(engine, 61)
        await asyncio.sleep(0)
    back = ScriptedPeer(engine, function(backoff=60.0), live={run["run_id"]: run["lease"]})
    back.step_failed(run, "fetch", again=True)
    await back.settled()
    clock.advance(engine, 61)
    await back.hear("step.again", hash=step, attempt=1)
    clock.advance(engine, 120)
    await back.settled()
    assert not back.has_heard("step.again")


async def test_a_remembered_attempt_that_came_due_while_its_peer_was_away_is_asked_for(
    engines: Engines, clock: MovableClock
) -> None:
    engine = await engines.start()
    peer, run = await _started(engine, backoff=60.0)
    step = peer.step_failed(run, "fetch")
    await until(lambda: engine.core.journal.steps(run["run_id"]), "the attempt in the journal")
    engine = await engines.restart(engine)
    peer = ScriptedPeer(engine, function(backoff=60.0))
    run = await peer.started()
    peer.close()
    clock.advance(engine, 61)
    await asyncio.sleep(0)
    back = ScriptedPeer(engine, function(backoff=60.0), live={run["run_id"]: run["lease"]})
    await back.hear("step.again", hash=step, attempt=1)


async def test_an_offer_that_was_lost_with_its_connection_is_repeated(engines: Engines, clock: MovableClock) -> None:
    engine = await engines.start()
    peer, run = await _started(engine, backoff=60.0)
    step = peer.step_failed(run, "fetch")
    clock.advance(engine, 61)
    await peer.hear("step.again", hash=step, attempt=1)  # on its way, and never heard by the worker
    peer.close()
    back = ScriptedPeer(engine, function(backoff=60.0), live={run["run_id"]: run["lease"]})
    await back.hear("step.again", hash=step, attempt=1)


async def test_a_connection_that_was_replaced_takes_nothing_with_it_when_it_ends(engine: Engine) -> None:
    old = ScriptedPeer(engine, function())
    new = ScriptedPeer(engine, function())
    old.close()
    await engine.send([GO])
    await new.finish(await new.started())


@pytest.mark.usefixtures("short_grace")
async def test_what_a_lost_step_had_published_is_rolled_back(engine: Engine) -> None:
    peer, run = await _started(engine)
    about = {"run_id": run["run_id"], "fn_id": "app-fn"}
    peer.say(
        {"op": "publish", "channel": "chat", "topic": "t", "data": '"void"', "step_id": "gen", "attempt": 0, **about}
    )
    peer.close()
    again = await ScriptedPeer(engine, function(), worker_id="peer-2").started()
    assert again["run_id"] == run["run_id"]
    await engine.core.hub.written()
    assert [message["kind"] for message in log_of(engine, "chat")] == ["data", "rollback"]


async def test_queued_running_and_waiting_runs_are_taken_up_after_a_restart(engines: Engines) -> None:
    engine = await engines.start()
    peer = ScriptedPeer(engine, function(), function("app-later", "app/later"))
    await engine.send([GO, GO])
    running, waiting = await peer.started(), await peer.started()
    await peer.hear("step.saved", hash=peer.step_done(running, "one", output="1"))
    wait = peer.step_wait(waiting, "ask", event="app/answer")
    sql = "SELECT 1 FROM runs WHERE status = 'waiting'"
    await until(lambda: engine.core.journal.rows(sql), "the waiting run")
    peer.close()
    (queued_event,) = await engine.send([{"name": "app/later"}])
    (queued,) = engine.runs(event_id=queued_event)
    engine = await engines.restart(engine)
    peer = ScriptedPeer(engine, function(), function("app-later", "app/later"))
    assert (await peer.started())["run_id"] == running["run_id"]
    again = await peer.started()  # the waiting one too: beside its wait it may have been executing a step
    assert (again["run_id"], again["waiting"]) == (waiting["run_id"], [wait])
    assert (await peer.started("app-later"))["run_id"] == queued.id
    await engine.send([{"name": "app/answer"}])
    assert (await peer.hear("step.memo", hash=wait))["run_id"] == waiting["run_id"]
