"""`client.realtime`: publishing and subscribing from anywhere."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from inngest_nb.durations import Duration
from inngest_nb.realtime.channels import channel_name, topic_configs, topic_names
from inngest_nb.realtime.codec import Codec
from inngest_nb.realtime.handed_out import SubscriptionToken, Topics, request_of
from inngest_nb.realtime.refs import UNSET, Publication, TopicRef, as_publication
from inngest_nb.realtime.schemas import validate
from inngest_nb.realtime.streams import at_once, is_stream, send_stream
from inngest_nb.realtime.tokens import DEFAULT_LIFETIME
from inngest_nb.worker.context import current_execution, current_step
from inngest_nb.worker.outcome import now_us

if TYPE_CHECKING:
    from inngest_nb.client import Inngest
    from inngest_nb.links.link import Link
    from inngest_nb.realtime.subscription import OnError, OnMessage, Since, Subscription

T = TypeVar("T")


class ClientRealtime:
    """Realtime of one client."""

    def __init__(self, client: Inngest) -> None:
        self._client = client

    @overload
    async def publish(self, ref: TopicRef[T], data: T | AsyncIterable[T]) -> None: ...
    @overload
    async def publish(self, ref: Publication[Any]) -> None: ...
    async def publish(self, ref: Any, data: Any = UNSET) -> None:
        """Publish from anywhere; returns once the message is in the channel's log. Inside a run its id is attached.

        An async iterator is published as a datastream: every piece of it when it comes.

        Raises:
            SchemaError, PayloadError, ChannelError: nothing was sent; the message names field and topic.
        """
        publication = as_publication(ref, data)
        if is_stream(publication.data):
            await send_stream(lambda text, about: self._send(publication.ref, text, about), *publication)
        else:
            await self._send(publication.ref, validate(*publication))

    async def _send(self, ref: TopicRef[Any], text: str, about: dict[str, str] | None = None) -> None:
        message = _message(ref, text) | (about or {})
        await self._client._link().ask("publish", message)  # noqa: SLF001  # its own client

    @overload
    def publish_sync(self, ref: TopicRef[T], data: T) -> None: ...
    @overload
    def publish_sync(self, ref: Publication[Any]) -> None: ...
    def publish_sync(self, ref: Any, data: Any = UNSET) -> None:
        """As `publish`, blocking; what comes piece by piece is for `publish`."""
        publication = at_once(as_publication(ref, data))
        self._client._link().call("publish", _message(publication.ref, validate(*publication)))  # noqa: SLF001

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
        return self._token(link, asked, await link.ask("token", asked))

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
        topics: Iterable[Any] | TopicRef[Any] | None = None,
        since: Since = "now",
        validate: bool = True,
        on_message: OnMessage | None = None,
        on_error: OnError | None = None,
    ) -> Subscription:
        """Follow a channel from `since`: "now", "start", an offset or a datetime.

        With a declared channel and `validate`, data arrives as the topic's type; data that does not fit is reported to
        `on_error`, or logged, and left out. Callbacks may be async; they are called one after the other.
        """
        from inngest_nb.realtime.subscription import Subscription

        link = self._client._link()  # noqa: SLF001  # its own client
        names = topic_names(channel, topics)
        if names is None and link.kind == "inngest":  # which is asked for a token, and a token names its topics
            names = list(topic_configs(channel))
        return Subscription(
            link,
            channel_name(channel),
            names,
            since,
            codec=Codec(channel, validate=validate),
            on_message=on_message,
            on_error=on_error,
        )


def _message(ref: TopicRef[Any], text: str) -> dict[str, Any]:
    message: dict[str, Any] = {"channel": ref.channel, "topic": ref.topic, "data": text, "created_at": now_us()}
    execution, step = current_execution.get(), current_step.get()
    if execution is not None:
        message |= {"run_id": execution.run_id, "fn_id": execution.fn_id}
    if step is not None:
        message |= {"step_id": step.step_id, "attempt": step.attempt, "hash": step.hash}
    return message
