"""Subscribing from Python: an async or sync iterator, callbacks, or a byte stream, over any link."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import queue
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

import orjson

from inngest_nb.errors import ChannelError
from inngest_nb.realtime.messages import Message

if TYPE_CHECKING:
    from inngest_nb.links.link import Link

Since = str | int | datetime.datetime
OnMessage = Callable[[Message], Any]
OnError = Callable[[Exception], Any]
_END = object()


class Subscription:
    """Messages of one channel in order, from `since` on, across reconnects.

    Iterate it (`async for` or `for`), or give callbacks; `close()` ends it. Several readers of one subscription each get
    every message that arrives after they began.
    """

    def __init__(
        self,
        link: Link,
        channel: str,
        topics: list[str] | None,
        since: Since,
        *,
        load: Callable[[Message], Message],
        on_message: OnMessage | None = None,
        on_error: OnError | None = None,
    ) -> None:
        self.channel, self.topics = channel, topics
        self._load, self._on_message, self._on_error = load, on_message, on_error
        self._readers: list[Callable[[Any], None]] = []
        self._kept: list[Any] | None = None if on_message else []  # until the first reader comes
        self._closed = False
        self._stop = link.follow(channel, topics, _since(since), self._arrived, self._gap, self._failed)

    # -- arriving, on the link's thread ------------------------------------------------------------

    def _arrived(self, wire: list[dict[str, Any]]) -> None:
        for item in wire:
            try:
                message = self._load(Message.from_wire(item))
            except Exception as exc:  # noqa: BLE001  # a message that does not fit its topic is reported, not fatal
                self._report(exc)
                continue
            self._hand(message)

    def _gap(self, gap: dict[str, Any]) -> None:
        now = datetime.datetime.now(datetime.UTC)
        data = {name: gap[name] for name in ("from", "to", "lost", "reset") if name in gap}
        self._hand(
            Message(channel=self.channel, topic="$gap", kind="gap", data=data, created_at=now, offset=gap["from"])
        )

    def _failed(self, error: str) -> None:
        self._report(ChannelError(error))
        self.close()

    def _hand(self, message: Message) -> None:
        if self._on_message is not None:
            try:
                self._on_message(message)
            except Exception as exc:  # noqa: BLE001  # the user's callback must not end the link's thread
                self._report(exc)
        if self._kept is not None:
            self._kept.append(message)
        for reader in list(self._readers):
            reader(message)

    def _report(self, exc: Exception) -> None:
        if self._on_error is not None:
            self._on_error(exc)
        else:
            import warnings

            warnings.warn(f"subscription to {self.channel!r}: {exc}", stacklevel=2)

    # -- reading -----------------------------------------------------------------------------------

    def _add_reader(self, put: Callable[[Any], None]) -> None:
        kept, self._kept = self._kept or [], None
        for message in kept:
            put(message)
        self._readers.append(put)
        if self._closed:
            put(_END)

    async def __aiter__(self) -> AsyncIterator[Message]:
        loop = asyncio.get_running_loop()
        inbox: asyncio.Queue[Any] = asyncio.Queue()

        def put(message: Any) -> None:
            with contextlib.suppress(RuntimeError):  # the reader's loop is gone
                loop.call_soon_threadsafe(inbox.put_nowait, message)

        self._add_reader(put)
        try:
            while (message := await inbox.get()) is not _END:
                yield message
        finally:
            self._readers.remove(put)

    def __iter__(self) -> Iterator[Message]:
        inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._add_reader(inbox.put)
        try:
            while (message := inbox.get()) is not _END:
                yield message
        finally:
            self._readers.remove(inbox.put)

    async def get_json_stream(self) -> AsyncIterator[dict[str, Any]]:
        """Messages as JSON objects."""
        async for message in self:
            yield message.to_wire()

    async def get_encoded_stream(self) -> AsyncIterator[bytes]:
        """Messages as Server-Sent Events, for a `text/event-stream` response."""
        async for message in self:
            yield b"data: " + orjson.dumps(message.to_wire()) + b"\n\n"

    def close(self) -> None:
        """End the subscription; readers finish. May be called again."""
        if not self._closed:
            self._closed = True
            self._stop()
            for reader in list(self._readers):
                reader(_END)

    unsubscribe = close

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _since(since: Since) -> str | int | dict[str, int]:
    if isinstance(since, datetime.datetime):
        return {"us": int(since.timestamp() * 1e6)}
    if since in ("now", "start") or (isinstance(since, int) and not isinstance(since, bool) and since >= 0):
        return since
    raise ChannelError(f'since must be "now", "start", an offset from 0 on or a datetime, not {since!r}')
