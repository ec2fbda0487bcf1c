"""Publishing to channels named by text, as the official SDK's preview does; `client.realtime` does more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inngest_nb.realtime.handed_out import SubscriptionToken
from inngest_nb.realtime.refs import TopicRef
from inngest_nb.realtime.schemas import StaticSchema, TopicConfig

if TYPE_CHECKING:
    from inngest_nb.client import Inngest

__all__ = ["get_subscription_token", "get_subscription_token_sync", "publish", "publish_sync"]

_ANYTHING: TopicConfig[Any] = TopicConfig(StaticSchema(object))


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
    """A token with which a browser may subscribe for the next minute: `channel`, `topics` and `key`.

    Raises:
        ChannelError: it names no channel or no topics.
    """
    return _plain(await client.realtime.token(channel=channel, topics=topics))


def get_subscription_token_sync(client: Inngest, channel: str, topics: list[str]) -> Mapping[str, object]:
    """As `get_subscription_token`, blocking."""
    return _plain(client.realtime.token_sync(channel=channel, topics=topics))


def _plain(token: SubscriptionToken) -> Mapping[str, object]:
    return {"channel": token.channel, "topics": token.topics, "key": token.key}
