"""What a subscription asks of a connection, and what the connection tells it: the seam between the two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from inngest_nb.realtime.backoff import Backoff

#: Where to begin: "now", "start", an offset, or {"us": microseconds since the epoch}.
Place = str | int | dict[str, int]


def _ignore(*_: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who is told about one followed channel. All calls come from the connection's thread and must return at once."""

    on_messages: Callable[[list[dict[str, Any]]], None] = _ignore
    #: {"from", "to", "lost", "reset"?}: messages that are gone for ever.
    on_gap: Callable[[dict[str, Any]], None] = _ignore
    #: (offset of the next message, epoch): what follows begins there. Again after every reconnect.
    on_open: Callable[[int | None, int | None], None] = _ignore
    #: The connection is being made, for the first time or again.
    on_connecting: Callable[[], None] = _ignore
    #: The connection broke, with an error if it is known; it is tried again.
    on_lost: Callable[[Exception | None], None] = _ignore
    #: Nothing more will come, because of an error unless it is None.
    on_end: Callable[[Exception | None], None] = _ignore


class Followed(Protocol):
    """A channel that is being followed. Methods may be called from any thread and return at once."""

    def pause(self) -> None:
        """Bring nothing until `resume`; the place is kept."""

    def resume(self) -> None:
        """Go on where `pause` stopped."""

    def stop(self) -> None:
        """Bring nothing more."""


class Source(Protocol):
    """A connection, as subscriptions need it."""

    def follow(
        self, channel: str, topics: list[str] | None, since: Place, listener: Listener, *, epoch: int | None = None
    ) -> Followed:
        """Follow a channel, across reconnects."""
        ...


class Shared(Source, Protocol):
    """A connection of many, which is made again for all of them; each may have a pace of its own."""

    def follow(
        self,
        channel: str,
        topics: list[str] | None,
        since: Place,
        listener: Listener,
        *,
        epoch: int | None = None,
        backoff: Backoff | None = None,
    ) -> Followed:
        """Follow a channel; when the connection breaks it is tried again for this one after the delays of `backoff`."""
        ...


@dataclass(frozen=True, slots=True)
class Paced:
    """A `Source` whose followers return at a pace of their own."""

    source: Shared
    backoff: Backoff

    def follow(
        self, channel: str, topics: list[str] | None, since: Place, listener: Listener, *, epoch: int | None = None
    ) -> Followed:
        """Follow a channel, across reconnects."""
        return self.source.follow(channel, topics, since, listener, epoch=epoch, backoff=self.backoff)
