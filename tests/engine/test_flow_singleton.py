"""Singletons: one run for a key at a time; a new one is skipped, or takes the place of the one that runs."""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.flow import Rig, go, limited

SKIP, CANCEL = {"mode": "skip"}, {"mode": "cancel"}


def _statuses(rig: Rig) -> list[str]:
    return [run.status for run in rig.runs()]


async def test_a_second_run_is_skipped_while_the_first_goes_on_and_says_why(rig: Rig) -> None:
    await rig.start(limited(singleton=SKIP))
    await rig.send(go(n=1), go(n=2))
    assert _statuses(rig) == ["running", "cancelled"]
    first, second = rig.runs()
    assert second.reason == f"skipped: run {first.id} has the singleton's key"
    names = [name for (name,) in rig.engine.core.journal.rows("SELECT name FROM events")]
    assert names == ["app/go", "app/go"]  # a skipped run was none: nobody is told of its end


@pytest.mark.parametrize("ends", ["completed", "failed", "cancelled", "timed out"])
async def test_the_key_is_free_however_the_run_ends(rig: Rig, ends: str) -> None:
    await rig.start(limited(singleton=SKIP, timeouts={"finish": "10s"}, retries=0))
    await rig.send(go(n=1))
    first = rig.starts[rig.running[0]]
    if ends == "completed":
        rig.peer.done(first)
    elif ends == "failed":
        rig.peer.failed(first)
    elif ends == "cancelled":
        await rig.engine.cancel(first["run_id"])
    else:
        await rig.advance(11)
    await rig.send(go(n=2))
    assert _statuses(rig)[1] == "running"


async def test_cancel_ends_the_one_that_runs(rig: Rig) -> None:
    await rig.start(limited(singleton=CANCEL))
    await rig.send(go(n=1))
    await rig.send(go(n=2), go(n=3))
    assert _statuses(rig) == ["cancelled", "cancelled", "running"]
    first, second, third = rig.runs()
    assert (first.reason, second.reason) == (f"run {second.id} took its place", f"run {third.id} took its place")
    await rig.finish(third.id)
    await rig.send(go(n=4))
    assert _statuses(rig)[3] == "running"


async def test_keys_are_apart_and_one_that_is_false_turns_the_singleton_off(rig: Rig) -> None:
    await rig.start(limited(singleton={**SKIP, "key": "event.data.user"}))
    await rig.send(go(user="a"), go(user="a"), go(user="b"), go(), go())
    assert _statuses(rig) == ["running", "cancelled", "running", "running", "running"]


async def test_a_key_that_fails_skips_the_run_with_the_reason(rig: Rig) -> None:
    await rig.start(limited(singleton={**SKIP, "key": "event.data['user']"}))
    await rig.send(go())
    (run,) = rig.runs()
    assert run.status == "cancelled"
    assert (run.reason or "").startswith("skipped: the singleton's key failed: ")


async def test_at_the_same_time_only_one_gets_the_key(rig: Rig) -> None:
    await rig.start(limited(singleton=SKIP))
    await asyncio.gather(*(rig.engine.send([go(n=n)]) for n in range(10)))
    await rig.settle()
    assert sorted(_statuses(rig)) == ["cancelled"] * 9 + ["running"]


@pytest.mark.parametrize("mode", ["skip", "cancel"])
async def test_the_key_is_held_over_a_restart(rig: Rig, mode: str) -> None:
    await rig.start(limited(singleton={"mode": mode}))
    await rig.send(go(n=1))
    rig.peer.step_wait(rig.starts[rig.running[0]], "nap", seconds=3600)
    await rig.settle()
    await rig.restart()
    await rig.send(go(n=2))
    assert [status in ("running", "waiting") for status in _statuses(rig)] == [mode == "skip", mode == "cancel"]


@pytest.mark.parametrize("mode", ["skip", "cancel"])
async def test_a_crash_right_after_the_event_changes_nothing(rig: Rig, mode: str) -> None:
    await rig.start(limited(singleton={"mode": mode}))
    await rig.send(go(n=1))
    intake = rig.engine.core.intake
    plan = intake._plan(intake._store({"name": "app/go", "data": {"n": 2}, "ts": rig.clock.ms}, None), None, None)
    await rig.engine.core.journal.commit(plan.writes)  # what follows the commit never happens
    await rig.restart()
    assert _statuses(rig) == (["running", "cancelled"] if mode == "skip" else ["cancelled", "running"])


async def test_a_rerun_needs_the_key_too(rig: Rig) -> None:
    await rig.start(limited(singleton=SKIP))
    await rig.send(go(n=1))
    again = await rig.engine.rerun(rig.runs()[0].id, from_step=None, steps={}, resume=False)
    await rig.settle()
    assert again.status == "cancelled"
    assert (again.reason or "").startswith("skipped: ")
