"""What has arrived for one reader and was not read yet: bounded, as the connection is paused while it is full."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from inngest_nb.realtime.following import Followed, Listener, Place, Source
from inngest_nb.realtime.messages import Message

__all__ = ["FULL", "End", "Inbox"]

FULL = 1_024  # messages; a connection may still bring what is on its way
_ROOM = FULL // 4


@dataclasses.dataclass(frozen=True, slots=True)
class End:
    """Nothing more comes, because of `error` if there is one."""

    error: Exception | None = None


class Inbox:
    """Filled by the connection's thread, emptied by one reader on any other."""

    def __init__(self, channel: str, status: Listener) -> None:
        self._channel, self._status = channel, status
        self._items: deque[dict[str, Any] | Message | End] = deque()
        self._lock = threading.RLock()  # whoever holds it may be made to end an inbox, by a collection of garbage
        self._followed: Followed | None = None
        self._is_paused = self._is_over = False
        self._wake: Callable[[], None] = lambda: None

    def begin(self, source: Source, topics: list[str] | None, place: Place, epoch: int | None) -> None:
        """Follow the channel from a place on."""
        if self._is_over:
            return
        listener = dataclasses.replace(self._status, on_messages=self._put, on_gap=self._gap, on_end=self._ended)
        followed = source.follow(self._channel, topics, place, listener, epoch=epoch)
        with self._lock:
            self._followed = followed
            too_late = self._is_over
        if too_late:
            followed.stop()

    def attach(self, wake: Callable[[], None]) -> None:
        """Call `wake`, from any thread, whenever there may be something to take."""
        self._wake = wake

    def take(self) -> dict[str, Any] | Message | End | None:
        """The next item; None if there is none yet. `End` is given again and again."""
        with self._lock:
            if not self._items:
                return None
            item = self._items[0] if isinstance(self._items[0], End) else self._items.popleft()
            if self._is_paused and len(self._items) <= _ROOM and not self._is_over and self._followed is not None:
                self._is_paused = False
                self._followed.resume()
        return item

    def end(self, error: Exception | None = None) -> None:
        """Follow no longer; what has arrived may still be taken."""
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
            self._items.append(End(error))
        if self._followed is not None:
            self._followed.stop()
        self._wake()

    # -- told by the connection ----------------------------------------------------------------

    def _ended(self, error: Exception | None) -> None:
        self.end(error)
        self._status.on_end(error)

    def _gap(self, gap: dict[str, Any]) -> None:
        now, first = dt.datetime.now(dt.UTC), gap["from"]
        data = {name: gap[name] for name in ("from", "to", "lost", "reset") if name in gap}
        self._put([Message(channel=self._channel, topic="$gap", kind="gap", data=data, created_at=now, offset=first)])

    def _put(self, items: list[Any]) -> None:
        with self._lock:
            if self._is_over:
                return
            self._items.extend(items)
            if len(self._items) >= FULL and not self._is_paused and self._followed is not None:
                self._is_paused = True
                self._followed.pause()
        self._wake()
