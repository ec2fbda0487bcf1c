"""The time of day is set forward and back while timers run, and between two lives of an engine."""

from __future__ import annotations

import asyncio

import pytest

from inngest_nb.clock import Clock
from inngest_nb.engine.timers import Due, Timers
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
