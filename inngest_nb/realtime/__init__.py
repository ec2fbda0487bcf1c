"""Channels and topics, and the messages that flow through them: `from inngest_nb import realtime`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_nb.realtime.channels import (
    BoundChannel,
    ChannelDefinition,
    ChannelInstance,
    StaticChannel,
    TopicDefinition,
    channel,
    topic,
)
from inngest_nb.realtime.declared import Channel
from inngest_nb.realtime.handed_out import (
    ClientSubscriptionToken,
    SubscriptionToken,
    get_client_subscription_token,
    get_subscription_token,
)
from inngest_nb.realtime.messages import Message, MessageKind, fold_rollbacks, text_piece
from inngest_nb.realtime.refs import Publication, StaticTopic, Topic, TopicRef
from inngest_nb.realtime.schemas import StaticSchema, TopicConfig, static_schema, validate

if TYPE_CHECKING:
    from inngest_nb.hooks import use_realtime
    from inngest_nb.realtime.by_token import subscribe
    from inngest_nb.realtime.subscription import Subscription

__all__ = [
    "BoundChannel",
    "Channel",
    "ChannelDefinition",
    "ChannelInstance",
    "ClientSubscriptionToken",
    "Message",
    "MessageKind",
    "Publication",
    "StaticChannel",
    "StaticSchema",
    "StaticTopic",
    "Subscription",
    "SubscriptionToken",
    "Topic",
    "TopicConfig",
    "TopicDefinition",
    "TopicRef",
    "channel",
    "fold_rollbacks",
    "get_client_subscription_token",
    "get_subscription_token",
    "static_schema",
    "subscribe",
    "text_piece",
    "topic",
    "use_realtime",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Load on first use what only subscribers need: sockets, readers, and for the hook traitlets."""
    if name == "use_realtime":
        from inngest_nb.hooks import use_realtime

        return use_realtime
    if name == "subscribe":
        from inngest_nb.realtime.by_token import subscribe

        return subscribe
    if name == "Subscription":
        from inngest_nb.realtime.subscription import Subscription

        return Subscription
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
