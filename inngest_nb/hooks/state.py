"""What a hook knows of its messages and its run: pure functions from one state and one message to the next.

Every message that is flushed is in exactly one `delta`, in order; `all` holds those that stand, the newest last.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping
from typing import Any, Literal, NamedTuple

from inngest_nb.realtime.messages import Message, execution_of

__all__ = ["TERMINAL", "HookState", "Messages", "RunStatus", "flush", "lifecycle", "receive"]

RunStatus = Literal["unknown", "running", "completed", "failed", "cancelled"]
TERMINAL = frozenset({"completed", "failed", "cancelled"})

_STATUSES: dict[str, RunStatus] = {
    "running": "running",
    "in_progress": "running",
    "completed": "completed",
    "complete": "completed",
    "succeeded": "completed",
    "success": "completed",
    "failed": "failed",
    "error": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}
_NOTHING: Any = object()


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Messages:
    """The messages of a hook; never changed, only replaced.

    `by_topic` is the latest of each topic, `all` the newest that stand, `delta` what the last flush brought, `last` the
    newest of it. A rollback takes what it voids out of `by_topic`, `all` and `last`, and is itself in `delta`.
    """

    by_topic: Mapping[str, Message] = dataclasses.field(default_factory=dict)
    all: list[Message] = dataclasses.field(default_factory=list)
    last: Message | None = None
    delta: list[Message] = dataclasses.field(default_factory=list)

    def __repr__(self) -> str:
        return f"<Messages {len(self.all)} of {', '.join(self.by_topic) or 'no topic yet'}>"


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HookState:
    """Everything that messages change; `buffer` was received and is not shown yet."""

    run_status: RunStatus = "unknown"
    result: Any = None
    messages: Messages = dataclasses.field(default_factory=Messages)
    buffer: tuple[Message, ...] = ()
    #: Where each step that may still be rolled back began to publish.
    unsettled: Mapping[Hashable, int] = dataclasses.field(default_factory=dict)


class Lifecycle(NamedTuple):
    """What a `run` message says; None where it says nothing."""

    status: RunStatus | None
    result: Any


def lifecycle(data: Any) -> Lifecycle:
    """Read the data of a `run` message, in any of the shapes that Inngest's clients take."""
    if not isinstance(data, Mapping):
        return Lifecycle(None, _NOTHING)
    given = (data.get(name) for name in ("runStatus", "status", "state"))
    known: list[RunStatus] = [
        _STATUSES[word.lower()] for word in given if isinstance(word, str) and word.lower() in _STATUSES
    ]
    status = known[0] if known else None
    if "result" in data:
        return Lifecycle(status, data["result"])
    if status == "completed" and "output" in data:
        return Lifecycle(status, data["output"])
    return Lifecycle(status, _NOTHING)


def receive(state: HookState, message: Message, *, limit: int | None, is_buffered: bool = False) -> HookState:
    """Take a message; unless it `is_buffered`, show it."""
    if message.kind == "run":
        told = lifecycle(message.data)
        result = state.result if told.result is _NOTHING else told.result
        return dataclasses.replace(state, run_status=told.status or state.run_status, result=result)
    buffer = (*state.buffer, message)
    if message.kind in ("rollback", "commit"):
        state = dataclasses.replace(state, buffer=buffer)
    else:
        is_first = state.run_status == "unknown" and message.run_id is not None
        by_topic = state.messages.by_topic
        if message.kind != "gap":
            by_topic = {**by_topic, message.topic: message}
        state = dataclasses.replace(
            state,
            run_status="running" if is_first else state.run_status,
            messages=dataclasses.replace(state.messages, by_topic=by_topic),
            buffer=buffer,
        )
    return state if is_buffered else flush(state, limit=limit)


def flush(state: HookState, *, limit: int | None) -> HookState:
    """Show what is buffered; with an empty buffer nothing changes."""
    if not state.buffer:
        return state
    standing, unsettled = list(state.messages.all), dict(state.unsettled)
    voided: set[int] = set()
    for message in state.buffer:
        execution = execution_of(message)
        match message.kind:
            case "commit":
                unsettled.pop(execution, None)
            case "rollback":
                begin = unsettled.pop(execution, None)
                if begin is not None:
                    voided |= {id(m) for m in standing if execution_of(m) == execution and (m.offset or 0) >= begin}
                    standing = [m for m in standing if id(m) not in voided]
            case _:
                standing.append(message)
                if execution is not None:
                    unsettled.setdefault(execution, message.offset or 0)
    delta = [message for message in state.buffer if message.kind != "commit"]
    messages = _shown(state.messages, standing, voided, delta, limit) if delta else state.messages
    return dataclasses.replace(state, messages=messages, buffer=(), unsettled=unsettled)


def _shown(
    before: Messages, standing: list[Message], voided: set[int], delta: list[Message], limit: int | None
) -> Messages:
    by_topic = before.by_topic
    if any(id(message) in voided for message in by_topic.values()):
        newest = {message.topic: message for message in standing if message.kind != "gap"}
        by_topic = {
            topic: newest.get(topic, message)
            for topic, message in by_topic.items()
            if id(message) not in voided or topic in newest
        }
    rolled_back = any(message.kind == "rollback" for message in delta)
    last = (standing[-1] if standing else None) if rolled_back else delta[-1]
    return Messages(by_topic=by_topic, all=_clamped(standing, limit), last=last, delta=delta)


def _clamped(messages: list[Message], limit: int | None) -> list[Message]:
    if limit is None:
        return messages
    return messages[-limit:] if limit > 0 else []
