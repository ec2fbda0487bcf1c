"""`timeouts`: a run that has not begun, or not ended, in time is cancelled."""

from __future__ import annotations

from tests.engine.flow import Rig, go, limited


async def test_a_run_that_has_not_begun_in_time_is_cancelled(rig: Rig) -> None:
    await rig.start(limited(timeouts={"start": "10s"}, concurrency=[{"limit": 1}]))
    await rig.send(go(n=1), go(n=2))
    await rig.advance(9)
    assert [run.status for run in rig.runs()] == ["running", "queued"]
    await rig.advance(2)
    first, second = rig.runs()
    assert (first.status, second.status, second.reason) == ("running", "cancelled", "timeouts.start was exceeded")
    await rig.finish(rig.running[0])
    assert rig.running == []


async def test_a_run_that_has_not_ended_in_time_is_cancelled_wherever_it_is(rig: Rig) -> None:
    await rig.start(limited(timeouts={"finish": "10s"}))
    await rig.send(go(n=1), go(n=2), go(n=3))
    executing, waiting, done = rig.starts.values()
    rig.peer.step_wait(waiting, "nap", seconds=60)
    await rig.finish(done["run_id"])
    await rig.advance(9.9)
    assert [run.status for run in rig.runs()] == ["running", "waiting", "completed"]
    await rig.advance(0.2)
    assert [run.status for run in rig.runs()] == ["cancelled", "cancelled", "completed"]
    assert rig.runs()[0].reason == "timeouts.finish was exceeded"
    assert rig.peer.has_heard("run.stop", run_id=executing["run_id"], reason="cancelled")


async def test_finish_counts_from_the_first_call_and_not_from_a_retry(rig: Rig) -> None:
    await rig.start(limited(timeouts={"finish": "10s"}, backoff=6.0, concurrency=[{"limit": 1}]))
    await rig.send(go(n=1), go(n=2))
    await rig.advance(5)
    first = rig.starts[rig.running[0]]
    rig.peer.failed(first)
    await rig.settle()
    assert rig.runs()[1].status == "running"
    await rig.advance(6)
    assert [run.status for run in rig.runs()] == ["cancelled", "running"]
    await rig.advance(4.1)
    assert [run.status for run in rig.runs()] == ["cancelled", "cancelled"]


async def test_both_hold_over_a_restart(rig: Rig) -> None:
    await rig.start(limited(timeouts={"start": "10s", "finish": "20s"}, concurrency=[{"limit": 1}]))
    await rig.send(go(n=1), go(n=2))
    await rig.restart(away_s=9)
    assert [run.status for run in rig.runs()] == ["running", "queued"]
    await rig.advance(2)
    assert [run.status for run in rig.runs()] == ["running", "cancelled"]
    await rig.restart(away_s=8)
    await rig.advance(2)
    assert [run.status for run in rig.runs()] == ["cancelled", "cancelled"]


async def test_what_passed_while_the_engine_was_down_counts(rig: Rig) -> None:
    await rig.start(limited(timeouts={"start": "10s"}, concurrency=[{"limit": 1}]))
    await rig.send(go(n=1), go(n=2))
    await rig.restart(away_s=60)
    assert [run.status for run in rig.runs()] == ["running", "cancelled"]


async def test_a_run_that_is_for_later_has_its_time_to_start_from_then_on(rig: Rig) -> None:
    await rig.start(limited(timeouts={"start": "10s"}))
    await rig.send(go(n=1, ts=rig.clock.ms + 60_000))
    await rig.advance(59)
    assert [run.status for run in rig.runs()] == ["queued"]
    await rig.advance(2)
    assert [run.status for run in rig.runs()] == ["running"]
