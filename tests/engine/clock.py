"""A clock that stands still until a test puts it forward: whatever is due on the way happens at its own time."""

from __future__ import annotations

import asyncio

from inngest_nb.clock import Clock
from inngest_nb.engine.engine import Engine

START_US = 1_800_000_000_000_000  # 2027-01-15 08:00:00 UTC


class TestClock(Clock):
    """Wall-clock time by hand."""

    __test__ = False  # not a test case

    def __init__(self, now_us: int = START_US) -> None:
        super().__init__()
        self._now = now_us

    def now(self) -> int:
        """Microseconds since the epoch."""
        return self._now

    def elapsed(self) -> int:
        """As much as it was moved."""
        return self._now

    @property
    def ms(self) -> int:
        """Milliseconds since the epoch, as events carry them."""
        return self._now // 1000

    def set(self, now_us: int) -> None:
        """Be at another time, without any engine being told."""
        self._now = now_us

    async def advance(self, engine: Engine, seconds: float) -> None:
        """Let time pass for `engine`, from one due time to the next."""
        target = self._now + int(seconds * 1e6)
        await settle(engine)
        while (at := _next_due(engine)) is not None and at <= target:
            self._now = max(self._now, at)
            engine.core.timers.poke()
            await settle(engine)
        self._now = target
        engine.core.timers.poke()
        await settle(engine)


def _next_due(engine: Engine) -> int | None:
    return engine.core.timers.next_at


async def settle(engine: Engine) -> None:
    """Let the engine do everything that follows from what it was told, commits included."""
    for _ in range(3):  # a commit, what it causes, and the commit of that
        await engine.core.journal.commit([])
        await asyncio.sleep(0)
        while engine.core.tasks:
            await asyncio.gather(*engine.core.tasks, return_exceptions=True)
