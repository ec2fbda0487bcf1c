"""Messages as subscribers see them, and what of them stands after rollbacks."""

from __future__ import annotations

import dataclasses
import datetime as dt
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any, Literal

__all__ = ["Message", "MessageKind", "fold_rollbacks", "text_piece"]

MessageKind = Literal["data", "run", "step", "rollback", "commit", "gap"]

#: Fields of an object that carry a piece of streamed text, in the order in which they are looked for.
TEXT_FIELDS = ("token", "text", "content", "delta")

_OPTIONAL = ("run_id", "fn_id", "step_id", "attempt")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a channel.

    `offset` counts from 0 in each channel; it is None where the engine has none (a real Inngest server).
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

    def __post_init__(self) -> None:
        if self.created_at.tzinfo is None:
            raise ValueError(f"created_at of a message has no time zone: {self.created_at!r}")

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Message:
        """Read a message as frames carry it; keys that it does not know are ignored."""
        return cls(
            channel=wire["channel"],
            topic=wire["topic"],
            data=wire.get("data"),
            kind=wire.get("kind", "data"),
            run_id=wire.get("run_id"),
            fn_id=wire.get("fn_id"),
            step_id=wire.get("step_id"),
            attempt=wire.get("attempt"),
            created_at=dt.datetime.fromisoformat(wire["created_at"]),
            offset=wire.get("offset"),
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
    kept: dict[int, Message] = {}
    pending: dict[tuple[str, str | None, str | None], list[int]] = {}
    for position, message in enumerate(messages):
        if message.kind == "data":
            kept[position] = message
            if message.step_id is not None:
                pending.setdefault((message.channel, message.run_id, message.step_id), []).append(position)
        elif message.kind in ("rollback", "commit"):
            voided = pending.pop(_execution(message), [])
            if message.kind == "rollback":
                for index in voided:
                    del kept[index]
    return list(kept.values())


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


def _execution(message: Message) -> tuple[str, str | None, str | None]:
    """Return which channel, run and step a rollback or commit is about."""
    about = message.data if isinstance(message.data, Mapping) else {}
    return message.channel, about.get("run_id", message.run_id), about.get("step_id", message.step_id)
