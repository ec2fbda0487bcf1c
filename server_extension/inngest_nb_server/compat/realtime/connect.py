"""`/v1/realtime/connect`: Inngest's subscriber socket, one message per frame unless asked otherwise, for the holders of tokens."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import itertools
import secrets
from typing import Any

import orjson
from jupyter_server.base.handlers import JupyterHandler
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from inngest_nb.engine.feed import Feed, Frame
from inngest_nb.errors import ChannelError, InngestError, TokenError
from inngest_nb.hub.frames import notice
from inngest_nb.realtime.tokens import TopicClaim
from inngest_nb_server.compat.realtime.credential import PING_S, YES, FeedMixin
from inngest_nb_server.frames import write_texts

MAX_FRAME_BYTES = 32_768
MAX_REFUSALS = 100
_READ_BYTES = 1_048_576  # up to here a frame that is too long is told why; a longer one is not even read
_PONG_S = 2.0  # how long `run` waits for a peer to have read what comes before
_SILENCES = 4  # pings in a row that a peer may leave unanswered


class ConnectSocket(FeedMixin, WebSocketHandler, JupyterHandler):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Topics of the token down; `sub` and `unsub` up. A socket outlives its token unless it is checked again."""

    _feed: Feed | None = None
    _pings: asyncio.Task[None] | None = None
    _unanswered = 0
    _refusals = 0
    _in_batches = False

    def initialize(self) -> None:
        """Nothing is awaited yet."""
        self._awaited: dict[bytes, asyncio.Event] = {}

    def check_origin(self, origin: str = "") -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Pages of every origin: they must bring a token, and no cookie counts."""
        return True

    @property
    def max_message_size(self) -> int:
        """What is read at all."""
        return _READ_BYTES

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Upgrade, or say as Inngest's server does what is missing."""
        fault = handshake_fault(self)
        if fault is None:
            await super().get(*args, **kwargs)
            return
        status, text = fault
        self.set_status(status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{text}\n")

    def open(self, *args: str, **kwargs: str) -> None:
        """Follow the topics of the token."""
        self.set_nodelay(True)
        self._in_batches = self.get_query_argument("batches", "") in YES
        self._feed = self.feed(self._frames, self._ended)
        try:
            self._feed.admit(self.shown)
        except InngestError as exc:  # ended or revoked during the handshake
            self._end(1008, exc.message)
            return
        self._keep_alive()

    # -- down ------------------------------------------------------------------------------------

    async def _frames(self, channel: str, epoch: int, frames: list[Frame]) -> None:
        try:
            if self._in_batches:
                await write_texts(self, batches(frames))
                return
            for is_run, group in itertools.groupby(frames, lambda frame: frame.kind == "run"):
                if is_run:
                    await self._caught_up()
                await write_texts(self, [frame.text for frame in group])
        except (WebSocketClosedError, StreamClosedError):
            self._closed()

    async def _caught_up(self) -> None:
        """Wait until the peer has read everything: Inngest's client lets `run` overtake data that it reads in one go."""
        name = secrets.token_bytes(8)
        pong = self._awaited[name] = asyncio.Event()
        self.ping(name)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(pong.wait(), _PONG_S)
        finally:
            del self._awaited[name]

    def _keep_alive(self) -> None:
        """Ping at once and from then on, as soon as a topic was asked for."""
        if self._pings is None and self._feed is not None and self._feed.was_asked:
            self._pings = asyncio.get_running_loop().create_task(self._ping_on())

    async def _ping_on(self) -> None:
        try:
            while self._unanswered < _SILENCES:
                self._unanswered += 1
                self.ping(b"1")
                await asyncio.sleep(PING_S)
                if self._feed is not None:
                    self._feed.check()
        except (WebSocketClosedError, StreamClosedError):
            return
        self._end(1001, "no pong")

    def on_pong(self, data: bytes) -> None:
        """The peer is there."""
        self._unanswered = 0
        if data in self._awaited:
            self._awaited[data].set()

    def _ended(self, reason: str) -> None:
        self._end(1008, reason)

    def _end(self, code: int, reason: str) -> None:
        self._closed()
        self.close(code, reason.encode()[:120].decode(errors="ignore"))

    # -- up --------------------------------------------------------------------------------------

    def on_message(self, message: str | bytes) -> None:
        """`sub` and `unsub`; everything else is ignored, as Inngest's server does."""
        if len(message.encode() if isinstance(message, str) else message) > MAX_FRAME_BYTES:
            self._end(1009, f"a frame has at most {MAX_FRAME_BYTES} bytes")
            return
        if isinstance(message, bytes) or self._feed is None:
            return
        try:
            obey(self._feed, message)
            self._keep_alive()
        except (TokenError, ChannelError) as exc:
            self._refuse(exc.message)

    def _refuse(self, reason: str) -> None:
        """Say why, in a kind that stock clients ignore; but not for ever."""
        self._refusals += 1
        if self._refusals > MAX_REFUSALS:
            self._end(1008, f"{MAX_REFUSALS} requests of this socket were refused")
            return
        about = {"error": reason}
        self.write_message(notice("refused", about, channel="", created_at=self.engine.core.clock.now()))

    def on_close(self) -> None:
        """Follow nothing more."""
        self._closed()

    def _closed(self) -> None:
        if self._feed is not None:
            self._feed.close()
            self._feed = None
        if self._pings is not None and self._pings is not asyncio.current_task():
            self._pings.cancel()


def batches(frames: list[Frame]) -> list[bytes]:
    """Neighbours in one JSON array; raw text stays by itself, as it is."""
    texts: list[bytes] = []
    for is_raw, group in itertools.groupby(frames, lambda frame: frame.kind == "raw"):
        some = [frame.text for frame in group]
        texts += some if is_raw else [b"[" + b",".join(some) + b"]"]
    return texts


def obey(feed: Feed, text: str) -> None:
    """Do what a frame of a client asks; what is no frame asks nothing.

    Raises:
        TokenError, ChannelError: why it is not done.
    """
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        return
    if not isinstance(said, dict):
        return
    match said.get("kind"), said.get("data"):
        case "sub", str(token):
            feed.admit(token)
        case "unsub", list(topics):
            try:
                feed.drop([TopicClaim.parse(topic) for topic in topics])
            except ValueError as exc:
                raise ChannelError(f"unsub: {exc}") from None


def handshake_fault(handler: WebSocketHandler) -> tuple[int, str] | None:
    """Why a request is no WebSocket handshake, in the words of Inngest's server; sets the headers that tell how."""
    headers, violation = handler.request.headers, "WebSocket protocol violation: "
    for name, value in (("Connection", "Upgrade"), ("Upgrade", "websocket")):
        given = headers.get(name, "")
        if value.lower() not in (word.strip().lower() for word in given.split(",")):
            handler.set_header("Connection", "Upgrade")
            handler.set_header("Upgrade", "websocket")
            return 426, f'{violation}{name} header "{given}" does not contain {value}'
    version, key = headers.get("Sec-WebSocket-Version", ""), headers.get("Sec-WebSocket-Key", "").strip()
    if version != "13":
        handler.set_header("Sec-WebSocket-Version", "13")
        return 400, f'unsupported WebSocket protocol version (only 13 is supported): "{version}"'
    if not key:
        return 400, f"{violation}missing Sec-WebSocket-Key"
    try:
        right = len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        right = False
    return (
        None if right else (400, f'{violation}invalid Sec-WebSocket-Key "{key}", must be 16 byte base64 encoded string')
    )


ROUTES = [(r"v1/realtime/connect", ConnectSocket)]
