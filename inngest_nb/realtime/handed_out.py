"""Tokens as programs hand them out: to pages, to other processes, to Inngest's own clients."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from inngest_nb.durations import Duration
from inngest_nb.errors import ChannelError
from inngest_nb.realtime.channels import channel_name, topic_configs, topic_names
from inngest_nb.realtime.refs import TopicRef
from inngest_nb.realtime.tokens import DEFAULT_LIFETIME, lifetime_s

if TYPE_CHECKING:
    from inngest_nb.client import Inngest

__all__ = [
    "ClientSubscriptionToken",
    "SubscriptionToken",
    "get_client_subscription_token",
    "get_subscription_token",
]

Topics = Iterable[str | TopicRef[Any]] | TopicRef[Any] | str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClientSubscriptionToken:
    """What a subscriber needs: the token itself, and where to go with it.

    `key` is a secret: it is not in the repr. `api_base_url` is None where nothing but this process reaches the engine.
    `dict(token)` and `token["key"]` work too.
    """

    key: str = dataclasses.field(repr=False)
    api_base_url: str | None = None

    def keys(self) -> Iterator[str]:
        """The names of the fields."""
        return (field.name for field in dataclasses.fields(self))

    def __getitem__(self, name: str) -> Any:
        """A field by its name."""
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)

    def to_wire(self) -> dict[str, Any]:
        """As JSON for Inngest's JavaScript clients, which write `apiBaseUrl`."""
        wire = {"apiBaseUrl" if name == "api_base_url" else name: self[name] for name in self.keys()}
        return {name: value for name, value in wire.items() if value is not None}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionToken(ClientSubscriptionToken):
    """A token that says also what it is for."""

    channel: str
    topics: list[str]


def request_of(channel: object, topics: Topics, expires_in: Duration, *, publish: bool) -> dict[str, Any]:
    """What the engine is asked for.

    Raises:
        ChannelError: the channel, a topic or the time is none.
    """
    name = channel_name(channel)
    wanted = topic_names(channel, topics)
    if wanted is None:
        wanted = list(topic_configs(channel))
    if not wanted:
        raise ChannelError(f'a token names its topics: pass topics=["…"] with the channel {name!r}')
    lifetime_ms = int(lifetime_s(expires_in) * 1000)
    return {"channel": name, "topics": wanted, "expires_in": lifetime_ms, "publish": publish}


async def get_subscription_token(
    client: Inngest, *, channel: object, topics: Topics = None, expires_in: Duration = DEFAULT_LIFETIME
) -> SubscriptionToken:
    """As `client.realtime.token`, under the name that Inngest's JavaScript SDK has for it."""
    return await client.realtime.token(channel=channel, topics=topics, expires_in=expires_in)


async def get_client_subscription_token(
    client: Inngest, *, channel: object, topics: Topics = None, expires_in: Duration = DEFAULT_LIFETIME
) -> ClientSubscriptionToken:
    """A token for a page that knows channel and topics itself, as `useRealtime` does: `key` and `api_base_url` only."""
    token = await client.realtime.token(channel=channel, topics=topics, expires_in=expires_in)
    return ClientSubscriptionToken(key=token.key, api_base_url=token.api_base_url)
