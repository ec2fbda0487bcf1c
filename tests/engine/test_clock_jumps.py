"""The time of day is set forward and back while timers run, and between two lives of an engine."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from inngest_nb.clock import Clock
from inngest_nb.engine.engine import Engine
from inngest_nb.engine.timers import Due, Timers
from inngest_nb.protocol import UNTIL
from inngest_nb.store import Write, Writer
from tests.engine.embedded import deadline
from tests.engine.peer import Engines, MovableClock, ScriptedPeer, function

START_US = 1_800_000_000_000_000
HOUR_US = 3_600_000_000


class Jumping(Clock):
    """A time of day that is set, and time that passes."""

    def __init__(self) -> None:
        super().__init__()
        self.set, self.passed = 0, 0

    def now(self) -> int:
        """As it was set."""
        return START_US + self.passed + self.set

    def elapsed(self) -> int:
        """As it passes."""
        return self.passed


class Rig:
    """Timers, and what they have fired so far."""

    def __init__(self) -> None:
        self.clock, self.fired = Jumping(), list[str]()
        self.timers = Timers(self.clock, asyncio.get_running_loop(), lambda due: self.fired.append(due.run_id))

    def sleep(self, name: str, seconds: float) -> None:
        """Something that is due so many seconds from now."""
        self.timers.add(Due(self.clock.now() + int(seconds * 1e6), "sleep", name))

    async def after(self, seconds: float) -> list[str]:
        """Let time pass; what has fired by then."""
        self.clock.passed += int(seconds * 1e6)
        self.timers.poke()
        for _ in range(5):
            await asyncio.sleep(0)
        await asyncio.sleep(0.002)
        return self.fired


async def test_set_back_delays_nothing_that_was_there_and_hastens_nothing_that_comes() -> None:
    rig = Rig()
    rig.sleep("before", 10)
    rig.clock.set = -HOUR_US
    rig.sleep("after", 10)
    assert await rig.after(9) == []
    rig.sleep("late", 10)
    assert await rig.after(1.1) == ["before", "after"]
    assert await rig.after(10) == ["before", "after", "late"]
    assert rig.timers.next_at is None


async def test_set_back_twice_and_forward_again() -> None:
    rig = Rig()
    rig.sleep("first", 10)
    for hours, name in ((-1, "second"), (-3, "third")):
        rig.clock.set = hours * HOUR_US
        rig.sleep(name, 10)
    assert await rig.after(10.1) == ["first", "second", "third"]
    rig.sleep("fourth", 7200)
    rig.clock.set = 0
    assert await rig.after(0) == ["first", "second", "third", "fourth"]  # not earlier than the jump makes it


async def test_a_clock_that_is_adjusted_is_followed() -> None:
    rig = Rig()
    rig.sleep("adjusted", 1000)
    for _ in range(100):
        rig.clock.set -= 50_000
        await rig.after(1)
    assert await rig.after(899) == []  # the clock has lost five seconds of a thousand, and that is the time
    assert await rig.after(6.1) == ["adjusted"]


async def test_what_is_named_by_a_time_of_day_waits_until_the_clock_says_so() -> None:
    rig = Rig()
    for kind in ("until", "cron", "start"):
        rig.timers.add(Due(rig.clock.now() + 10_000_000, kind, kind))
    rig.clock.set = -60_000_000
    assert await rig.after(69) == []
    assert set(await rig.after(1.1)) == {"until", "cron", "start"}


class Sleepers:
    """Runs that wait in an engine whose clock is set back."""

    def __init__(self, engines: Engines, clock: MovableClock) -> None:
        self.engines, self.clock = engines, clock
        self.engine: Engine
        self.peer: ScriptedPeer

    async def begin(self) -> dict[str, str]:
        """A sleep, a wait, a sleep until a time of day and a backoff, each of ten minutes: what these tests take is not seen; run ids by their names."""
        self.engine = await self.engines.start()
        self.peer = ScriptedPeer(self.engine, function(backoff=600.0))
        ids: dict[str, str] = {}
        waits: dict[str, dict[str, Any]] = {"sleep": {}, "wait": {"event": "app/x"}, "until": {"opts": UNTIL}}
        for name in (*waits, "retry"):
            await self.engine.send([{"name": "app/go"}])
            run = await self.peer.started()
            ids[name] = run["run_id"]
            if name in waits:
                self.peer.step_wait(run, name, seconds=600, waits=1, **waits[name])
            else:
                self.peer.step_failed(run, name)
        await self.peer.settled()
        return ids

    async def restart(self) -> None:
        """Another engine on what the last one left, and another worker."""
        self.engine = await self.engines.restart(self.engine)
        self.peer = ScriptedPeer(self.engine, function(backoff=600.0), worker_id="another")

    async def over(self) -> set[str]:
        """Names of what is over by now."""
        await self.peer.settled()
        await asyncio.sleep(0)
        await self.peer.settled()
        rows = self.engine.core.journal.rows("SELECT step_id FROM steps WHERE status IN ('completed', 'timed_out')")
        again = {"retry"} if self.peer.has_heard("step.again") else set()
        return {step_id for (step_id,) in rows} | again


def keep_at_once(writer: Writer, writes: list[Write]) -> None:
    """As if the writer's thread were always quicker than the engine's."""
    before = writer.commits
    writer.submit(writes, lambda error: None, patient=True)
    check = deadline()
    while writer._thread.is_alive() and writer.commits == before:
        check()


@pytest.mark.parametrize("when", ["while it runs", "while it is away", "while it is away, with a quick disk"])
async def test_set_back_before_a_restart_delays_nothing_but_what_has_a_time_of_day(
    engines: Engines, clock: MovableClock, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "quick" in when:
        monkeypatch.setattr(Writer, "keep", keep_at_once)
    sleepers = Sleepers(engines, clock)
    await sleepers.begin()
    clock.advance(sleepers.engine, 300)
    clock._ahead -= HOUR_US
    if when == "while it runs":
        sleepers.engine.core.timers.poke()
    await sleepers.restart()
    clock.advance(sleepers.engine, 240)
    assert await sleepers.over() == set()
    await sleepers.restart()  # what was moved once is not moved again
    clock.advance(sleepers.engine, 10)
    assert await sleepers.over() == set()
    clock.advance(sleepers.engine, 60)
    assert await sleepers.over() == {"sleep", "wait", "retry"}
    clock.advance(sleepers.engine, 3600)
    assert await sleepers.over() == {"sleep", "wait", "retry", "until"}


async def test_what_began_after_the_clock_was_set_is_not_early(engines: Engines, clock: MovableClock) -> None:
    sleepers = Sleepers(engines, clock)
    sleepers.engine = await engines.start()
    clock._ahead -= HOUR_US
    await engines.stop(sleepers.engine)
    await sleepers.begin()  # in an engine that knows; and once more in one that has not looked yet
    clock._ahead -= HOUR_US
    await sleepers.engine.send([{"name": "app/go"}])
    sleepers.peer.step_wait(await sleepers.peer.started(), "later", seconds=600, waits=1)
    await sleepers.peer.settled()
    await sleepers.restart()
    clock.advance(sleepers.engine, 560)
    assert await sleepers.over() == set()
    clock.advance(sleepers.engine, 60)
    assert "later" in await sleepers.over()


@pytest.mark.parametrize("back_us", [HOUR_US, 30 * 24 * HOUR_US])
async def test_ids_grow_over_a_restart_with_an_earlier_clock(
    engines: Engines, clock: MovableClock, back_us: int
) -> None:
    engine = await engines.start()
    before = [*await engine.send([{"name": "app/a"}]), *await engine.send([{"name": "app/b"}])]
    await engines.stop(engine)
    clock._ahead -= back_us
    clock._last_ms = clock._random = 0  # another process
    engine = await engines.start()
    peer = ScriptedPeer(engine, function())
    after = [*await engine.send([{"name": "app/go"}]), (await peer.started())["run_id"]]
    assert [*before, *after] == sorted({*before, *after})
