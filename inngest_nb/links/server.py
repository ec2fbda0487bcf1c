"""The link from a kernel to the engine of its Jupyter server: one WebSocket on a thread of its own.

The socket may break at any time. Requests without an answer, subscriptions and reports without an acknowledgement are
said again on the next connection; the engine takes repetitions for what they are.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import random
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import orjson
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

from inngest_nb.errors import LinkError, LinkRefused, ServerExtensionMissing
from inngest_nb.jsontext import dumps
from inngest_nb.links.following import Following
from inngest_nb.links.link import Link
from inngest_nb.links.locate import Server, find_server
from inngest_nb.loops import LoopThread
from inngest_nb.protocol import MAX_FRAME_BYTES, SUBPROTOCOL, Message, frames
from inngest_nb.store.lock import held_by

_FIRST_ANSWER_S = 10.0
_GOODBYE_S = 1.0
_BACKOFF_S = (0.1, 2.0)
_MAX_FRAME = 16 * MAX_FRAME_BYTES  # a run comes with all that is remembered of it
_FRAME_S = (
    0.004  # the least between two frames of nothing but messages: each frame costs the server more than a message does
)
_FULL_FRAME = 64
_log = logging.getLogger(__name__)


class ServerLink(Link):
    """Connected when the constructor returns.

    Raises:
        ServerExtensionMissing: the server has no inngest_nb extension.
        LinkRefused: the server refused the token.
        LinkError: the server did not answer.
    """

    kind = "server"

    def __init__(self, server: Server, *, label: str) -> None:
        super().__init__(label)
        self._server = server
        self.url = server.url
        self._link_thread = LoopThread("inngest-nb link")
        self._loop = self._link_thread.loop
        self._socket: WebSocketClientConnection | None = None
        self._serving: Future[None] | None = None
        self._left_at, self._later = 0.0, False  # the last frame left; one will when it may
        self._closed = False
        self.connected = False
        self._engine_id: str | None = None
        try:
            ready = asyncio.run_coroutine_threadsafe(self._connect(), self._loop).result(_FIRST_ANSWER_S)
        except LinkError:
            self._halt()
            raise
        except TimeoutError:
            self._halt()
            raise LinkError(f"the Jupyter server at {server.url} did not answer within {_FIRST_ANSWER_S:g} s") from None
        self.data_dir = Path(ready["data_dir"])
        self._serving = asyncio.run_coroutine_threadsafe(self._serve(), self._loop)
        atexit.register(self.close)

    # -- the connection ------------------------------------------------------------------------

    async def _connect(self) -> Message:
        """Open the socket, say hello, repeat what is open; returns the engine's `ready`."""
        url = self._server.url.replace("http", "ws", 1) + "inngest/api/worker"
        headers = {"Authorization": f"token {self._server.token}"} if self._server.token else {}
        request = HTTPRequest(url, headers=headers, connect_timeout=5, request_timeout=10)
        try:
            socket = await websocket_connect(
                request, subprotocols=[SUBPROTOCOL], max_message_size=_MAX_FRAME, ping_interval=20
            )
        except (HTTPClientError, OSError) as exc:
            raise _refusal(exc, self._server) from exc
        _say_at_once(socket)
        frame = await self._greet(socket)
        if frame is None:
            socket.close()
            raise LinkError(
                f"the Jupyter server at {self._server.url} closed the connection: {socket.close_reason or 'no reason given'}"
            )
        first, *others = orjson.loads(frame)
        self._socket, self.connected, self._engine_id = socket, True, first.get("engine_id")
        self._incoming([first, *others])
        return dict(first)

    async def _greet(self, socket: WebSocketClientConnection) -> str | bytes | None:
        try:
            await socket.write_message(orjson.dumps([self.worker.hello()]))
        except WebSocketClosedError:
            return None
        return await socket.read_message()

    def _repeat(self) -> None:
        """After a reconnect: subscriptions and open requests."""
        for following in list(self._following.values()):
            if self._is_due(following):
                self._out.append(following.message())
            else:
                self._loop.call_at(following.due, self._follow_again, following, self._socket)
        waiting = {id(message) for message in self._out}  # said while nobody listened
        for _, message in list(self._requests.values()):
            if id(message) not in waiting:
                self._out.append(_again(message))

    def _is_due(self, following: Following) -> bool:
        return following.due <= self._loop.time()

    def _follow_again(self, following: Following, socket: WebSocketClientConnection | None) -> None:
        if self._following.get(following.id) is following and self._socket is socket:
            following.due = 0.0
            following.listener.on_connecting()
            self.post(following.message())

    async def _serve(self) -> None:
        while not self._closed:
            await self._read_all()
            self._drop_socket()
            if not self._closed:
                self._tell_lost(None)
                await self._reconnect()

    async def _read_all(self) -> None:
        self._flush()
        while self._socket is not None:
            frame = await self._socket.read_message()
            if frame is None:
                return
            self._incoming(orjson.loads(frame))

    async def _reconnect(self) -> None:
        least, most = _BACKOFF_S
        delay = least
        while not self._closed:
            await asyncio.sleep(self._until_next_try(delay * (0.5 + random.random() / 2)))  # noqa: S311  # jitter
            delay = min(delay * 2, most)
            self._server = find_server() or self._server
            self.url = self._server.url
            for following in filter(self._is_due, list(self._following.values())):
                following.listener.on_connecting()
            try:
                await self._connect()
            except LinkError as exc:
                _log.debug("%s", exc)
                self._tell_lost(exc)
                continue
            self._repeat()
            return

    def _until_next_try(self, delay: float) -> float:
        """Our own delay, or a shorter one that a subscription asked for."""
        asked = [following.due - self._loop.time() for following in list(self._following.values()) if following.backoff]
        return max(0.0, min([delay, *asked]))

    def _drop_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self.connected, self._socket = False, None

    def _tell_lost(self, error: LinkError | None) -> None:
        for following in list(self._following.values()):
            following.lost(self._loop.time(), error)

    # -- out -----------------------------------------------------------------------------------

    def _schedule(self) -> None:
        self._loop.call_soon_threadsafe(self._flush)

    def _flush(self) -> None:
        if self._socket is None:
            self._scheduled = False  # kept until there is a socket again
            return
        wait = self._left_at + _FRAME_S - self._loop.time()
        if wait > 0 and not self._urgent and len(self._out) < _FULL_FRAME:
            self._wait_to_flush(wait)
            return
        batch = self._drain()
        if not batch:
            return
        self._left_at = self._loop.time()
        try:
            for frame in frames(batch, self._frame):
                self._socket.write_message(frame).add_done_callback(_ignore_closed)
        except WebSocketClosedError:
            self._out.extendleft(reversed(batch))

    def _frame(self, batch: list[Message]) -> bytes:
        """A request holds values of users, which are JSON by our rules; all the rest is texts and numbers of our own."""
        if not any(message["op"] == "request" for message in batch):
            with contextlib.suppress(TypeError):  # else whatever cannot be said is left out
                return orjson.dumps(batch)
        texts = [text for message in batch if (text := self._encoded(message)) is not None]
        return b"[" + b",".join(texts) + b"]"

    def _encoded(self, message: Message) -> bytes | None:
        try:
            text = dumps(message).encode()
            if len(text) < MAX_FRAME_BYTES - 2:
                return text
            problem = f"it has {len(text):,} bytes, at most {MAX_FRAME_BYTES:,} are possible; send it in several parts"
        except TypeError as exc:
            problem = f"its values must be JSON: {exc}"
        error = {
            "type": "EventInvalidError",
            "message": f"{message.get('method', message['op'])} was not sent: {problem}",
        }
        self._incoming([{"op": "response", "id": message.get("id"), "error": error}])
        return None

    def _wait_to_flush(self, wait_s: float) -> None:
        """A lone message leaves at once; those of a stream fill a frame, unless something urgent takes them along."""
        self._scheduled = False
        if not self._later and self._out:
            self._later = True
            self._loop.call_later(wait_s, self._flush_later)

    def _flush_later(self) -> None:
        self._later = False
        self._flush()

    def readable_dir(self) -> Path:
        """The engine's data directory, if this process sees the same one.

        Raises:
            LinkError: it is on another machine, or in another container.
        """
        try:
            owner = held_by(self.data_dir)
        except OSError:
            raise LinkError(self._not_here("it is not there")) from None
        if owner not in (None, self._engine_id) and self.connected:
            raise LinkError(self._not_here("that path is another directory"))
        return self.data_dir

    def _not_here(self, why: str) -> str:
        return (
            f"the Jupyter server at {self._server.url} keeps its history in {self.data_dir}, which cannot be read from this "
            f"machine: {why}. Read it in a kernel of that server, or copy the directory here and use inngest_nb.history.open(copy)"
        )

    def describe(self) -> str:
        """Where the engine is, and whether it can be reached now."""
        state = "connected" if self.connected else "not connected, trying again"
        return f"the engine is in the Jupyter server at {self._server.url} ({state})"

    def close(self) -> None:
        """Leave: the engine gives this process's runs to others."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        self.worker.close()
        self._end_followings()
        self._halt()

    def _halt(self) -> None:
        if self._serving is not None and self._socket is not None:
            self._loop.call_soon_threadsafe(self._socket.close)
            with contextlib.suppress(TimeoutError):
                self._serving.result(_GOODBYE_S)  # the server's answer to the close
        self._link_thread.stop()


def _say_at_once(socket: WebSocketClientConnection) -> None:
    # Two small frames in a row (a step is over, the run is idle) would else wait for the acknowledgement of the first.
    if socket.protocol is not None:
        socket.protocol.set_nodelay(True)


def _again(request: Message) -> Message:
    """A request that may have been carried out; only a publish cannot tell by a key of its own."""
    if request["method"] != "publish":
        return request
    return {**request, "params": {**request["params"], "again": True}}


def _ignore_closed(sent: asyncio.Future[Any]) -> None:
    if not sent.cancelled():
        sent.exception()  # a broken socket is noticed by the reader


def _refusal(exc: Exception, server: Server) -> LinkError:
    code = exc.code if isinstance(exc, HTTPClientError) else None
    if code == 404:
        return ServerExtensionMissing(
            f"the Jupyter server at {server.url} runs without the inngest_nb extension. Install inngest-nb into the server's "
            "environment and restart it (check with: jupyter server extension list)."
        )
    if code in (401, 403):
        return LinkRefused(
            f"the Jupyter server at {server.url} refused this kernel's token ({code}). Restart the kernel, or set INNGEST_NB_URL and INNGEST_NB_TOKEN."
        )
    return LinkError(f"the Jupyter server at {server.url} cannot be reached: {exc}.")
