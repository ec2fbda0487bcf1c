"""`client.realtime`: publishing and subscribing from anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from inngest_nb.durations import Duration
from inngest_nb.realtime.channels import channel_name, topic_names
from inngest_nb.realtime.codec import Codec
from inngest_nb.realtime.handed_out import SubscriptionToken, Topics, request_of
from inngest_nb.realtime.refs import UNSET, as_publication
from inngest_nb.realtime.schemas import validate
from inngest_nb.realtime.subscription import OnError, OnMessage, Since, Subscription
from inngest_nb.realtime.tokens import DEFAULT_LIFETIME
from inngest_nb.worker.context import current_execution, current_step
from inngest_nb.worker.outcome import now_us

if TYPE_CHECKING:
    from inngest_nb.client import Inngest
    from inngest_nb.links.link import Link


class ClientRealtime:
    """Realtime of one client."""

    def __init__(self, client: Inngest) -> None:
        self._client = client

    async def publish(self, ref: Any, data: Any = UNSET) -> None:
        """Publish from anywhere; returns once the message is in the channel's log. Inside a run its id is attached.

        Raises:
            SchemaError, PayloadError, ChannelError: nothing was sent; the message names field and topic.
        """
        await asyncio.wrap_future(self._client._link().request("publish", _message(ref, data)))  # noqa: SLF001  # its own client

    def publish_sync(self, ref: Any, data: Any = UNSET) -> None:
        """As `publish`, blocking."""
        self._client._link().call("publish", _message(ref, data))  # noqa: SLF001

    async def token(
        self, *, channel: Any, topics: Topics = None, expires_in: Duration = DEFAULT_LIFETIME, publish: bool = False
    ) -> SubscriptionToken:
        """A token with which others may read these topics (default: all that are declared) of a channel for a while.

        Args:
            channel: a channel or its name.
            topics: of the channel; a channel that is given by name needs them.
            expires_in: until when the token can be shown, from one second to 30 days.
            publish: whether its holder may publish to these topics as well.

        Raises:
            ChannelError: the channel, a topic or the time is none.
        """
        asked = request_of(channel, topics, expires_in, publish=publish)
        link = self._client._link()  # noqa: SLF001
        return self._token(link, asked, await asyncio.wrap_future(link.request("token", asked)))

    def token_sync(
        self, *, channel: Any, topics: Topics = None, expires_in: Duration = DEFAULT_LIFETIME, publish: bool = False
    ) -> SubscriptionToken:
        """As `token`, blocking."""
        asked = request_of(channel, topics, expires_in, publish=publish)
        link = self._client._link()  # noqa: SLF001
        return self._token(link, asked, link.call("token", asked))

    def _token(self, link: Link, asked: dict[str, Any], made: dict[str, Any]) -> SubscriptionToken:
        url = self._client.api_base_url or made["api_base_url"] or link.url
        return SubscriptionToken(key=made["key"], api_base_url=url, channel=asked["channel"], topics=asked["topics"])

    def subscribe(
        self,
        *,
        channel: Any,
        topics: Iterable[Any] | None = None,
        since: Since = "now",
        validate: bool = True,
        on_message: OnMessage | None = None,
        on_error: OnError | None = None,
    ) -> Subscription:
        """Follow a channel from `since`: "now", "start", an offset or a datetime.

        With a declared channel and `validate`, data arrives as the topic's type; data that does not fit is reported to
        `on_error`, or logged, and left out. Callbacks may be async; they are called one after the other.
        """
        return Subscription(
            self._client._link(),  # noqa: SLF001  # its own client
            channel_name(channel),
            topic_names(channel, topics),
            since,
            codec=Codec(channel, validate=validate),
            on_message=on_message,
            on_error=on_error,
        )


def _message(ref: Any, data: Any) -> dict[str, Any]:
    publication = as_publication(ref, data)
    text = validate(publication.ref, publication.data)
    message: dict[str, Any] = {
        "channel": publication.ref.channel,
        "topic": publication.ref.topic,
        "data": text,
        "created_at": now_us(),
    }
    execution, step = current_execution.get(), current_step.get()
    if execution is not None:
        message |= {"run_id": execution.run_id, "fn_id": execution.fn_id}
    if step is not None:
        message |= {"step_id": step.step_id, "attempt": step.attempt, "hash": step.hash}
    return message
