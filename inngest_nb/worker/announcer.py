"""Tells live views that a step is running, once it has run for a moment: one timer for all steps of a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from inngest_nb.protocol import Message

BEGIN_AFTER_S = 0.010


class Announcer:
    """Posts `step.begin` for steps that run longer than a moment. Lives on the worker's loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, post: Callable[[Message], None]) -> None:
        self._loop, self._post = loop, post
        self._running: dict[int, tuple[float, Message]] = {}  # by the message's identity, in order of beginning
        self._armed = False

    def began(self, message: Message) -> None:
        """An attempt has begun; `message` is what will report its end."""
        self._running[id(message)] = (self._loop.time() + BEGIN_AFTER_S, message)
        if not self._armed:
            self._armed = True
            self._loop.call_later(BEGIN_AFTER_S, self._look)

    def ended(self, message: Message) -> None:
        """It has ended: there is nothing to announce any more."""
        self._running.pop(id(message), None)

    def _look(self) -> None:
        now = self._loop.time()
        for key, (due, message) in list(self._running.items()):
            if due > now:
                self._loop.call_at(due, self._look)
                return
            del self._running[key]
            self._post({**message, "op": "step.begin"})
        self._armed = False
