"""Messages as subscribers see them, and what of them stands after rollbacks."""

from __future__ import annotations

import dataclasses
import datetime as dt
import reprlib
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from inngest_nb.realtime.streams import Stream

__all__ = ["Message", "MessageKind", "execution_of", "fold_rollbacks", "standing", "text_piece"]

MessageKind = Literal["data", "run", "step", "rollback", "commit", "gap", "datastream-start", "datastream-end", "raw"]

#: Fields of an object that carry a piece of streamed text, in the order in which they are looked for.
TEXT_FIELDS = ("token", "text", "content", "delta")

_OPTIONAL = ("run_id", "fn_id", "step_id", "attempt", "stream_id", "metadata")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a channel.

    `offset` counts from 0 in each channel; it is None where the engine has none (a real Inngest server). A piece of a stream
    has the `stream_id` that is the data of the stream's `datastream-start` and `datastream-end`.
    """

    channel: str
    topic: str
    data: Any
    kind: MessageKind = "data"
    run_id: str | None = None
    fn_id: str | None = None
    step_id: str | None = None
    attempt: int | None = None
    created_at: dt.datetime
    offset: int | None = None
    stream_id: str | None = None
    metadata: Any = None
    #: Of a `datastream-start`: its pieces, to be iterated.
    stream: Stream | None = dataclasses.field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.created_at.tzinfo is None:
            raise ValueError(f"created_at of a message has no time zone: {self.created_at!r}")

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any], *, load: Callable[[Any], Any] | None = None) -> Message:
        """Read a message as frames carry it, its data with `load`; keys that it does not know are ignored."""
        data = wire.get("data")
        return cls(
            channel=wire["channel"],
            topic=wire["topic"],
            data=data if load is None else load(data),
            kind=wire.get("kind", "data"),
            run_id=wire.get("run_id"),
            fn_id=wire.get("fn_id"),
            step_id=wire.get("step_id"),
            attempt=wire.get("attempt"),
            created_at=dt.datetime.fromisoformat(wire["created_at"]),
            offset=wire.get("offset"),
            stream_id=wire.get("stream_id"),
            metadata=wire.get("metadata"),
        )

    def to_wire(self) -> dict[str, Any]:
        """Return the message as frames carry it: what is not set is left out, never null."""
        created_at = self.created_at.astimezone(dt.UTC).isoformat(timespec="microseconds")
        wire = {
            "channel": self.channel,
            "topic": self.topic,
            "kind": self.kind,
            "data": self.data,
            "created_at": created_at.removesuffix("+00:00") + "Z",
        }
        if self.offset is not None:
            wire["offset"] = self.offset
        return wire | {name: value for name in _OPTIONAL if (value := getattr(self, name)) is not None}

    def __repr__(self) -> str:
        place = "" if self.offset is None else f" #{self.offset}"
        return f"<Message {self.channel} {self.topic}{place} {self.kind} {_SHORT.repr(self.data)}>"


_SHORT = reprlib.Repr()
_SHORT.maxlevel = 2
_SHORT.maxdict = _SHORT.maxlist = 4
_SHORT.maxstring = _SHORT.maxother = 60


def fold_rollbacks(messages: Iterable[Message]) -> list[Message]:
    """Return the data messages that stand, in the order given, which must be that of their offsets.

    A rollback voids what its step published on that channel since the step's last rollback or commit.
    """
    given = list(messages)
    stands = standing((message.kind, execution_of(message)) for message in given)
    return [message for message, stays in zip(given, stands, strict=True) if stays]


def standing(marks: Iterable[tuple[str, Hashable | None]]) -> list[bool]:
    """Return for each message whether it is data that stands; a mark is its kind and whose execution it belongs to."""
    stands: list[bool] = []
    pending: dict[Hashable, list[int]] = {}
    for position, (kind, execution) in enumerate(marks):
        stands.append(kind == "data")
        if execution is None:
            continue
        if kind == "data":
            pending.setdefault(execution, []).append(position)
        elif kind in ("rollback", "commit"):
            voided = pending.pop(execution, [])
            if kind == "rollback":
                for index in voided:
                    stands[index] = False
    return stands


def text_piece(data: Any, field: str | None = None) -> str | None:
    """Return the piece of text that a message's data carries, if it carries one.

    >>> text_piece({"token": "Hel"}), text_piece("lo"), text_piece({"n": 1})
    ('Hel', 'lo', None)
    """
    if isinstance(data, str):
        return data if field is None else None
    if not isinstance(data, Mapping):
        return None
    pieces = (data.get(name) for name in ((field,) if field else TEXT_FIELDS))
    return next((piece for piece in pieces if isinstance(piece, str)), None)


def execution_of(message: Message) -> Hashable | None:
    """Return which step of which run, on which channel, a message belongs to or is about."""
    run_id, step_id = message.run_id, message.step_id
    if message.kind in ("rollback", "commit") and isinstance(message.data, Mapping):
        run_id, step_id = message.data.get("run_id", run_id), message.data.get("step_id", step_id)
    return None if step_id is None else (message.channel, run_id, step_id)
