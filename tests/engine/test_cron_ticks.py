"""Cron triggers: every tick once, on time, in its time zone; what was missed is not made up."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from inngest_nb.protocol import FunctionConfig
from inngest_nb.triggers import cron_jitter_ns
from tests.engine.flow import Rig, go, limited

HOUR = 3600.0


def _cron(*crons: str, **more: Any) -> FunctionConfig:
    return limited(triggers=[{"cron": cron, **more} for cron in crons])


def _ticks(rig: Rig) -> list[str]:
    return [data["scheduledAt"] for data in rig.started_data()]


async def test_a_tick_starts_a_run_that_knows_its_time(rig: Rig) -> None:
    await rig.start(_cron("*/15 * * * *"))  # it is 08:00:00
    await rig.advance(1799)
    assert _ticks(rig) == ["2027-01-15T08:15:00Z"]
    await rig.advance(1)
    assert _ticks(rig) == ["2027-01-15T08:15:00Z", "2027-01-15T08:30:00Z"]
    (run, _) = rig.runs()
    at = datetime.datetime(2027, 1, 15, 8, 15, tzinfo=datetime.UTC)
    assert (run.event.name, run.event.event_id, run.event.ts) == (
        "inngest/scheduled.timer",
        "2027-01-15T08:15:00Z",
        int(at.timestamp() * 1000),
    )
    assert rig.started_data()[0]["cron"] == "*/15 * * * *"


async def test_a_schedule_goes_by_its_time_zone_through_a_change_of_the_clock(rig: Rig) -> None:
    rig.clock.set(int(datetime.datetime(2027, 3, 26, 12, tzinfo=datetime.UTC).timestamp() * 1e6))
    await rig.start(_cron("TZ=Europe/Paris 0 9 * * *"))
    await rig.advance(72 * HOUR)
    assert _ticks(rig) == ["2027-03-27T08:00:00Z", "2027-03-28T07:00:00Z", "2027-03-29T07:00:00Z"]


async def test_ticks_that_were_missed_while_the_engine_was_down_are_not_made_up(rig: Rig) -> None:
    await rig.start(_cron("0 * * * *"))
    await rig.restart(away_s=5.5 * HOUR)
    assert _ticks(rig) == []
    await rig.advance(0.5 * HOUR)
    assert _ticks(rig) == ["2027-01-15T14:00:00Z"]


async def test_ticks_that_were_missed_while_the_machine_slept_are_not_made_up(rig: Rig) -> None:
    await rig.start(_cron("0 * * * *"))
    rig.clock.set(rig.clock.now() + int(5.5 * HOUR * 1e6))
    rig.engine.core.timers.poke()
    await rig.settle()
    assert _ticks(rig) == []
    await rig.advance(0.5 * HOUR)
    assert _ticks(rig) == ["2027-01-15T14:00:00Z"]


async def test_a_clock_that_is_set_back_repeats_no_tick(rig: Rig) -> None:
    await rig.start(_cron("0 * * * *"))
    await rig.advance(HOUR)
    rig.clock.set(rig.clock.now() - 10_000_000)
    await rig.restart()
    await rig.advance(15)
    assert len(rig.runs()) == 1
    await rig.advance(HOUR)
    assert len(rig.runs()) == 2


async def test_a_tick_and_a_restart_at_the_same_time_start_one_run(rig: Rig) -> None:
    await rig.start(_cron("0 * * * *"))
    await rig.advance(HOUR)
    await rig.restart()
    await rig.advance(60)
    assert len(rig.runs()) == 1


async def test_two_schedules_that_meet_start_one_run(rig: Rig) -> None:
    await rig.start(_cron("0 * * * *", "0 9 * * *"))
    await rig.advance(HOUR)
    assert _ticks(rig) == ["2027-01-15T09:00:00Z"]


async def test_a_function_may_have_events_and_schedules(rig: Rig) -> None:
    await rig.start(limited(triggers=[{"cron": "0 * * * *"}, {"event": "app/go"}]))
    await rig.send(go(n=1))
    await rig.advance(HOUR)
    assert len(rig.runs()) == 2


async def test_a_new_registration_replaces_the_schedule(rig: Rig) -> None:
    await rig.start(_cron("0 * * * *"))
    rig.join(_cron("30 * * * *"))
    await rig.advance(1.75 * HOUR)
    assert _ticks(rig) == ["2027-01-15T08:30:00Z", "2027-01-15T09:30:00Z"]
    rig.join(limited())
    await rig.advance(5 * HOUR)
    assert len(rig.runs()) == 2


async def test_registering_the_same_again_keeps_the_next_tick(rig: Rig) -> None:
    await rig.start(_cron("0 * * * *"))
    await rig.advance(HOUR - 1)
    rig.join(_cron("0 * * * *"))
    rig.join(_cron("0 * * * *") | {"retries": 2})
    await rig.advance(2)
    assert len(rig.runs()) == 1


async def test_jitter_delays_each_tick_by_its_own_time_and_the_same_one_again(rig: Rig) -> None:
    await rig.start(_cron("0 * * * *", jitter="60s"))
    await rig.advance(3 * HOUR + 61)
    ticks = _ticks(rig)
    assert len(ticks) == 3
    delays = [
        ((run.started_at or 0) / 1e6) - datetime.datetime.fromisoformat(tick).timestamp()
        for run, tick in zip(rig.runs(), ticks, strict=True)
    ]
    wanted = [cron_jitter_ns(f"app-fn:{tick}", 1000, 60_000) / 1e9 for tick in ticks]
    assert delays == pytest.approx(wanted, abs=0.01)
    assert len({round(delay, 3) for delay in delays}) == 3
    assert all(1 <= delay <= 60 for delay in delays)


async def test_a_tick_that_jitter_delays_comes_once_over_a_restart(rig: Rig) -> None:
    await rig.start(_cron("0 * * * *", jitter="300s"))
    await rig.advance(HOUR + 0.5)
    assert [run.status for run in rig.runs()] == ["queued"]
    await rig.restart(away_s=400)
    assert [run.status for run in rig.runs()] == ["running"]


async def test_flow_control_applies_to_ticks(rig: Rig) -> None:
    await rig.start(limited(triggers=[{"cron": "* * * * *"}], singleton={"mode": "skip"}))
    await rig.advance(180)
    assert [run.status for run in rig.runs()] == ["running", "cancelled", "cancelled"]


async def test_ticks_do_not_pile_up_while_nobody_has_the_function(rig: Rig) -> None:
    await rig.start(_cron("* * * * *"))
    rig.peer.close()
    await rig.advance(3600)
    assert [run.status for run in rig.runs()] == ["queued"]
    rig.join(_cron("* * * * *"))
    await rig.advance(120)
    assert len(rig.runs()) == 3
