"""One subscription of a link: it remembers how far it has come, so that a new connection can go on there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from inngest_nb.errors import ChannelError
from inngest_nb.protocol import Message
from inngest_nb.realtime.backoff import Backoff
from inngest_nb.realtime.following import Listener, Place

if TYPE_CHECKING:
    from inngest_nb.links.link import Link


@dataclass(slots=True, eq=False)
class Following:
    """A `Followed` over a link. While it is paused the engine does not know of it."""

    link: Link
    id: str
    channel: str
    topics: list[str] | None
    since: Place
    listener: Listener
    epoch: int | None = None
    backoff: Backoff | None = None  # without one it returns with the connection
    due: float = 0.0  # when, by the connection's loop, it wants to return
    _losses: int = 0

    def message(self) -> Message:
        """The subscribe message."""
        return {
            "op": "subscribe",
            "id": self.id,
            "channel": self.channel,
            "topics": self.topics,
            "since": self.since,
            "epoch": self.epoch,
        }

    def heard(self, message: Message) -> None:
        """The engine said something about it."""
        match message["op"]:
            case "messages":
                self.since = message["next"]
                self.listener.on_messages(_parsed(message["messages"]))
            case "gap":
                self.since = message["to"]
                self.listener.on_gap(message)
            case "subscribed":
                self.epoch, self.since = message["epoch"], message["next"]
                self._losses = 0
                self.listener.on_open(message["next"], message["epoch"])
            case _:
                self.stop()
                self.listener.on_end(ChannelError(message["error"]))

    def lost(self, now: float, error: Exception | None) -> None:
        """The connection broke, or could not be made again when this one was due."""
        if self.due > now:
            return
        if self.backoff is not None:
            self.due = now + self.backoff.delay_ms(self._losses) / 1000
            self._losses += 1
        self.listener.on_lost(error)

    def pause(self) -> None:
        """Bring nothing until `resume`; the place is kept."""
        self.link.unfollow(self)

    def resume(self) -> None:
        """Go on where `pause` stopped."""
        self.link.begin(self)

    stop = pause


def _parsed(messages: list[Any]) -> list[dict[str, Any]]:
    return [orjson.loads(message) if isinstance(message, bytes) else message for message in messages]
