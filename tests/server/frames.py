"""A WebSocket client that keeps every frame that it hears: pings, texts, how it was closed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from tornado.httpclient import HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.websocket import WebSocketClientConnection

from tests.server.clients import LIMIT_S

OURS = ("subscribed", "gap", "refused")  # kinds that Inngest does not have


class RawSocket(WebSocketClientConnection):
    """Open with `await RawSocket.to(url, headers)`."""

    handshake: HTTPHeaders

    @classmethod
    async def to(cls, url: str, headers: Mapping[str, str]) -> RawSocket:
        """Connect; raises HTTPClientError when it is refused."""
        return await cls(HTTPRequest(url, headers=HTTPHeaders(headers))).connect_future  # type: ignore[return-value]

    def __init__(self, request: HTTPRequest) -> None:
        self.pings, self._is_over = 0, False
        self._pongs, self._heard = asyncio.Queue[bytes](), asyncio.Queue[str | bytes | None]()
        super().__init__(request, on_message_callback=self._heard.put_nowait, max_message_size=2**26)

    async def headers_received(self, start_line: object, headers: HTTPHeaders) -> None:
        """Keep the headers of the handshake."""
        self.handshake = headers
        await super().headers_received(start_line, headers)  # type: ignore[arg-type]

    def on_ping(self, data: bytes) -> None:
        """Count."""
        self.pings += 1

    def on_pong(self, data: bytes) -> None:
        """The server has acted on everything that was sent before."""
        self._pongs.put_nowait(data)

    async def settled(self) -> None:
        """Wait until the server has read what was sent."""
        self.ping(b"?")
        async with asyncio.timeout(LIMIT_S):
            await self._pongs.get()

    async def text(self) -> str:
        """The next frame with a message of Inngest's kinds."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                frame = await self._heard.get()
                assert isinstance(frame, str), (frame, self.close_code, self.close_reason)
                if not any(frame.startswith(f'{{"kind":"{kind}"') for kind in OURS):
                    return frame

    async def ended(self) -> tuple[int | None, str | None]:
        """Wait for the end; how the server closed."""
        async with asyncio.timeout(LIMIT_S):
            while not self._is_over and await self._heard.get() is not None:
                pass
        self._is_over = True
        self.close()
        return self.close_code, self.close_reason
