"""Debounce: of events that come close together the latest starts one run, when they pause."""

from __future__ import annotations

from tests.engine.flow import Rig, go, limited


def _ns(rig: Rig) -> list[object]:
    return [data["n"] for data in rig.started_data()]


async def test_the_latest_of_a_burst_starts_one_run_after_the_pause(rig: Rig) -> None:
    await rig.start(limited(debounce={"period": "10s"}))
    for n in range(4):
        await rig.send(go(n=n))
        await rig.advance(9)
    assert _ns(rig) == []
    await rig.advance(1.1)
    assert _ns(rig) == [3]
    await rig.advance(60)
    assert len(rig.runs()) == 1
    await rig.send(go(n=5))
    await rig.advance(10.1)
    assert _ns(rig) == [3, 5]


async def test_latest_is_by_the_time_of_the_event_not_by_its_arrival(rig: Rig) -> None:
    await rig.start(limited(debounce={"period": "10s"}))
    now = rig.clock.ms
    await rig.send(go(n="first", ts=now - 500))
    await rig.send(go(n="newest", ts=now - 100))
    await rig.advance(5)
    await rig.send(go(n="older", ts=now - 200))  # ignored: it does not put the run off either
    await rig.advance(5.1)
    assert _ns(rig) == ["newest"]


async def test_each_key_pauses_by_itself_and_missing_keys_share_one(rig: Rig) -> None:
    await rig.start(limited(debounce={"period": "10s", "key": "event.data.user"}))
    await rig.send(go(user="a", n=1), go(user="a", n=2), go(user="b", n=3), go(n=4), go(n=5))
    await rig.advance(10.1)
    assert sorted(_ns(rig), key=str) == [2, 3, 5]


async def test_the_timeout_limits_how_long_a_run_is_put_off(rig: Rig) -> None:
    await rig.start(limited(debounce={"period": "10s", "timeout": "25s"}))
    for n in range(3):
        await rig.send(go(n=n))
        await rig.advance(8)
    assert _ns(rig) == []
    await rig.send(go(n=3))
    await rig.advance(1.1)
    assert _ns(rig) == [3]


async def test_a_pending_burst_survives_a_restart(rig: Rig) -> None:
    await rig.start(limited(debounce={"period": "10s"}))
    await rig.send(go(n=1))
    await rig.restart(away_s=5)
    await rig.send(go(n=2))
    await rig.restart(away_s=5)
    assert _ns(rig) == []
    await rig.advance(5.1)
    assert _ns(rig) == [2]


async def test_what_was_due_while_the_engine_was_down_starts_at_once_and_a_new_event_begins_anew(rig: Rig) -> None:
    await rig.start(limited(debounce={"period": "10s"}))
    await rig.send(go(n=1))
    await rig.engine.stop()
    rig.clock.set(rig.clock.now() + 60_000_000)
    await rig.start(limited(debounce={"period": "10s"}))
    await rig.engine.send([go(n=2)])  # before any timer has had its turn
    await rig.settle()
    assert _ns(rig) == [1]
    await rig.advance(10.1)
    assert _ns(rig) == [1, 2]


async def test_nothing_is_kept_in_memory_of_events_that_were_overtaken(rig: Rig) -> None:
    await rig.start(limited(debounce={"period": "10s"}))
    await rig.send(*[go(n=n) for n in range(50)])
    assert rig.engine.core.admission._arriving == {}
    await rig.advance(10.1)
    assert _ns(rig) == [49]


async def test_a_function_that_is_started_by_name_starts_at_once(rig: Rig) -> None:
    await rig.start(limited(debounce={"period": "10s"}))
    await rig.engine.start_function("app-fn", go(n=1))
    await rig.settle()
    assert _ns(rig) == [1]
