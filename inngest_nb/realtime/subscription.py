"""Subscribing from Python: an async or sync iterator, callbacks, or a byte stream, over any connection."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import logging
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any, Self

import orjson

from inngest_nb.errors import ChannelError, LinkError
from inngest_nb.realtime.callbacks import check_callbacks, deliver
from inngest_nb.realtime.codec import Codec
from inngest_nb.realtime.following import Listener, Place, Source
from inngest_nb.realtime.inbox import Inbox
from inngest_nb.realtime.messages import Message
from inngest_nb.realtime.readers import AsyncReader, SyncReader

__all__ = ["OnError", "OnMessage", "Since", "Subscription"]

Since = str | int | datetime.datetime
OnMessage = Callable[[Message], Any]
OnError = Callable[[Exception], Any]
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_NEVER = 1 << 62  # more than a log can hold and SQLite can compare
_log = logging.getLogger("inngest_nb")


class Subscription:
    """Messages of one channel in order, from `since` on, across reconnects.

    Iterate it (`async for` or `for`), or give callbacks; `close()` ends it. Loops are independent of each other: each
    begins at `since`. To go on after a `break`, keep the iterator: `messages = iter(subscription)`. What nobody reads
    stays in the channel's log, not in memory. One that nobody holds any more is closed.

    `await subscription`, or `ready()`, returns it when it is open: what is published from then on is seen.
    """

    def __init__(
        self,
        source: Source,
        channel: str,
        topics: list[str] | None,
        since: Since,
        *,
        epoch: int | None = None,
        codec: Codec,
        on_message: OnMessage | None = None,
        on_error: OnError | None = None,
        status: Listener | None = None,
    ) -> None:
        check_callbacks(on_message, on_error)
        self.channel, self.topics, self.is_closed = channel, topics, False
        self.codec = codec
        self._source, self._on_error, self._status = source, on_error, status or Listener()
        self._place: tuple[Place, int | None] = (_place(since), epoch)
        self._lock = threading.Lock()
        self._settled = threading.Event()
        self._when_settled: list[Callable[[], None]] = []
        self._error: Exception | None = None
        about = dataclasses.replace(self._status, on_open=_weakly(self._opened), on_end=_weakly(self._ended))
        first = Inbox(channel, about)
        self._inboxes = {first}
        self._first: Inbox | None = first
        first.begin(source, topics, *self._place)
        if on_message is not None:
            deliver(self, on_message)

    # -- the connection ------------------------------------------------------------------------

    def _opened(self, following: int | None, epoch: int | None) -> None:
        with self._lock:
            if not self._settled.is_set() and following is not None:
                self._place = (following, epoch)
        self._settle()
        self._status.on_open(following, epoch)

    def _ended(self, error: Exception | None) -> None:
        self._error = error
        self._settle()
        self._status.on_end(error)

    def _settle(self) -> None:
        with self._lock:
            self._settled.set()
            waiting, self._when_settled = self._when_settled, []
        for call in waiting:
            call()

    def _once_settled(self, call: Callable[[], None]) -> None:
        """Call when the subscription is open or refused, which may be now."""
        with self._lock:
            if not self._settled.is_set():
                self._when_settled.append(call)
                return
        call()

    def ready(self, timeout: float | None = 30.0) -> Self:
        """Wait until it is open.

        Raises:
            LinkError: it is not after `timeout` seconds.
        """
        if not self._settled.wait(timeout):
            raise LinkError(f"the subscription to {self.channel!r} was not open after {timeout:g} s; it tries on")
        if self._error is not None:
            raise self._error
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        return self._open().__await__()

    async def _open(self) -> Self:
        loop = asyncio.get_running_loop()
        settled = asyncio.Event()
        self._once_settled(lambda: _call_soon(loop, settled.set))
        await settled.wait()
        return self.ready(0)

    # -- readers -------------------------------------------------------------------------------

    def open_inbox(self) -> Inbox:
        """What a new reader reads from."""
        with self._lock:
            inbox, self._first = self._first, None
        if inbox is None:
            inbox = Inbox(self.channel, Listener())
            self._inboxes.add(inbox)
            if self.is_closed:
                inbox.end()
            self._once_settled(lambda: inbox.begin(self._source, self.topics, *self._place))
        return inbox

    def left(self, inbox: Inbox) -> None:
        """A reader has ended."""
        inbox.end()
        self._inboxes.discard(inbox)

    def beside(self, topic: str, since: int) -> Subscription:
        """Another subscription to one topic of the same channel, over the same connection."""
        return Subscription(
            self._source, self.channel, [topic], since, epoch=self._place[1], codec=self.codec, on_error=self._on_error
        )

    def report(self, error: Exception) -> Any:
        """Tell `on_error`, or the log; returns what the callback returned."""
        if self._on_error is None:
            _log.warning("subscription to %r: %s", self.channel, error)
            return None
        try:
            return self._on_error(error)
        except Exception:  # noqa: BLE001  # a callback of the user's may raise anything
            _log.exception("on_error of the subscription to %r failed", self.channel)
            return None

    def __aiter__(self) -> AsyncReader:
        return AsyncReader(self)

    def __iter__(self) -> Iterator[Message]:
        return SyncReader(self)

    async def get_json_stream(self) -> AsyncIterator[dict[str, Any]]:
        """Messages as JSON objects."""
        async for message in self:
            yield self.codec.dump(message)

    async def get_encoded_stream(self) -> AsyncIterator[bytes]:
        """Messages as Server-Sent Events, for a `text/event-stream` response."""
        async for message in self.get_json_stream():
            yield b"data: " + orjson.dumps(message) + b"\n\n"

    # -- the end -------------------------------------------------------------------------------

    def close(self) -> None:
        """End the subscription: loops end behind what has arrived, callbacks at once. May be called again."""
        if not self.is_closed:
            self.is_closed = True
            for inbox in list(self._inboxes):
                inbox.end()

    unsubscribe = close

    def __del__(self) -> None:
        # Of a cell that is executed again, say: nobody can read it any more. At the end of the process there may be nobody to tell.
        with contextlib.suppress(Exception):
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return await self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        topics = "" if self.topics is None else f" {', '.join(self.topics)}"
        return f"<Subscription {self.channel}{topics}{' closed' if self.is_closed else ''}>"


def _weakly(method: Callable[..., None]) -> Callable[..., None]:
    """Call the method as long as somebody else holds its object."""
    held = weakref.WeakMethod(method)

    def call(*args: Any) -> None:
        if (bound := held()) is not None:
            bound(*args)

    return call


def _call_soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)


def _microseconds(moment: datetime.datetime) -> int:
    """Microseconds since the epoch, to the last one; local time if it has no zone. Nothing is older than 1970."""
    if moment.year <= _EPOCH.year:
        return 0
    return (moment.astimezone(datetime.UTC) - _EPOCH) // datetime.timedelta(microseconds=1)


def _place(since: Since) -> Place:
    if isinstance(since, datetime.datetime):
        return {"us": _microseconds(since)}
    is_offset = isinstance(since, int) and not isinstance(since, bool) and 0 <= since < _NEVER
    if is_offset or (isinstance(since, str) and since in ("now", "start")):
        return since
    raise ChannelError(f'since must be "now", "start", an offset from 0 on or a datetime, not {since!r}')
