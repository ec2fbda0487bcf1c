"""Following channels with a token and nothing else: a socket to `/v1/realtime/connect` for each, made again when it breaks."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import logging
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson

from inngest_nb.errors import ChannelError, LinkError, TokenError
from inngest_nb.loops import LoopThread
from inngest_nb.realtime.backoff import Backoff
from inngest_nb.realtime.following import Followed, Listener, Place, Source
from inngest_nb.realtime.tickets import Ticket, Token, fetch_ticket

if TYPE_CHECKING:
    from tornado.websocket import WebSocketClientConnection

__all__ = ["TokenSource"]

_CONNECT_S = 10.0
_PING_S = 20.0
_SILENT_S = 1.0  # a server that does not say `subscribed` by then never says it
_MAX_FRAME = 8 * 1024 * 1024
_WHATEVER_THE_TOPIC = frozenset({"run", "rollback", "commit"})
_log = logging.getLogger(__name__)
_threads: list[LoopThread] = []
_lock = threading.Lock()
os.register_at_fork(after_in_child=_threads.clear)


def shared_loop() -> asyncio.AbstractEventLoop:
    """The loop of all sockets of this process, on a daemon thread."""
    with _lock:
        if not _threads:
            _threads.append(LoopThread("inngest-nb subscriptions"))
        return _threads[0].loop


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TokenSource:
    """A `Source` for the holders of tokens. With `reconnect`, a broken connection is made again, with a fresh token if
    `token` is a function; what was missed meanwhile is caught up with.
    """

    token: Token
    api_base_url: str | None = None
    reconnect: bool = True
    backoff: Backoff = dataclasses.field(default_factory=Backoff)
    here: Callable[[], Source] | None = None

    def follow(
        self, channel: str, topics: list[str] | None, since: Place, listener: Listener, *, epoch: int | None = None
    ) -> TokenFollowing:
        """Follow a channel of the token."""
        return TokenFollowing(self, channel, topics, since, listener, epoch)


class TokenFollowing:
    """One socket after the other, on the shared loop."""

    def __init__(
        self,
        source: TokenSource,
        channel: str,
        topics: list[str] | None,
        since: Place,
        listener: Listener,
        epoch: int | None,
    ) -> None:
        self._source, self._channel, self._listener = source, channel, listener
        self._topics = None if topics is None else frozenset(topics)
        self._since, self._epoch = since, epoch
        self._loop = shared_loop()
        self._gate = asyncio.Event()
        self._gate.set()
        self._here: Followed | None = None
        self._task = asyncio.run_coroutine_threadsafe(self._run(), self._loop)

    def pause(self) -> None:
        """Read nothing; the socket's flow control holds the server back."""
        if self._here is not None:
            self._here.pause()
        self._loop.call_soon_threadsafe(self._gate.clear)

    def resume(self) -> None:
        """Read on."""
        if self._here is not None:
            self._here.resume()
        self._loop.call_soon_threadsafe(self._gate.set)

    def stop(self) -> None:
        """Close the socket."""
        self._task.cancel()

    # -- the life of sockets -------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            error = await self._connect_again_and_again()
        except Exception as exc:  # noqa: BLE001  # whoever waits must hear of it
            error = exc
        self._listener.on_end(error)

    async def _connect_again_and_again(self) -> Exception | None:
        attempt, refusals = 0, 0
        while True:
            began = self._loop.time()
            self._listener.on_connecting()
            try:
                await self._once()
                error: Exception | None = None
                refusals = 0
            except TokenError as exc:
                refusals += 1
                if refusals > 1 or not callable(self._source.token):
                    raise
                error = exc
            except (LinkError, OSError) as exc:
                error = exc
            self._listener.on_lost(error)
            if not self._source.reconnect:
                return error
            if error is None and self._loop.time() - began > self._source.backoff.most_ms / 1000:
                attempt = 0  # it had held; one that breaks at once is no reason to hurry
            await asyncio.sleep(self._source.backoff.delay_ms(attempt) / 1000)
            attempt += 1

    async def _once(self) -> None:
        """Connect and read until the connection ends."""
        ticket = await fetch_ticket(self._source.token, self._channel)
        ticket.check(self._channel, None if self._topics is None else sorted(self._topics))
        if self._source.here is not None and not ticket.has_base_url(self._source.api_base_url):
            await self._follow_here(self._source.here())
            return
        socket = await self._open(ticket)
        try:
            await self._read(socket)
        finally:
            socket.close()
        if socket.close_code == 1008:
            raise TokenError(f"the server closed the subscription to {self._channel!r}: {socket.close_reason}")

    async def _follow_here(self, source: Source) -> None:
        topics = None if self._topics is None else sorted(self._topics)
        self._here = source.follow(self._channel, topics, self._since, self._listener, epoch=self._epoch)
        try:
            await asyncio.Event().wait()  # until we are stopped: that connection looks after itself
        finally:
            self._here.stop()

    async def _open(self, ticket: Ticket) -> WebSocketClientConnection:
        from tornado.httpclient import HTTPClientError, HTTPRequest
        from tornado.websocket import websocket_connect

        base = ticket.base_url(self._source.api_base_url)
        query = urlencode({"since": self._since_text(), "datastreams": 1, "batches": 1})
        url = f"{base.replace('http', 'ws', 1)}/v1/realtime/connect?{query}"
        request = HTTPRequest(url, headers={"Authorization": f"Bearer {ticket.key}"}, connect_timeout=_CONNECT_S, request_timeout=_CONNECT_S)  # fmt: skip
        try:
            return await websocket_connect(request, ping_interval=_PING_S, max_message_size=_MAX_FRAME)
        except HTTPClientError as exc:
            if exc.code in (401, 403):
                raise ticket.refused(base, exc.code) from None
            if exc.code in (400, 404, 426):
                raise ChannelError(f"{base} has no realtime API that takes this subscription ({exc.code})") from exc
            raise LinkError(f"{base} did not answer ({exc.code} {exc.message})") from exc
        except OSError as exc:
            raise LinkError(f"{base} cannot be reached: {exc}") from exc

    def _since_text(self) -> str:
        if isinstance(self._since, dict):
            return dt.datetime.fromtimestamp(self._since["us"] / 1e6, dt.UTC).isoformat()
        return str(self._since) if self._epoch is None else f"{self._epoch}.{self._since}"

    # -- frames --------------------------------------------------------------------------------

    async def _read(self, socket: WebSocketClientConnection) -> None:
        said_open = False
        while True:
            await self._gate.wait()
            reading = asyncio.ensure_future(socket.read_message())
            if not said_open:
                done, _ = await asyncio.wait([reading], timeout=_SILENT_S)
                said_open = True
                if not done:
                    self._listener.on_open(None, None)
            frame = await reading
            if frame is None:
                return
            self._heard(frame)

    def _heard(self, frame: str | bytes) -> None:
        """One message, or a list of them: a server of ours sends those."""
        try:
            said = orjson.loads(frame)
        except orjson.JSONDecodeError:
            return  # raw text of `$stream`
        messages: list[dict[str, Any]] = []
        for one in said if isinstance(said, list) else [said]:
            if not isinstance(one, dict) or one.get("channel") != self._channel:
                self._about_nothing(one)
            elif one.get("kind") in ("subscribed", "gap"):
                self._hand_on(messages)
                messages = []
                self._noticed(one["kind"], one["data"])
            else:
                messages.append(one)
        self._hand_on(messages)

    def _about_nothing(self, said: Any) -> None:
        if isinstance(said, dict) and said.get("kind") == "refused":
            _log.warning("the subscription to %r was refused something: %s", self._channel, said.get("data"))

    def _noticed(self, kind: str, about: dict[str, Any]) -> None:
        offset: int = about["offset" if kind == "subscribed" else "to"]
        self._since, self._epoch = offset, about["epoch"]
        if kind == "subscribed":
            self._listener.on_open(offset, self._epoch)
        else:
            self._listener.on_gap(about)

    def _hand_on(self, messages: list[dict[str, Any]]) -> None:
        for said in messages:
            if said.get("offset") is not None:
                self._since, self._epoch = said["offset"] + 1, said.get("epoch", self._epoch)
            if said.get("kind") == "chunk":
                said["kind"] = "data"
        wanted = [said for said in messages if self._wants(said)]
        if wanted:
            self._listener.on_messages(wanted)

    def _wants(self, said: dict[str, Any]) -> bool:
        return self._topics is None or said.get("topic") in self._topics or said.get("kind") in _WHATEVER_THE_TOPIC
