"""The browsers' socket: one per page, any number of channels, batches paced by the browser itself."""

from __future__ import annotations

from typing import Any

import orjson
from jupyter_server.auth.decorator import ws_authenticated
from tornado.websocket import WebSocketClosedError

from inngest_nb.engine.subscriptions import FRAME_S, Subscriptions
from inngest_nb.protocol import Message, encode
from inngest_nb_server.routes.base import Socket

MAX_FRAME_BYTES = 65_536


class RealtimeSocket(Socket):
    """Subscribe and unsubscribe in, messages out."""

    action = "read"
    _subscriptions: Subscriptions | None = None

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

    async def _say(self, message: Message) -> None:
        try:
            await self.write_message(encode(message))
        except WebSocketClosedError:
            self.on_close()

    def on_message(self, message: str | bytes) -> None:
        """One JSON object per frame; anything else is refused with a sentence and changes nothing."""
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
            self.write_message(orjson.dumps({"op": "error", "error": error}))

    def on_close(self) -> None:
        """Follow nothing more."""
        if self._subscriptions is not None:
            self._subscriptions.close()
            self._subscriptions = None


ROUTES = [(r"realtime", RealtimeSocket)]
