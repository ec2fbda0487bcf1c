"""The iterators of a subscription, for loops with and without `async`; each has a place of its own in the channel."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import inspect
import threading
from typing import TYPE_CHECKING, Any, Self

from inngest_nb.errors import SchemaError
from inngest_nb.realtime.inbox import End
from inngest_nb.realtime.messages import Message
from inngest_nb.realtime.streams import Stream

if TYPE_CHECKING:
    from inngest_nb.realtime.subscription import Subscription

__all__ = ["AsyncReader", "SyncReader"]


class _Reader:
    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._inbox = subscription.open_inbox()
        self._is_over = False

    def _take(self) -> Message | Exception | End | None:
        """The next message, why it was left out, the end, or None if there is nothing yet."""
        if self._is_over:
            return End()
        item = self._inbox.take()
        if isinstance(item, End):
            self.close()
        if not isinstance(item, dict):
            return item
        try:
            message = self._subscription.codec.load(item)
        except (SchemaError, KeyError, ValueError) as exc:
            return exc
        if message.kind == "datastream-start" and message.offset is not None:
            return dataclasses.replace(message, stream=Stream(self._subscription, message))
        return message

    def close(self) -> None:
        """Read no more."""
        if not self._is_over:
            self._is_over = True
            self._subscription.left(self._inbox)

    def __del__(self) -> None:
        # A loop that was left with `break` says nothing else. At the end of the process there may be nobody to tell.
        with contextlib.suppress(Exception):
            self.close()


class SyncReader(_Reader):
    """For a `for` loop, which blocks its thread and nothing else."""

    def __init__(self, subscription: Subscription) -> None:
        super().__init__(subscription)
        self._ready = threading.Event()
        self._inbox.attach(self._ready.set)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Message:
        """The next message, waiting for it."""
        while True:
            item = self._take()
            if isinstance(item, Message):
                return item
            if isinstance(item, End):
                raise item.error or StopIteration
            if item is None:
                self._ready.wait()
                self._ready.clear()
            else:
                _finish(self._subscription.report(item))


class AsyncReader(_Reader):
    """For an `async for` loop."""

    def __init__(self, subscription: Subscription) -> None:
        super().__init__(subscription)
        self._ready: asyncio.Event | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        """The next message, waiting for it."""
        ready = self._ready = self._ready or self._attached()
        while True:
            item = self._take()
            if isinstance(item, Message):
                return item
            if isinstance(item, End):
                raise item.error or StopAsyncIteration
            if item is None:
                await ready.wait()
                ready.clear()
            else:
                told = self._subscription.report(item)
                if inspect.isawaitable(told):
                    await told

    def _attached(self) -> asyncio.Event:
        loop, ready = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the reader's loop is gone
                loop.call_soon_threadsafe(ready.set)

        self._inbox.attach(wake)
        return ready

    async def aclose(self) -> None:
        """Read no more."""
        self.close()


def _finish(told: Any) -> None:
    """Have an async `on_error` run to its end, from code that is not async."""
    if inspect.iscoroutine(told):
        thread = threading.Thread(target=asyncio.run, args=(told,))
        thread.start()
        thread.join()
