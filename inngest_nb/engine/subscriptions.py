"""Subscriptions of one connection: each follows one channel and sends batches at the pace the connection takes them."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from typing import Any

from inngest_nb.errors import InngestError, JournalUnavailable
from inngest_nb.hub import Batch, FeedSubscription, Hub, Subscription, Time
from inngest_nb.protocol import Message

FRAME_S = 0.004  # a quarter of a frame of a screen: what a page gains nothing from getting sooner
MAX_SUBSCRIPTIONS = 1000
_NEVER_US = 1 << 63  # later than SQLite can compare
Send = Callable[[Message], Any]
_log = logging.getLogger(__name__)


class Subscriptions:
    """Pumps channels into `send`. Where `send` returns an awaitable, it is awaited: that is the flow control."""

    def __init__(self, hub: Hub, send: Send, *, coalesce_s: float = 0.0) -> None:
        self._hub, self._send, self._coalesce_s = hub, send, coalesce_s
        self._pumps: dict[str, asyncio.Task[None]] = {}
        self._refusals: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()  # one batch at a time is made for a connection, however many channels it follows

    def handle(self, message: dict[str, Any]) -> None:
        """Act on a subscribe or unsubscribe message."""
        name = str(message.get("id", ""))
        if message["op"] == "unsubscribe":
            self._stop(name)
            return
        error = self._refusal(message)
        if error is not None:
            refusal = asyncio.get_running_loop().create_task(self._say({"op": "error", "id": name, "error": error}))
            self._refusals.add(refusal)
            refusal.add_done_callback(self._refusals.discard)
            return
        self._stop(name)
        since = message.get("since", "now")
        since = Time(since["us"]) if isinstance(since, dict) else since
        subscription = self._hub.follow(message["channel"], message.get("topics"), since, message.get("epoch"))
        self._pumps[name] = asyncio.get_running_loop().create_task(self._pump(name, subscription))

    def _refusal(self, message: dict[str, Any]) -> str | None:
        channel, topics, since = message.get("channel"), message.get("topics"), message.get("since", "now")
        if not isinstance(channel, str) or not channel:
            return f"subscribe needs a channel name, not {channel!r}"
        if topics is not None and not (isinstance(topics, list) and all(isinstance(t, str) for t in topics)):
            return f"topics must be a list of names or null, not {topics!r}"
        by_time = isinstance(since, dict) and isinstance(since.get("us"), int) and 0 <= since["us"] < _NEVER_US
        if not (
            since in ("now", "start")
            or by_time
            or (isinstance(since, int) and not isinstance(since, bool) and since >= 0)
        ):
            return f'since must be "now", "start" or an offset from 0 on, not {since!r}'
        if len(self._pumps) >= MAX_SUBSCRIPTIONS and str(message.get("id", "")) not in self._pumps:
            return f"this connection already follows {MAX_SUBSCRIPTIONS} channels; unsubscribe from some"
        return None

    def close(self) -> None:
        """Follow nothing more."""
        for name in list(self._pumps):
            self._stop(name)

    def _stop(self, name: str) -> None:
        pump = self._pumps.pop(name, None)
        if pump is not None:
            pump.cancel()

    async def _pump(self, name: str, subscription: Subscription | FeedSubscription) -> None:
        log = subscription.log
        loop = asyncio.get_running_loop()
        try:
            await subscription.kept()
            await self._say(
                {
                    "op": "subscribed",
                    "id": name,
                    "channel": log.name,
                    "epoch": log.epoch,
                    "first": log.first,
                    "next": subscription.cursor,
                }
            )
            while True:
                await subscription.wait()
                async with self._turn:
                    batch = await subscription.next_batch()
                    began = loop.time()
                    await self._say_batch(name, batch)
                # A lone message goes out at once; in a stream the next frame waits a moment to fill up.
                if self._coalesce_s and batch.next >= subscription.visible:
                    await asyncio.sleep(max(0.0, self._coalesce_s - (loop.time() - began)))
        except (sqlite3.Error, InngestError) as exc:
            if not isinstance(exc, JournalUnavailable):
                _log.exception("reading channel %r", log.name)
            await self._say({"op": "error", "id": name, "error": f"channel {log.name!r} cannot be read: {exc}"})
        finally:
            subscription.close()

    async def _say_batch(self, name: str, batch: Batch) -> None:
        if batch.lost or batch.reset:
            gap: Message = {"op": "gap", "id": name, "from": batch.gap_from, "to": batch.next, "lost": batch.lost}
            await self._say(gap | {"reset": True} if batch.reset else gap)
        elif batch.messages:
            await self._say({"op": "messages", "id": name, "messages": batch.messages, "next": batch.next})

    async def _say(self, message: Message) -> None:
        wait = self._send(message)
        if wait is not None:
            await wait
