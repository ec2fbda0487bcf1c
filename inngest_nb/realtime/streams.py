"""Datastreams: an async iterator that is published piece by piece, and read as one again."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import orjson

from inngest_nb.errors import PayloadError
from inngest_nb.realtime.messages import Message, execution_of
from inngest_nb.realtime.refs import Publication, TopicRef
from inngest_nb.realtime.schemas import validate

if TYPE_CHECKING:
    from inngest_nb.realtime.subscription import Subscription

__all__ = ["Stream", "at_once", "is_stream", "send_stream"]

_ENDED = frozenset({"completed", "failed", "cancelled"})
#: Sends JSON text with more fields of the message.
Send = Callable[[str, dict[str, str]], Awaitable[Any]]


def is_stream(data: object) -> bool:
    """Whether data is to be published piece by piece."""
    return isinstance(data, AsyncIterable)


def at_once(publication: Publication[Any]) -> Publication[Any]:
    """Return what is to be published in one piece.

    Raises:
        PayloadError: it is an async iterator.
    """
    if is_stream(publication.data):
        raise PayloadError(
            f"data for {publication.ref.label} is an async iterator, which is published piece by piece: "
            "await ctx.publish(ref, data) or client.realtime.publish(ref, data)"
        )
    return publication


async def send_stream(send: Send, ref: TopicRef[Any], pieces: AsyncIterable[Any]) -> str:
    """Send what comes, between two marks; each piece must fit the topic. Returns the stream's id."""
    stream_id = uuid.uuid4().hex
    mark = orjson.dumps(stream_id).decode()
    await send(mark, {"kind": "datastream-start"})
    try:
        async for piece in pieces:
            await send(validate(ref, piece), {"stream_id": stream_id})
    finally:
        await send(mark, {"kind": "datastream-end"})
    return stream_id


class Stream:
    """The pieces of one datastream, from the first one on, each time that it is iterated, with `async for` or `for`.

    It ends where its publisher ended it; also where the attempt that published it is rolled back, or its run ends.
    """

    def __init__(self, subscription: Subscription, start: Message) -> None:
        self._subscription, self._start = subscription, start

    @property
    def id(self) -> str:
        """The `stream_id` of its pieces."""
        return str(self._start.data)

    def _open(self) -> Subscription:
        return self._subscription.beside(self._start.topic, (self._start.offset or 0) + 1)

    async def __aiter__(self) -> AsyncIterator[Any]:
        with self._open() as messages:
            async for message in messages:
                if self._is_end(message):
                    return
                if message.stream_id == self.id:
                    yield message.data

    def __iter__(self) -> Iterator[Any]:
        with self._open() as messages:
            for message in messages:
                if self._is_end(message):
                    return
                if message.stream_id == self.id:
                    yield message.data

    def _is_end(self, message: Message) -> bool:
        match message.kind:
            case "datastream-end":
                return bool(message.data == self.id)
            case "rollback":
                return execution_of(message) == execution_of(self._start)
            case "run":
                return message.run_id == self._start.run_id and message.data.get("status") in _ENDED
        return False

    def __repr__(self) -> str:
        return f"<Stream {self.id} of {self._start.channel} {self._start.topic}>"
