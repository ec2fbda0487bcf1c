"""`cancel`: events that end runs, by name and condition, from the moment a run exists."""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.flow import Rig, go, limited

BY_ID = {"event": "app/stop", "if": "async.data.id == event.data.id"}


def _statuses(rig: Rig) -> list[str]:
    return [run.status for run in rig.runs("app-fn")]


async def test_an_event_cancels_the_runs_that_its_condition_fits(rig: Rig) -> None:
    await rig.start(limited(cancel=[BY_ID]))
    await rig.send({"name": "app/go", "data": {"id": 1}}, {"name": "app/go", "data": {"id": 2}})
    (stop,) = await rig.send({"name": "app/stop", "data": {"id": 2}})
    *_, one, two = rig.runs("app-fn")
    assert (one.status, two.status) == ("running", "cancelled")
    assert two.reason == f"cancelled by event app/stop ({stop})"
    assert rig.peer.has_heard("run.stop", run_id=two.id, reason="cancelled")


async def test_without_a_condition_every_event_of_the_name_cancels(rig: Rig) -> None:
    await rig.start(limited(cancel=[{"event": "app/stop"}]))
    await rig.send(go(), go())
    await rig.send(go("app/stopped"))
    assert _statuses(rig) == ["running", "running"]
    await rig.send(go("app/stop"))
    assert _statuses(rig) == ["cancelled", "cancelled"]
    await rig.send(go())
    assert _statuses(rig)[2] == "running"  # what came before does not count


@pytest.mark.parametrize("state", ["queued", "waiting", "for room", "for later"])
async def test_a_run_is_cancelled_in_every_state(rig: Rig, state: str) -> None:
    await rig.start(limited(cancel=[{"event": "app/stop"}], concurrency=[{"limit": 1}]))
    if state == "queued":
        rig.peer.close()
    if state == "for room":
        await rig.send(go())
    await rig.send(go(ts=rig.clock.ms + 60_000) if state == "for later" else go())
    if state == "waiting":
        rig.peer.step_wait(rig.starts[rig.running[0]], "nap", seconds=60)
        await rig.settle()
    await rig.engine.send([go("app/stop")])
    if state != "queued":
        await rig.settle()
    await asyncio.gather(*(rig.engine.ended(run.id) for run in rig.runs()))
    assert set(_statuses(rig)) == {"cancelled"}
    await rig.advance(120)
    assert set(_statuses(rig)) == {"cancelled"}
    assert not rig.peer.has_heard("step.memo")


async def test_a_run_is_cancelled_after_a_restart(rig: Rig) -> None:
    await rig.start(limited(cancel=[BY_ID]))
    await rig.send({"name": "app/go", "data": {"id": 1}})
    await rig.restart()
    await rig.send({"name": "app/stop", "data": {"id": 1}})
    assert _statuses(rig) == ["cancelled"]


async def test_a_crash_right_after_the_event_cancels_all_the_same(rig: Rig) -> None:
    await rig.start(limited(cancel=[BY_ID]))
    await rig.send({"name": "app/go", "data": {"id": 1}})
    intake = rig.engine.core.intake
    event = {"name": "app/stop", "data": {"id": 1}, "ts": rig.clock.ms}
    plan = intake._plan(intake._store(event, None), None, None)
    await rig.engine.core.journal.commit(plan.writes)  # what follows the commit never happens
    await rig.restart()
    (run,) = rig.runs("app-fn")
    assert (run.status, run.reason) == ("cancelled", f"cancelled by event app/stop ({plan.event.id})")


async def test_an_event_that_follows_in_the_same_request_cancels_and_one_before_does_not(rig: Rig) -> None:
    await rig.start(limited(cancel=[{"event": "app/stop"}]))
    await rig.send(go("app/stop"), go(n=1))
    await rig.send(go(n=2), go("app/stop"))
    assert _statuses(rig) == ["cancelled", "cancelled"]
    await rig.send(go("app/stop"), go(n=3))
    assert _statuses(rig)[2] == "running"
    await asyncio.gather(rig.engine.send([go(n=4)]), rig.engine.send([go("app/stop")]))
    await rig.settle()
    assert set(_statuses(rig)) == {"cancelled"}


async def test_the_event_that_starts_a_run_does_not_cancel_it(rig: Rig) -> None:
    await rig.start(limited(cancel=[{"event": "app/go"}]))
    await rig.send(go(n=1))
    assert _statuses(rig) == ["running"]
    await rig.send(go(n=2))
    assert _statuses(rig) == ["cancelled", "running"]


async def test_the_listener_ends_at_its_timeout(rig: Rig) -> None:
    await rig.start(limited(cancel=[{"event": "app/stop", "timeout": "60s"}]))
    await rig.send(go())
    await rig.restart(away_s=50)
    await rig.send(go())
    await rig.advance(20)
    await rig.send(go("app/stop"))
    assert _statuses(rig) == ["running", "cancelled"]


async def test_a_listener_whose_time_was_over_at_a_restart_is_not_opened_again(rig: Rig) -> None:
    await rig.start(limited(cancel=[{"event": "app/stop", "timeout": "60s"}]))
    await rig.send(go())
    await rig.engine.stop()
    rig.clock.set(rig.clock.now() + 61_000_000)
    await rig.start(limited(cancel=[{"event": "app/stop", "timeout": "60s"}]))
    await rig.engine.send([go("app/stop")])
    await rig.settle()
    assert _statuses(rig) == ["running"]


async def test_what_can_never_fit_opens_nothing(rig: Rig) -> None:
    never = {"event": "app/stop", "if": "event.data.cancellable == true && async.data.all == true"}
    await rig.start(limited(cancel=[never]))
    await rig.send(go(cancellable=False), go(cancellable=True))
    assert len(rig.engine.core.waits) == 1
    await rig.send(go("app/stop", all=True))
    assert _statuses(rig) == ["running", "cancelled"]


async def test_one_of_several_entries_is_enough(rig: Rig) -> None:
    await rig.start(limited(cancel=[BY_ID, {"event": "app/stop-all"}]))
    await rig.send(go(), go())
    await rig.send(go("app/stop-all"))
    assert _statuses(rig) == ["cancelled", "cancelled"]
    assert len(rig.engine.core.waits) == 0


async def test_a_condition_that_fails_cancels_nothing(rig: Rig) -> None:
    await rig.start(limited(cancel=[{"event": "app/stop", "if": "async.data.n > event.data.items"}]))
    await rig.send(go(items=[1]))
    await rig.send(go("app/stop", n=2))
    assert _statuses(rig) == ["running"]


async def test_a_rerun_can_be_cancelled_like_any_run(rig: Rig) -> None:
    await rig.start(limited(cancel=[{"event": "app/stop"}]))
    await rig.send(go())
    await rig.finish(rig.running[0])
    await rig.engine.rerun(rig.runs()[0].id, from_step=None, steps={}, resume=False)
    await rig.settle()
    await rig.send(go("app/stop"))
    assert _statuses(rig) == ["completed", "cancelled"]


async def test_batches_are_not_cancelled_by_events(rig: Rig) -> None:
    await rig.start(limited(cancel=[{"event": "app/stop"}], batchEvents={"maxSize": 2, "timeout": "10s"}))
    await rig.send(go(), go())
    await rig.send(go("app/stop"))
    assert _statuses(rig) == ["running"]


async def test_a_cancelled_run_tells_with_an_event(rig: Rig) -> None:
    await rig.start(limited(cancel=[{"event": "app/stop"}]), limited("app-after", "inngest/function.cancelled"))
    await rig.send(go())
    await rig.send(go("app/stop"))
    (data,) = [data for data in rig.started_data() if "function_id" in data]
    assert (data["function_id"], data["run_id"]) == ("app-fn", rig.runs("app-fn")[0].id)
