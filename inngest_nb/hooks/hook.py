"""The hook itself: options in, attributes out, one subscription at a time in between.

Everything that changes attributes happens on the loop of the hook's home.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from traitlets import Any as AnyTrait
from traitlets import Bool, Enum, Instance

from inngest_nb.errors import ChannelError, InngestError, LinkError
from inngest_nb.hooks.callbacks import Callbacks
from inngest_nb.hooks.connection import Connection, ConnectionEvent, after, shown
from inngest_nb.hooks.home import Home
from inngest_nb.hooks.options import Options
from inngest_nb.hooks.state import TERMINAL, HookState, Messages, flush, receive
from inngest_nb.links import current_link
from inngest_nb.realtime.backoff import Backoff
from inngest_nb.realtime.channels import channel_name, topic_names
from inngest_nb.realtime.codec import Codec
from inngest_nb.realtime.connecting import TokenSource
from inngest_nb.realtime.following import Listener, Paced, Shared, Source
from inngest_nb.realtime.messages import Message
from inngest_nb.realtime.refs import TopicRef
from inngest_nb.realtime.subscription import Since, Subscription
from inngest_nb.realtime.tickets import Ticket, Token, fetch_ticket, named_channel

if TYPE_CHECKING:
    from inngest_nb.client import Inngest

HELD = 1_024  # messages kept for a hook that nobody sees; beyond that they wait in the channel's log
_RESETTING = ("channel", "topics", "key")
_RECONNECTING = ("token", "api_base_url", "validate", "reconnect", "reconnect_min_ms", "reconnect_max_ms")
_SHOWING = ("visible", "pause_on_hidden", "auto_close_on_terminal", "buffer_interval")


class Realtime(Options):
    """What `use_realtime` returns: options that may be set, and attributes to read and `observe`."""

    connection_status = Enum(["idle", "connecting", "open", "paused", "closed", "error"], "idle", read_only=True)
    run_status = Enum(["unknown", "running", "completed", "failed", "cancelled"], "unknown", read_only=True)
    is_paused = Bool(False, read_only=True)
    pause_reason = Enum(["hidden", "disabled"], None, allow_none=True, read_only=True)
    messages = Instance(Messages, args=(), read_only=True)
    result = AnyTrait(None, allow_none=True, read_only=True)
    error = Instance(Exception, allow_none=True, read_only=True)

    def __init__(
        self,
        *,
        client: Inngest | None = None,
        since: Since = "now",
        on_message: Callable[[Message], Any] | None = None,
        on_error: Callable[[Exception], Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._client, self._since = client, since
        self._callbacks = Callbacks(on_message, on_error)
        self._state, self._connection = HookState(), Connection()
        self._place: tuple[int, int | None] | None = None  # offset and epoch to go on from
        self._is_over = self._has_given_up = False  # for good; or until somebody wants it again
        self._subscription: Subscription | None = None
        self._turn: object = None  # stands for the connection of now
        self._reading: asyncio.Task[None] | None = None
        self._flushing: asyncio.TimerHandle | None = None
        self._seen = asyncio.Event()
        self._identity: Any = self._identify()
        self._home = Home()
        self.observe(lambda change: self._home.run(self._identity_changed), _RESETTING)
        self.observe(lambda change: self._home.run(self._restart), _RECONNECTING)
        self.observe(lambda change: self._home.run(self._want), "enabled")
        self.observe(lambda change: self._home.run(self._update), _SHOWING)
        self._home.run_now(self._update)

    # -- for users -----------------------------------------------------------------------------

    def reset(self) -> None:
        """Forget messages, result and run; a hook that was closed goes on with what has come since."""
        self._home.run(self._reset)

    def close(self) -> None:
        """Follow the channel no longer."""
        self._home.run(self._finish)

    def __repr__(self) -> str:
        return f"<Realtime {self.connection_status}, run {self.run_status}, {self.messages!r}>"

    # -- what options ask for ------------------------------------------------------------------

    def _identify(self) -> Any:
        name = None if self.channel is None else channel_name(self.channel)
        return name, None if name is None else topic_names(self.channel, self.topics), self.key

    def _identity_changed(self) -> None:
        identity = self._identify()
        if identity != self._identity:
            self._identity, self._place = identity, None
            self._stop()
            self._reset()

    def _reset(self) -> None:
        self._state, self._is_over, self._has_given_up = HookState(), False, False
        self._connection = self._connection._replace(error=None)
        self._update()

    def _restart(self) -> None:
        self._stop()
        self._want()

    def _want(self) -> None:
        self._has_given_up = False
        self._update()

    def _finish(self) -> None:
        self._is_over = True
        self._update()

    def _update(self) -> None:
        """Make the connection what the options want, and show how things are."""
        if self._state.run_status in TERMINAL and self.auto_close_on_terminal:
            self._is_over = True
        wanted = self.enabled and not self._is_over and not self._has_given_up
        if wanted and self._turn is None:
            self._begin()
        elif not wanted:
            self._stop()
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if not self._is_hidden:
            self._seen.set()
            if self.buffer_interval <= 0:
                self._flush()
            elif self._state.buffer:
                self._flush_later()
        self._show()

    def _stop(self) -> None:
        if self._turn is None:
            self._connection = (
                after(self._connection, "stop") if self._connection.status != "idle" else self._connection
            )
            return
        reading, self._turn, self._reading = self._reading, None, None
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
        if reading is not None and reading is not asyncio.current_task():
            reading.cancel()
        self._flush()
        self._connection = after(self._connection, "stop")

    # -- the subscription ----------------------------------------------------------------------

    def _begin(self) -> None:
        """Subscribe before anything else happens, so that what is published from now on is seen."""
        self._turn = object()
        self._told(self._turn, "begin")
        try:
            if self.channel is not None:
                self._subscription = self._subscribe(self._turn, self.channel, self.topics)
        except InngestError as exc:
            self._told(self._turn, "end", exc)
            return
        self._reading = self._home.loop.create_task(self._read(self._turn))

    async def _read(self, turn: object) -> None:
        try:
            self._subscription = self._subscription or await self._subscribe_by_token(turn)
            async for message in self._subscription:
                if self._connection.status == "connecting":
                    await asyncio.sleep(0)  # that it is open was said before the message, and is to be seen before it
                if self._turn is not turn:
                    return
                await self._received(message)
        except Exception as exc:  # noqa: BLE001  # of the user's token function, say: it must be seen
            self._told(turn, "end", exc)

    async def _subscribe_by_token(self, turn: object) -> Subscription:
        ticket = await self._fetch_ticket(turn) if self.token is not None else None
        channel = None if ticket is None else ticket.channel or named_channel(ticket)
        if ticket is None or channel is None:
            raise ChannelError("use_realtime needs a channel, or a token that was made for one")
        return self._subscribe(turn, channel, self.topics or ticket.topics)

    async def _fetch_ticket(self, turn: object) -> Ticket:
        attempt = 0
        while True:
            try:
                return await fetch_ticket(self.token)
            except LinkError as exc:
                if not self.reconnect:
                    raise
                self._told(turn, "lost", exc)
            await asyncio.sleep(self._backoff.delay_ms(attempt) / 1000)
            attempt += 1
            self._told(turn, "begin")

    def _subscribe(self, turn: object, channel: Any, topics: Any) -> Subscription:
        since, epoch = self._place or (self._since, None)
        return Subscription(
            self._source(),
            channel_name(channel),
            topic_names(channel, topics),
            since,
            epoch=epoch,
            codec=Codec(channel, validate=self.validate),
            on_error=self._callbacks.failed,
            status=self._listener(turn),
        )

    @property
    def _backoff(self) -> Backoff:
        return Backoff(least_ms=self.reconnect_min_ms, most_ms=self.reconnect_max_ms)

    def _source(self) -> Source:
        backoff = self._backoff
        if self.token is None:
            return Paced(self._engine(), backoff)
        return TokenSource(
            token=self.token,
            api_base_url=self.api_base_url,
            reconnect=self.reconnect,
            backoff=backoff,
            here=lambda: Paced(self._engine(), backoff),
        )

    def _engine(self) -> Shared:
        return current_link() if self._client is None else self._client._link()  # noqa: SLF001  # the hook of this client

    def _listener(self, turn: object) -> Listener:
        def tell(event: ConnectionEvent, error: Exception | None = None) -> None:
            self._home.post(lambda: self._told(turn, event, error))

        return Listener(
            on_connecting=lambda: tell("begin"),
            on_open=lambda offset, epoch: self._home.post(lambda: self._opened(turn, offset, epoch)),
            on_lost=lambda error: tell("lost", error),
            on_end=lambda error: tell("end", error),
        )

    def _opened(self, turn: object, offset: int | None, epoch: int | None) -> None:
        if self._turn is turn and offset is not None:
            self._place = (offset if self._place is None else self._place[0], epoch)
        self._told(turn, "open")

    def _told(self, turn: object, event: ConnectionEvent, error: Exception | None = None) -> None:
        """Something happened to a connection, which is of no interest if it is not ours any more."""
        if self._turn is not turn:
            return
        if event == "lost" and self._connection.status == "connecting":
            event = "failed"
        self._connection = after(self._connection, event, error)
        if event in ("lost", "failed") and not self.reconnect:
            self._has_given_up = True
            self._stop()
        self._show()

    # -- messages ------------------------------------------------------------------------------

    async def _received(self, message: Message) -> None:
        if message.offset is not None and message.kind != "gap":
            self._place = (message.offset + 1, self._place[1] if self._place else None)
        buffered = self._is_hidden or self.buffer_interval > 0
        self._state = receive(self._state, message, limit=self.history_limit, is_buffered=buffered)
        if self.buffer_interval > 0 and not self._is_hidden:
            self._flush_later()
        self._show()
        await self._callbacks.heard(message)
        if self._state.run_status in TERMINAL and self.auto_close_on_terminal:
            self._finish()
        while self._is_hidden and len(self._state.buffer) >= HELD:
            self._seen.clear()
            await self._seen.wait()

    def _flush_later(self) -> None:
        if self._flushing is None:
            self._flushing = self._home.loop.call_later(self.buffer_interval / 1000, self._flush_now)

    def _flush_now(self) -> None:
        self._flushing = None
        if not self._is_hidden:
            self._flush()
            self._show()

    def _flush(self) -> None:
        self._state = flush(self._state, limit=self.history_limit)

    # -- showing -------------------------------------------------------------------------------

    @property
    def _is_hidden(self) -> bool:
        return self.pause_on_hidden and not self.visible

    def _show(self) -> None:
        status, reason = shown(
            self._connection, enabled=self.enabled, hidden=self._is_hidden and self._turn is not None
        )
        values: dict[str, Any] = {
            "connection_status": status,
            "is_paused": status == "paused",
            "pause_reason": reason,
            "error": self._connection.error,
        }
        if not self._is_hidden:
            state = self._state
            values |= {"messages": state.messages, "result": state.result, "run_status": state.run_status}
        try:
            with self.hold_trait_notifications():
                for name, value in values.items():
                    self.set_trait(name, value)
        except Exception as exc:  # noqa: BLE001  # an observer that fails must not stop the others
            self._callbacks.failed(exc)


def _kept(topics: Any) -> Any:
    """Topics that can be read more than once."""
    return list(topics) if isinstance(topics, Iterable) and not isinstance(topics, str) else topics


def use_realtime(
    channel: Any = None,
    topics: Iterable[Any] | TopicRef[Any] | None = None,
    *,
    token: Token | None = None,
    key: str | None = None,
    enabled: bool = True,
    validate: bool = True,
    history_limit: int | None = 100,
    buffer_interval: float = 0,
    api_base_url: str | None = None,
    reconnect: bool = True,
    reconnect_min_ms: float = 250,
    reconnect_max_ms: float = 5000,
    pause_on_hidden: bool = True,
    auto_close_on_terminal: bool = True,
    on_message: Callable[[Message], Any] | None = None,
    on_error: Callable[[Exception], Any] | None = None,
    since: Since = "now",
    client: Inngest | None = None,
) -> Realtime:
    """Follow a channel and have its state as attributes that change by themselves and can be observed.

    Options may be set later too, as attributes of what is returned.

    Args:
        channel: an instance or a name; may be left out with a token that was made for one.
        topics: None for all.
        token: what `client.realtime.token` returns, or a function, async or not, that fetches it, for every connection.
            Without one the engine of this process or of its Jupyter server is asked.
        key: another one forgets everything and connects anew.
        enabled: False pauses; what is published meanwhile comes afterwards.
        validate: whether data must fit the topics of a declared channel, and becomes their types.
        history_limit: how many messages `messages.all` keeps; None for all of them.
        buffer_interval: milliseconds in which messages are gathered before they are shown.
        api_base_url: where the token is from, if it does not say so itself.
        reconnect: whether a broken connection is made again.
        reconnect_min_ms: first delay, doubled with every attempt.
        reconnect_max_ms: longest delay.
        pause_on_hidden: while `visible` is False attributes stand still; messages are delivered all the same.
        auto_close_on_terminal: close when a run of the channel has ended.
        on_message: called with every message, after the attributes have changed.
        on_error: called with data that does not fit, and with what callbacks raise; otherwise that is logged.
        since: where to begin.
        client: whose engine, without a token; default the one that was used last.

    Raises:
        ChannelError: the channel is no instance, or does not have these topics.
    """
    if enabled and channel is None and token is None:
        raise ChannelError("use_realtime needs a channel, or a token that was made for one")
    return Realtime(
        channel=channel, topics=_kept(topics), token=token, key=key, enabled=enabled,
        validate=validate, history_limit=history_limit, buffer_interval=buffer_interval, api_base_url=api_base_url,
        reconnect=reconnect, reconnect_min_ms=reconnect_min_ms, reconnect_max_ms=reconnect_max_ms,
        pause_on_hidden=pause_on_hidden, auto_close_on_terminal=auto_close_on_terminal, on_message=on_message,
        on_error=on_error, since=since, client=client,
    )  # fmt: skip
