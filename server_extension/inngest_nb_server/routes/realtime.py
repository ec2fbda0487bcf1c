"""The browsers' socket: one per page, any number of channels, batches paced by the browser itself; and tokens for others."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from jupyter_server.auth.decorator import authorized, ws_authenticated
from tornado import web
from tornado.websocket import WebSocketClosedError

from inngest_nb.engine.subscriptions import FRAME_S, Subscriptions
from inngest_nb.errors import ChannelError
from inngest_nb.protocol import Message, encode
from inngest_nb.realtime.tokens import DEFAULT_LIFETIME, TopicClaim
from inngest_nb_server.routes.base import Handler, Socket

MAX_FRAME_BYTES = 65_536


class RealtimeSocket(Socket):
    """Subscribe and unsubscribe in, messages out."""

    action = "read"
    _subscriptions: Subscriptions | None = None
    _writing: asyncio.Future[None] | None = None

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Authorize, then upgrade."""
        await self.authorize()
        await super().get(*args, **kwargs)

    def open(self, *args: str, **kwargs: str) -> None:
        """Ready to follow channels."""
        super().open(*args, **kwargs)
        self.set_nodelay(True)
        self._subscriptions = Subscriptions(self.engine.core.hub, self._say, coalesce_s=FRAME_S)

    @property
    def max_message_size(self) -> int:
        """What is larger is not read to its end: it closes the socket."""
        return 16 * MAX_FRAME_BYTES

    async def _say(self, message: Message) -> None:
        try:
            self._writing = self.write_message(encode(message))
            await asyncio.shield(self._writing)
        except WebSocketClosedError:
            self.on_close()

    async def on_message(self, message: str | bytes) -> None:
        """One JSON object per frame; anything else is refused with a sentence and changes nothing.

        The next frame is read when the peer has taken what was written: who sends without reading costs no memory.
        """
        error = None
        try:
            if len(message) > MAX_FRAME_BYTES:
                raise ValueError(f"a frame has at most {MAX_FRAME_BYTES} bytes")
            said = orjson.loads(message)
            if not isinstance(said, dict) or said.get("op") not in ("subscribe", "unsubscribe"):
                raise ValueError('a frame is {"op": "subscribe" | "unsubscribe", "id": …}')
            if self._subscriptions is not None:
                self._subscriptions.handle(said)
        except ValueError as exc:
            error = f"frame not understood: {exc}"
        if error is not None:
            await self._say({"op": "error", "error": error})
        elif self._writing is not None and not self._writing.done():
            await asyncio.wait([self._writing])

    def on_close(self) -> None:
        """Follow nothing more."""
        if self._subscriptions is not None:
            self._subscriptions.close()
            self._subscriptions = None


class TokenHandler(Handler):
    """Tokens with which others may read some topics of a channel."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Mint one for {channel, topics, expires_in?}."""
        asked = self.json_body()
        channel, topics = (asked.get("channel"), asked.get("topics")) if isinstance(asked, dict) else (None, None)
        if not isinstance(channel, str) or not channel or not isinstance(topics, list) or not all(map(is_name, topics)):
            raise ChannelError('a token is for {"channel": name, "topics": [names], "expires_in"?: "60s"}')
        claims = [TopicClaim(channel=channel, name=name, kind="run") for name in topics]
        key = self.engine.tokens.mint(claims, asked.get("expires_in", DEFAULT_LIFETIME))
        here = f"{self.request.protocol}://{self.request.host}{self.base_url}"
        url = self.engine.api_base_url or here
        self.answer({"key": key, "api_base_url": url, "channel": channel, "topics": topics})


def is_name(value: object) -> bool:
    """Whether this names a topic."""
    return isinstance(value, str) and value != ""


ROUTES = [(r"realtime", RealtimeSocket), (r"realtime/token", TokenHandler)]
