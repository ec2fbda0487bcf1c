"""Batches: events are collected for one run, until there are enough or the first has waited long enough."""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.flow import Rig, go, limited


def _batches(rig: Rig) -> list[list[object]]:
    return [[data["n"] for data in events] for events in rig.data]


async def test_a_full_batch_starts_at_once_with_its_events_in_order(rig: Rig) -> None:
    await rig.start(limited(batchEvents={"maxSize": 3, "timeout": "10s"}))
    await rig.send(go(n=1), go(n=2))
    assert _batches(rig) == []
    await rig.send(go(n=3), go(n=4))
    assert _batches(rig) == [[1, 2, 3]]
    start = next(iter(rig.starts.values()))
    assert start["event"] == start["events"][0]


async def test_a_batch_that_does_not_fill_up_starts_when_its_first_event_has_waited_long_enough(rig: Rig) -> None:
    await rig.start(limited(batchEvents={"maxSize": 10, "timeout": "10s"}))
    await rig.send(go(n=1))
    await rig.advance(9)
    await rig.send(go(n=2))
    await rig.advance(1.1)
    assert _batches(rig) == [[1, 2]]
    await rig.send(go(n=3))
    await rig.advance(9.9)
    assert len(_batches(rig)) == 1
    await rig.advance(0.2)
    assert _batches(rig) == [[1, 2], [3]]


async def test_the_timer_of_a_batch_that_was_full_does_not_end_the_next_one(rig: Rig) -> None:
    await rig.start(limited(batchEvents={"maxSize": 2, "timeout": "10s"}))
    await rig.send(go(n=1))
    await rig.advance(8)
    await rig.send(go(n=2), go(n=3))
    await rig.advance(3)
    assert _batches(rig) == [[1, 2]]
    await rig.advance(7.1)
    assert _batches(rig) == [[1, 2], [3]]


async def test_each_key_has_its_own_batch(rig: Rig) -> None:
    await rig.start(limited(batchEvents={"maxSize": 2, "timeout": "10s", "key": "event.data.user"}))
    await rig.send(go(user="a", n=1), go(user="b", n=2), go(n=3), go(user="a", n=4), go(n=5))
    assert _batches(rig) == [[1, 4], [3, 5]]
    await rig.advance(10.1)
    assert _batches(rig) == [[1, 4], [3, 5], [2]]


async def test_an_event_that_does_not_fit_the_condition_runs_alone_at_once(rig: Rig) -> None:
    batching = {"maxSize": 2, "timeout": "10s", "if": "event.data.free == true"}
    await rig.start(limited(batchEvents=batching))
    await rig.send(go(n=1, free=True), go(n=2, free=False), go(n=3), go(n=4, free=True))
    assert _batches(rig) == [[2], [3], [1, 4]]


async def test_a_batch_of_ten_megabytes_is_full(rig: Rig) -> None:
    await rig.start(limited(batchEvents={"maxSize": 100, "timeout": "10s"}))
    for n in range(4):
        await rig.send(go(n=n, pad="x" * 2_800_000))
    assert _batches(rig) == [[0, 1, 2, 3]]


async def test_a_pending_batch_survives_a_restart(rig: Rig) -> None:
    await rig.start(limited(batchEvents={"maxSize": 3, "timeout": "10s"}))
    await rig.send(go(n=1))
    await rig.restart(away_s=4)
    await rig.send(go(n=2))
    await rig.restart(away_s=4)
    assert _batches(rig) == []
    await rig.advance(2.1)
    assert _batches(rig) == [[1, 2]]
    await rig.restart(away_s=1)
    assert _batches(rig) == [[1, 2]]
    await rig.finish(rig.running[0])
    await rig.advance(100)
    assert len(rig.runs()) == 1


async def test_a_batch_that_was_due_while_the_engine_was_down_starts_at_once(rig: Rig) -> None:
    await rig.start(limited(batchEvents={"maxSize": 3, "timeout": "10s"}))
    await rig.send(go(n=1), go(n=2))
    await rig.restart(away_s=100)
    assert _batches(rig) == [[1, 2]]


async def test_events_that_arrive_at_the_same_time_are_all_in_a_batch_once(rig: Rig) -> None:
    await rig.start(limited(batchEvents={"maxSize": 4, "timeout": "10s"}))
    await asyncio.gather(*(rig.engine.send([go(n=2 * n), go(n=2 * n + 1)]) for n in range(10)))
    await rig.settle()
    assert sorted(n for batch in _batches(rig) for n in batch) == list(range(20))  # type: ignore[type-var]
    assert [len(batch) for batch in _batches(rig)] == [4] * 5


@pytest.mark.parametrize("again", ["in the same request", "later", "after the run began", "after a restart"])
async def test_an_event_id_is_in_a_batch_once(rig: Rig, again: str) -> None:
    await rig.start(limited(batchEvents={"maxSize": 3, "timeout": "10s"}))
    if again == "in the same request":
        await rig.send(go(id="x", n=1), go(id="x", n=2))
    else:
        await rig.send(go(id="x", n=1))
        if again == "after the run began":
            await rig.advance(10.1)
        if again == "after a restart":
            await rig.restart()
        await rig.send(go(id="x", n=2))
    await rig.advance(10.1)
    assert _batches(rig) == [[1]]


async def test_a_batched_run_keeps_its_events_over_a_restart(rig: Rig) -> None:
    await rig.start(limited(batchEvents={"maxSize": 3, "timeout": "10s"}))
    await rig.send(go(n=1), go(n=2), go(n=3))
    await rig.restart()
    assert _batches(rig) == [[1, 2, 3]]
