"""Runs that only wait stay on disk: no worker is given them before a wait of theirs ends, after a restart either."""

from __future__ import annotations

from inngest_nb.engine.engine import Engine
from inngest_nb.protocol import Message
from tests.engine.peer import Engines, MovableClock, ScriptedPeer, function, until

GO = {"name": "app/go", "data": {"n": 1}}
ANSWER = {"name": "app/answer", "data": {}}


async def _started(engine: Engine) -> tuple[ScriptedPeer, Message]:
    peer = ScriptedPeer(engine, function(backoff=60.0))
    await engine.send([GO])
    return peer, await peer.started()


async def _kept(engine: Engine) -> None:
    await engine.core.journal.commit([])


async def _heir(engine: Engine) -> ScriptedPeer:
    """A worker that was not there before, when it has been given all that there is."""
    peer = ScriptedPeer(engine, function(backoff=60.0), worker_id="heir")
    await peer.settled()
    return peer


async def test_a_run_that_only_waits_is_given_to_nobody_before_its_event_comes(engines: Engines) -> None:
    engine = await engines.start()
    peer, run = await _started(engine)
    peer.step_wait(run, "ask", event="app/answer", waits=1)
    await _kept(engine)
    engine = await engines.restart(engine)
    heir = await _heir(engine)
    assert not heir.has_heard("run.start")
    assert engine.run(run["run_id"]).status == "waiting"
    assert engine.core.runs == {}
    await engine.send([ANSWER])
    assert len((await heir.started())["memos"]) == 1


async def test_a_sleep_wakes_it_as_well(engines: Engines, clock: MovableClock) -> None:
    engine = await engines.start()
    peer, run = await _started(engine)
    peer.step_wait(run, "nap", seconds=3600, waits=1)
    await _kept(engine)
    engine = await engines.restart(engine)
    heir = await _heir(engine)
    clock.advance(engine, 3500)
    await heir.settled()
    assert not heir.has_heard("run.start")
    clock.advance(engine, 101)
    await heir.started()


async def test_a_sleep_that_ended_while_nobody_was_there(engines: Engines, clock: MovableClock) -> None:
    engine = await engines.start()
    peer, run = await _started(engine)
    peer.step_wait(run, "nap", seconds=3600, waits=1)
    await _kept(engine)
    await engines.stop(engine)
    clock.advance(engine, 4000)
    assert len((await (await _heir(await engines.start())).started())["memos"]) == 1


async def test_a_run_that_may_do_something_beside_its_wait_is_given_to_the_next_worker(engines: Engines) -> None:
    engine = await engines.start()
    peer, run = await _started(engine)
    peer.step_wait(run, "ask", event="app/answer")  # idle, but it does not say that this is all
    await _kept(engine)
    engine = await engines.restart(engine)
    assert len((await (await _heir(engine)).started())["waiting"]) == 1


async def test_a_step_that_began_beside_the_wait_is_not_forgotten(engines: Engines) -> None:
    engine = await engines.start()
    peer, run = await _started(engine)
    peer.step_wait(run, "ask", event="app/answer", waits=1)
    peer.report(run, "run.busy")
    await _kept(engine)
    engine = await engines.restart(engine)
    await (await _heir(engine)).started()


async def test_a_wait_that_ends_while_the_body_says_that_it_is_idle(engines: Engines) -> None:
    """The event comes between step.wait and run.idle, and the engine dies before anybody is told."""
    engine = await engines.start()
    peer, run = await _started(engine)
    peer.report(run, "step.wait", **peer._about("ask", 0), kind="wait_for_event", event="app/answer", wake_at=2**52)
    sending = engine.core.loop.create_task(engine.send([ANSWER]))
    await until(lambda: len(engine.core.waits) == 0, "the claim")
    peer.report(run, "run.idle", waits=1)
    await sending
    await _kept(engine)
    assert engine.core.journal.rows("SELECT parked FROM runs") == [(0,)]


async def test_a_dead_worker_leaves_its_parked_runs_on_disk(engine: Engine) -> None:
    peer, run = await _started(engine)
    peer.step_wait(run, "ask", event="app/answer", waits=1)
    await _kept(engine)
    engine.core.dispatch._abandon(engine.core.peers.all[0])
    heir = await _heir(engine)
    assert not heir.has_heard("run.start")
    assert engine.core.runs == {}
    await engine.send([ANSWER])
    await heir.started()


async def test_a_failed_step_beside_a_long_wait_is_tried_again_when_its_run_is_parked(
    engine: Engine, clock: MovableClock
) -> None:
    peer, run = await _started(engine)
    step = peer.step_failed(run, "fetch")
    peer.step_wait(run, "ask", event="app/answer", index=1)
    peer.report(run, "run.park", waits=2)
    await peer.hear("run.stop", reason="parked")
    await _kept(engine)
    assert engine.core.journal.rows("SELECT parked FROM runs") == [(0,)]
    clock.advance(engine, 61)
    assert (await peer.started())["retrying"] == {step: 1}
