"""Channels and topics, and the messages that flow through them: `from inngest_nb import realtime`."""

from __future__ import annotations

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
    "text_piece",
    "topic",
    "validate",
]
