"""A paused function starts nothing and lets nothing go on; afterwards all goes on where it was."""

from __future__ import annotations

import pytest

import inngest_nb
from tests.engine.flow import Rig, go, limited


async def _pause(rig: Rig, *, paused: bool) -> None:
    await rig.engine.pause("app-fn", paused=paused)
    await rig.settle()


async def test_new_events_are_skipped_and_say_why(rig: Rig) -> None:
    await rig.start(limited(), limited("app-other"))
    await _pause(rig, paused=True)
    await rig.send(go())
    (run,) = rig.runs("app-fn")
    assert (run.status, run.reason) == ("cancelled", "skipped: the function is paused")
    assert rig.runs("app-other")[0].status == "running"
    await _pause(rig, paused=False)
    await rig.send(go())
    assert [run.status for run in rig.runs("app-fn")] == ["cancelled", "running"]


async def test_a_pause_holds_over_a_restart_and_a_new_registration(rig: Rig) -> None:
    await rig.start(limited())
    await _pause(rig, paused=True)
    await rig.restart()
    rig.join(limited(retries=1))
    await rig.send(go())
    assert [run.status for run in rig.runs()] == ["cancelled"]
    await _pause(rig, paused=False)
    await rig.restart()
    await rig.send(go())
    assert [run.status for run in rig.runs()] == ["cancelled", "running"]


async def test_waits_retries_and_turns_are_held_and_given_afterwards(rig: Rig) -> None:
    await rig.start(limited(backoff=1.0, concurrency=[{"limit": 10}]))
    await rig.send(go(n=1), go(n=2), go(n=3))
    sleeps, retries, asks = rig.starts.values()
    nap = rig.peer.step_wait(sleeps, "nap", seconds=1)
    fetch = rig.peer.step_failed(retries, "fetch")
    rig.peer.step_wait(asks, "long", seconds=600)
    await rig.settle()
    await _pause(rig, paused=True)
    rig.peer.report(asks, "run.busy", hash="$turn")
    await rig.advance(5)
    assert not any(rig.peer.has_heard(op) for op in ("step.memo", "step.again", "run.go"))
    await _pause(rig, paused=False)
    assert rig.peer.has_heard("step.memo", hash=nap)
    assert rig.peer.has_heard("step.again", hash=fetch, attempt=1)
    assert rig.peer.has_heard("run.go")


async def test_runs_that_were_queued_or_were_for_later_start_afterwards(rig: Rig) -> None:
    await rig.start(limited(concurrency=[{"limit": 1}], throttle={"limit": 1, "period": "10s"}))
    await rig.send(go(n=1), go(n=2), go(n=3), go(n=4, ts=rig.clock.ms + 5_000))
    await _pause(rig, paused=True)
    await rig.finish(rig.running[0])
    await rig.advance(60)
    assert rig.running == []
    assert [run.status for run in rig.runs()] == ["completed", "queued", "queued", "queued"]
    await _pause(rig, paused=False)
    for n in (2, 3, 4):
        await rig.advance(60)
        assert [data["n"] for data in rig.started_data()] == [n]
        await rig.finish(rig.running[0])


async def test_what_came_due_during_the_pause_goes_on_after_a_restart(rig: Rig) -> None:
    await rig.start(limited())
    await rig.send(go())
    nap = rig.peer.step_wait(rig.starts[rig.running[0]], "nap", seconds=1)
    await rig.settle()
    await _pause(rig, paused=True)
    await rig.advance(2)
    await rig.restart()
    assert rig.starts == {}
    await _pause(rig, paused=False)
    (start,) = rig.starts.values()
    assert start["memos"] == {nap: "null"}


async def test_ticks_of_a_paused_function_are_skipped(rig: Rig) -> None:
    await rig.start(limited(triggers=[{"cron": "* * * * *"}]))
    await _pause(rig, paused=True)
    await rig.advance(120)
    assert [run.reason for run in rig.runs()] == ["skipped: the function is paused"] * 2


async def test_a_run_can_be_cancelled_during_the_pause(rig: Rig) -> None:
    await rig.start(limited())
    await rig.send(go())
    rig.peer.step_wait(rig.starts[rig.running[0]], "nap", seconds=1)
    await rig.settle()
    await _pause(rig, paused=True)
    await rig.advance(2)
    await rig.engine.cancel(rig.runs()[0].id)
    await _pause(rig, paused=False)
    assert not rig.peer.has_heard("step.memo")
    assert rig.runs()[0].status == "cancelled"


def test_a_function_of_a_client_is_paused_and_goes_on(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="held", trigger=inngest_nb.TriggerEvent(event="app/held"))
    async def held(ctx: inngest_nb.Context) -> str:
        return "went on"

    held.pause()
    with pytest.raises(inngest_nb.RunCancelled, match="the function is paused"):
        held.start().result(10)
    held.unpause()
    assert held.start().result(10) == "went on"
