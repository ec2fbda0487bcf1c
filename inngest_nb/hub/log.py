"""One channel's log: offsets, the tail kept in memory, and what is already on disk."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from inngest_nb.clock import to_iso
from inngest_nb.packs import Notes

TAIL_MESSAGES = 4096
TAIL_BYTES = 2_000_000
ENTRY_BYTES = 200  # what a message costs beside its data
ALWAYS_DELIVERED = frozenset({"run", "rollback", "commit"})
#: What the engine itself tells; everything else was published by somebody.
OF_THE_ENGINE = ALWAYS_DELIVERED | {"step"}


class Publish(NamedTuple):
    """What is asked of the hub; `data` and `metadata` are JSON text, `created_at` microseconds.

    A stream is a `datastream-start`, any number of `data` with its `stream_id`, and a `datastream-end`. `raw` is text that
    goes to subscribers of Inngest's API without an envelope.
    """

    channel: str
    topic: str
    data: str
    kind: str = "data"
    run_id: str | None = None
    fn_id: str | None = None
    step_id: str | None = None
    attempt: int | None = None
    created_at: int = 0
    key: str | None = None
    metadata: str | None = None
    stream_id: str | None = None


class Entry:
    """A message in the tail. Its JSON is made when the first subscriber reads it: most lifecycle messages have none."""

    __slots__ = ("_wire", "offset", "publish")

    def __init__(self, offset: int, publish: Publish) -> None:
        self.offset, self.publish = offset, publish
        self._wire: bytes | None = None

    @property
    def wire(self) -> bytes:
        """The message as every subscriber gets it."""
        if self._wire is None:
            self._wire = encode(self.publish, self.offset)
        return self._wire


@dataclass(slots=True, eq=False)
class ChannelLog:
    """Offsets from `first` to below `visible` are on disk; only those are shown to anybody."""

    id: int
    name: str
    epoch: int
    first: int
    next: int
    visible: int
    tail: deque[Entry] = field(default_factory=deque)
    tail_bytes: int = 0
    waiters: set[asyncio.Future[None]] = field(default_factory=set)
    readers: int = 0
    holds: int = 0  # who needs it untrimmed
    held: Notes = field(default_factory=list)  # its last messages, to be written together
    is_kept: bool = False  # the log itself is on disk, with its epoch

    @property
    def tail_first(self) -> int:
        """The lowest offset that memory still holds."""
        return self.tail[0].offset if self.tail else self.next

    def append(self, publish: Publish) -> int:
        """Give `publish` the next offset. What nobody follows is not kept in memory: who comes late reads the disk."""
        offset = self.next
        self.next = offset + 1
        if self.readers:
            self.tail.append(Entry(offset, publish))
            self.tail_bytes += len(publish.data) + ENTRY_BYTES
        elif self.tail:  # it has no gaps
            self.tail.clear()
            self.tail_bytes = 0
        return offset

    def hold(self, note: tuple[int, dict[str, Any]]) -> None:
        """Give a message about a step the next offset; nobody follows."""
        self.held.append(note)
        self.next += 1
        if self.tail:  # it has no gaps
            self.tail.clear()
            self.tail_bytes = 0

    def show(self, upto: int) -> None:
        """Make offsets below `upto` visible and wake who waits for them."""
        self.is_kept = True
        self.visible = max(self.visible, upto)
        if self.tail:
            self._trim()
        if self.waiters:
            waiters, self.waiters = self.waiters, set()
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _trim(self) -> None:
        tail = self.tail
        while tail and tail[0].offset < self.visible and (len(tail) > TAIL_MESSAGES or self.tail_bytes > TAIL_BYTES):
            self.tail_bytes -= len(tail.popleft().publish.data) + ENTRY_BYTES

    def from_tail(self, start: int, limit: int) -> list[Entry]:
        """Visible entries from `start`, which the tail must hold."""
        skip = start - self.tail_first
        stop = min(self.visible - self.tail_first, skip + limit)
        return [self.tail[i] for i in range(skip, stop)]


def encode(publish: Publish, offset: int) -> bytes:
    """The message as JSON; absent fields are left out, never null."""
    message: dict[str, object] = {
        "channel": publish.channel,
        "topic": publish.topic,
        "kind": publish.kind,
        "data": orjson.Fragment(publish.data),
        "created_at": to_iso(publish.created_at),
        "offset": offset,
    }
    if publish.run_id is not None:
        message["run_id"] = publish.run_id
    if publish.fn_id is not None:
        message["fn_id"] = publish.fn_id
    if publish.step_id is not None:
        message["step_id"] = publish.step_id
    if publish.attempt is not None:
        message["attempt"] = publish.attempt
    if publish.stream_id is not None:
        message["stream_id"] = publish.stream_id
    if publish.metadata is not None:
        message["metadata"] = orjson.Fragment(publish.metadata)
    return orjson.dumps(message)
