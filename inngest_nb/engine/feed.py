"""What the holder of tokens follows: one cursor for each channel, in Inngest's frames, at the pace the connection takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from inngest_nb.clock import Clock
from inngest_nb.engine.authority import Authority
from inngest_nb.errors import ChannelError, TokenError
from inngest_nb.hub import Hub, Subscription
from inngest_nb.hub.frames import encoder, notice
from inngest_nb.hub.log import Entry
from inngest_nb.hub.positions import Start
from inngest_nb.realtime.tokens import Claims, TopicClaim

MAX_CHANNELS = 1000
MAX_TOKENS = 1000


class Frame(NamedTuple):
    """A text to send, and the offset to go on from behind it."""

    following: int
    text: bytes
    kind: str = ""  # of the message; a notice has none


Send = Callable[[str, int, list[Frame]], Awaitable[None]]


class Feed:
    """Pumps channels into `send(channel, epoch, frames)`, which is awaited: that is the flow control.

    With `recheck`, tokens are checked again when they end and with every call of `check`: what no valid token allows any
    more is not sent any more, and with the last one `ended` is called with the reason.
    """

    def __init__(
        self,
        hub: Hub,
        authority: Authority,
        send: Send,
        *,
        start: Start,
        streams: bool = False,
        recheck: bool = False,
        ended: Callable[[str], None],
    ) -> None:
        self._hub, self._authority, self._send, self._ended = hub, authority, send, ended
        self._start, self._streams, self._recheck = start, streams, recheck
        self._clock, self._loop = Clock(), asyncio.get_running_loop()
        self.was_asked = False  # for any topic, even one that never gets messages
        self._tokens: dict[str, Claims] = {}
        self._following: dict[str, tuple[Subscription, asyncio.Task[None]]] = {}
        self._joined: dict[tuple[str, str], int] = {}  # topics that came later: the offset that was the next then
        self._begun: set[str] = set()  # channels that were followed once: again means from now on
        self._timer: asyncio.TimerHandle | None = None
        self._turn = asyncio.Lock()  # one batch at a time is made for a connection, however many channels it follows

    # -- topics ----------------------------------------------------------------------------------

    @property
    def channels(self) -> frozenset[str]:
        """The channels that are followed."""
        return frozenset(self._following)

    def admit(self, token: str) -> None:
        """Follow what this token allows too.

        Raises:
            TokenError: it allows nothing.
            ChannelError: that would be too many channels for one connection.
        """
        claims = self._authority.verify(token)
        wanted = claims.channels()
        self.was_asked = self.was_asked or bool(claims.topics)
        if len(self._following.keys() | wanted.keys()) > MAX_CHANNELS or len(self._tokens) >= MAX_TOKENS:
            raise ChannelError(f"one connection follows at most {MAX_CHANNELS} channels, by {MAX_TOKENS} tokens")
        if self._recheck:
            self._tokens[token] = claims
            self._check_later()
        for channel, topics in wanted.items():
            self._follow(channel, topics)

    def drop(self, topics: Iterable[TopicClaim]) -> None:
        """Follow these topics no more; they must be named exactly as their token does."""
        for topic in topics:
            if topic.delivers and topic.channel in self._following:
                subscription, _ = self._following[topic.channel]
                self._keep(topic.channel, (subscription.topics or frozenset()) - {topic.name})

    def _follow(self, channel: str, topics: set[str]) -> None:
        if channel in self._following:
            subscription, _ = self._following[channel]
            known = subscription.topics or frozenset()
            self._joined.update({(channel, topic): subscription.visible for topic in topics - known})
            subscription.topics = known | topics
            return
        since, epoch = ("now", None) if channel in self._begun else self._start.of(channel)
        self._begun.add(channel)
        frames = encoder(self._hub.log(channel).epoch, streams=self._streams)

        def encode(entry: Entry) -> Frame | None:
            if entry.offset < self._joined.get((channel, entry.publish.topic), 0):
                return None
            frame = frames(entry)
            return None if frame is None else Frame(entry.offset + 1, frame, entry.publish.kind)

        subscription = self._hub.subscribe(channel, topics, since, epoch, encode)
        self._following[channel] = subscription, self._loop.create_task(self._pump(channel, subscription))

    def _keep(self, channel: str, topics: frozenset[str]) -> None:
        subscription, pump = self._following[channel]
        subscription.topics = topics
        if not topics:
            del self._following[channel]
            pump.cancel()

    # -- messages --------------------------------------------------------------------------------

    async def _pump(self, channel: str, subscription: Subscription) -> None:
        log = subscription.log
        try:
            await subscription.kept()
            begin = {"epoch": log.epoch, "first": log.first, "offset": subscription.cursor}
            await self._tell(channel, subscription, "subscribed", begin)
            while True:
                await subscription.wait()
                async with self._turn:
                    batch = await subscription.next_batch()
                    if batch.lost or batch.reset:
                        gap = {"epoch": log.epoch, "from": batch.gap_from, "to": batch.next, "lost": batch.lost}
                        gap |= {"reset": True} if batch.reset else {}
                        await self._tell(channel, subscription, "gap", gap)
                    if batch.messages:
                        await self._send(channel, log.epoch, batch.messages)
        finally:
            subscription.close()

    async def _tell(self, channel: str, subscription: Subscription, kind: str, data: dict[str, int]) -> None:
        frame = notice(kind, data, channel=channel, created_at=self._clock.now())
        await self._send(channel, subscription.log.epoch, [Frame(subscription.cursor, frame)])

    # -- life ------------------------------------------------------------------------------------

    def check(self) -> None:
        """Check the tokens again, if that was asked for."""
        if not self._recheck or not self._tokens:
            return
        reason, allowed = "", dict[str, set[str]]()
        for token in list(self._tokens):
            try:
                claims = self._authority.verify(token)
            except TokenError as exc:
                reason = exc.message
                del self._tokens[token]
                continue
            for channel, topics in claims.channels().items():
                allowed.setdefault(channel, set()).update(topics)
        for channel in list(self._following):
            subscription, _ = self._following[channel]
            self._keep(channel, (subscription.topics or frozenset()) & allowed.get(channel, set()))
        if self._tokens:
            self._check_later()
        else:
            self._ended(reason)

    def _check_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        ends = min(claims.expires_at for claims in self._tokens.values())
        self._timer = self._loop.call_later(max(0.0, ends - self._clock.now() / 1e6) + 0.001, self.check)

    def close(self) -> None:
        """Follow nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        for _, pump in self._following.values():
            pump.cancel()
        self._following.clear()
