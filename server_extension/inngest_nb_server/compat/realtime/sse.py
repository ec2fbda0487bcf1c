"""`/v1/realtime/sse`: the messages of a token's topics as Server-Sent Events."""

from __future__ import annotations

import asyncio

from tornado.iostream import StreamClosedError

from inngest_nb.engine.feed import Feed, Frame
from inngest_nb.hub.positions import position_text
from inngest_nb_server.compat.handler import CompatHandler
from inngest_nb_server.compat.realtime.credential import PING_S, FeedMixin

MAX_S = 900.0
KEEP_ALIVE = b":\n\n"
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    "Connection": "keep-alive",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Content-Type",
}


class EventsHandler(FeedMixin, CompatHandler):
    """Reading only. The id of each event holds the position in every channel, so that Last-Event-ID resumes all of them."""

    async def get(self) -> None:
        """Stream until the client leaves, the token ends (if it is checked again), or a quarter of an hour is over."""
        self._transforms = []  # no compression: an event must not wait for more
        for name, value in _HEADERS.items():
            self.set_header(name, value)
        self._positions: dict[str, tuple[int, int]] = {}
        self._over = asyncio.Event()
        feed = self.feed(self._frames, lambda reason: self._over.set())
        try:
            feed.admit(self.shown)
            self.write(KEEP_ALIVE)  # goes before everything that the feed says
            await asyncio.wait_for(self._keep_alive(feed), MAX_S)
        except TimeoutError:
            pass
        finally:
            feed.close()

    async def _keep_alive(self, feed: Feed) -> None:
        await self._say(b"")
        while not self._over.is_set():
            try:
                await asyncio.wait_for(self._over.wait(), PING_S)
            except TimeoutError:
                feed.check()
                await self._say(KEEP_ALIVE)

    async def _frames(self, channel: str, epoch: int, frames: list[Frame]) -> None:
        events: list[bytes] = []
        for frame in frames:
            self._positions[channel] = (epoch, frame.following)
            position = position_text(self._positions).encode()
            # Raw text is Server-Sent Events already.
            events.append(frame.text if frame.kind == "raw" else b"id: %s\ndata: %s\n\n" % (position, frame.text))
        await self._say(b"".join(events))

    async def _say(self, text: bytes) -> None:
        try:
            self.write(text)
            await self.flush()
        except (StreamClosedError, RuntimeError):
            self._over.set()

    def on_connection_close(self) -> None:
        """Nobody listens any more."""
        self._over.set()


ROUTES = [(r"v1/realtime/sse", EventsHandler)]
