"""One topic of one channel, as the first argument of every publish."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from inngest_nb.errors import ChannelError
from inngest_nb.realtime.names import check_text
from inngest_nb.realtime.schemas import TopicConfig

if TYPE_CHECKING:
    from inngest_nb.realtime.messages import Message

__all__ = ["UNSET", "Publication", "StaticTopic", "Topic", "TopicRef", "as_publication"]

# Invariant on purpose: a covariant T would let a checker widen it until any data fits.
T = TypeVar("T")

#: Stands for "no data was given", which None could not: null is data.
UNSET: Any = object()


@dataclasses.dataclass(frozen=True, slots=True)
class TopicRef(Generic[T]):
    """A topic of a channel: what `chat.status` is.

    >>> ref = TopicRef("agent-chat:t1", "status", TopicConfig(str))
    >>> ref.type
    <class 'str'>
    >>> ref("Thinking...").data
    'Thinking...'
    """

    channel: str
    topic: str
    config: TopicConfig[T]

    def __call__(self, data: T) -> Publication[T]:
        """Pair the topic with `data`, for `ctx.publish(ref(data))`."""
        return Publication(self, data)

    def of(self, message: Message) -> T | None:
        """The data of `message`, if it is one of this topic: how a checker learns its type.

        >>> import datetime
        >>> from inngest_nb.realtime import Message
        >>> ref = TopicRef("agent-chat:t1", "status", TopicConfig(str))
        >>> ref.of(Message(channel="agent-chat:t1", topic="status", data="Done", created_at=datetime.datetime.now(datetime.UTC)))
        'Done'
        """
        is_ours = message.kind == "data" and (message.channel, message.topic) == (self.channel, self.topic)
        return cast("T", message.data) if is_ours else None

    @property
    def type(self) -> type[T]:
        """The type of the topic's data."""
        return self.config.type

    @property
    def label(self) -> str:
        """The topic and its channel as error messages name them."""
        return f"topic {self.topic!r} of channel {self.channel!r}"

    def __repr__(self) -> str:
        return f"TopicRef({self.channel!r}, {self.topic!r})"


#: What a class of channels annotates its topics with: `status: realtime.Topic[Status]`.
Topic = TopicRef


class StaticTopic(TopicRef[T]):
    """As `Topic`, but its data is never validated: `usage: realtime.StaticTopic[Usage]`."""

    __slots__ = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Publication(Generic[T]):
    """A topic and the data to publish there; unpacks as `ref, data`."""

    ref: TopicRef[T]
    data: T

    def __iter__(self) -> Iterator[Any]:
        return iter((self.ref, self.data))


def as_publication(ref: object, data: object = UNSET) -> Publication[Any]:
    """Read the arguments of a publish, either `(ref, data)` or `(ref(data),)`.

    Raises
    ------
    ChannelError
        If they are neither, or the ref was made by hand of what names nothing.
    """
    if isinstance(ref, Publication):
        if data is not UNSET:
            raise ChannelError(
                f"publish got data twice for {ref.ref.label}: give publish(ref, data) or publish(ref(data))"
            )
        data, ref = ref.data, ref.ref
    if not isinstance(ref, TopicRef):
        raise ChannelError(f"publish needs a topic such as chat.status, got {type(ref).__name__} {ref!r:.80}")
    if data is UNSET:
        raise ChannelError(f"publish got no data for {ref.label}: give publish(ref, data) or publish(ref(data))")
    check_text("a channel's name", ref.channel)
    check_text("a topic's name", ref.topic)
    return Publication(ref, data)
