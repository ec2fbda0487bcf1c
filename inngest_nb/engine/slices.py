"""Long work in short pieces: the loop is the Jupyter server's, and others want it too."""

from __future__ import annotations

import asyncio

_SLICE_S = 0.002


class Slices:
    """`await breathe()` between items of long work: it lets others run when a slice of time is used up."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + _SLICE_S

    async def breathe(self) -> None:
        """Go on at once, or after everybody else had a turn."""
        if self._loop.time() >= self._until:
            await asyncio.sleep(0)
            self._until = self._loop.time() + _SLICE_S
