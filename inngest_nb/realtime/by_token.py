"""`realtime.subscribe`: following a channel with a token, from anywhere, without a client."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from inngest_nb.errors import ChannelError
from inngest_nb.realtime.backoff import Backoff
from inngest_nb.realtime.channels import channel_name, topic_names
from inngest_nb.realtime.codec import Codec
from inngest_nb.realtime.connecting import TokenSource
from inngest_nb.realtime.refs import TopicRef
from inngest_nb.realtime.subscription import OnError, OnMessage, Since, Subscription
from inngest_nb.realtime.tickets import Token, named_channel, ticket_of

__all__ = ["subscribe"]


def subscribe(
    *,
    channel: Any = None,
    topics: Iterable[Any] | TopicRef[Any] | None = None,
    token: Token,
    api_base_url: str | None = None,
    since: Since = "now",
    validate: bool = True,
    reconnect: bool = True,
    reconnect_min_ms: float = 250,
    reconnect_max_ms: float = 5000,
    on_message: OnMessage | None = None,
    on_error: OnError | None = None,
) -> Subscription:
    """Follow a channel with nothing but a token; otherwise as `client.realtime.subscribe`.

    Args:
        channel: an instance or a name; may be left out with a token, not a function, that was made for one channel.
        topics: some of those that the token is for; None for all of them.
        token: what `client.realtime.token` returns, or a function, async or not, that fetches it. It is called for every
            connection, on a thread of its own if it is not async; a token that is not fetched serves until it ends and the
            connection breaks.
        api_base_url: where the token is from, if it does not say so itself: the address of the Jupyter server, with its
            base URL.
        since: "now", "start", an offset or a datetime.
        validate: whether data must fit the topics of a declared channel, and becomes their types.
        reconnect: whether a broken connection is made again, going on where it broke.
        reconnect_min_ms: first delay, doubled with every attempt.
        reconnect_max_ms: longest delay.
        on_message: called with every message, instead of a loop.
        on_error: called with data that does not fit, and with what callbacks raise.

    Raises:
        ChannelError: the channel or the token is none.
        TokenError: where it is read or awaited: the server refuses the token, or it is for something else.
    """
    if not callable(token):
        ticket = ticket_of(token)
        channel = channel if channel is not None else ticket.channel or named_channel(ticket)
    if channel is None:
        raise ChannelError("subscribe needs a channel, or a token that was made for one channel")
    backoff = Backoff(least_ms=reconnect_min_ms, most_ms=reconnect_max_ms)
    return Subscription(
        TokenSource(token=token, api_base_url=api_base_url, reconnect=reconnect, backoff=backoff),
        channel_name(channel),
        topic_names(channel, topics),
        since,
        codec=Codec(channel, validate=validate),
        on_message=on_message,
        on_error=on_error,
    )
