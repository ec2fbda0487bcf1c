"""Keeps displayed snapshots up to date: a second after a change, more rarely while it goes on, and at the end.

A snapshot is replaced in place by its display id, from a thread, so that a saved notebook holds the last state even
where no page was open. After each cell what is due is done at once, because a headless notebook may end with it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["EVERY_S", "Events", "Refresher"]

EVERY_S = 1.0
#: While something goes on changing a page has the live view, and putting a snapshot behind it interrupts what it draws.
_MOST_PAUSES = 4
_PAUSE_FACTOR = 20
_log = logging.getLogger(__name__)


class Events(Protocol):
    """The part of IPython's events that is used."""

    def register(self, event: str, function: Callable[..., Any]) -> None: ...

    def unregister(self, event: str, function: Callable[..., Any]) -> None: ...


class Refresher:
    """Calls `refresh`, which returns whether it was the last time, after changes.

    `events` are those of IPython, if there are any.
    """

    def __init__(self, refresh: Callable[[], bool], events: Events | None, *, every_s: float = EVERY_S) -> None:
        self._refresh, self._events, self._every_s = refresh, events, every_s
        self._changed, self._stopped = threading.Event(), threading.Event()
        self._turn = threading.Lock()
        if events is not None:
            events.register("post_run_cell", self._after_cell)
        self._thread = threading.Thread(target=self._run, name="inngest-nb snapshot", daemon=True)
        self._thread.start()

    def changed(self) -> None:
        """Note a change, from any thread."""
        self._changed.set()

    def stop(self) -> None:
        """Refresh no more."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._changed.set()
        if self._events is not None:
            with contextlib.suppress(ValueError):
                self._events.unregister("post_run_cell", self._after_cell)

    def join(self, timeout: float) -> bool:
        """Wait for the thread to end; returns whether it did."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause = self._every_s
        while not self._stopped.is_set():
            self._changed.wait()
            begun = time.monotonic()
            self._once()
            # A long text takes long to draw; the user's own code comes first.
            self._stopped.wait(max(pause, _PAUSE_FACTOR * (time.monotonic() - begun)))
            goes_on = self._changed.is_set()
            pause = min(2 * pause, _MOST_PAUSES * self._every_s) if goes_on else self._every_s

    def _after_cell(self, *_: Any) -> None:
        self._changed.set()
        self._once()

    def _once(self) -> None:
        with self._turn:
            if self._stopped.is_set() or not self._changed.is_set():
                return
            self._changed.clear()
            try:
                done = self._refresh()
            except Exception:  # noqa: BLE001  # a closed engine or a cleared output must not disturb the kernel
                _log.debug("a snapshot could not be refreshed", exc_info=True)
                done = False
        if done:
            self.stop()
