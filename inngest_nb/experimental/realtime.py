"""Publishing to channels named by text, as the official SDK's preview does; `client.realtime` does more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inngest_nb.errors import LinkError
from inngest_nb.realtime.refs import TopicRef
from inngest_nb.realtime.schemas import StaticSchema, TopicConfig

if TYPE_CHECKING:
    from inngest_nb.client import Inngest

__all__ = ["get_subscription_token", "get_subscription_token_sync", "publish", "publish_sync"]

_ANYTHING: TopicConfig[Any] = TopicConfig(StaticSchema(object))
_NO_TOKENS = (
    "the engine of {client!r} does not mint subscription tokens; views of this package and client.realtime.subscribe need none "
    "(channel {channel!r}, topics {topics!r})"
)


async def publish(client: Inngest, channel: str, topic: str, data: Mapping[str, object]) -> None:
    """Publish to a topic of a channel, at once and without memo.

    Raises:
        PayloadError: the data is too large or is not JSON; nothing was sent.
    """
    await client.realtime.publish(TopicRef(channel, topic, _ANYTHING), data)


def publish_sync(client: Inngest, channel: str, topic: str, data: Mapping[str, object]) -> None:
    """As `publish`, blocking."""
    client.realtime.publish_sync(TopicRef(channel, topic, _ANYTHING), data)


async def get_subscription_token(client: Inngest, channel: str, topics: list[str]) -> Mapping[str, object]:
    """A token with which a browser may subscribe.

    Raises:
        LinkError: this engine has none.
    """
    return get_subscription_token_sync(client, channel, topics)


def get_subscription_token_sync(client: Inngest, channel: str, topics: list[str]) -> Mapping[str, object]:
    """As `get_subscription_token`, blocking."""
    raise LinkError(_NO_TOKENS.format(client=client, channel=channel, topics=topics))
