"""What the engine keeps in memory of a function, a run and a step while something happens to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from inngest_nb.protocol import Message

if TYPE_CHECKING:
    from inngest_nb.engine.peers import Peer
    from inngest_nb.store.writer import Entry

ENDED = frozenset({"completed", "failed", "cancelled"})
SKIPPED = "skipped: "  # how the reason of a run begins that was not to start


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An accepted event; `data` and `user` are JSON text, `ts` milliseconds."""

    id: str
    event_id: str
    name: str
    data: str
    user: str | None
    ts: int
    received_at: int = 0
    v: str | None = None

    def as_object(self) -> dict[str, Any]:
        """The event as expressions see it."""
        event: dict[str, Any] = {
            "name": self.name,
            "data": orjson.loads(self.data),
            "id": self.event_id,
            "ts": float(self.ts),
        }
        if self.user is not None:
            event["user"] = orjson.loads(self.user)
        if self.v is not None:
            event["v"] = self.v
        return event

    def as_text(self) -> str:
        """The event as a handler gets it, as JSON text."""
        event: dict[str, Any] = {
            "name": self.name,
            "data": orjson.Fragment(self.data),
            "id": self.event_id,
            "ts": self.ts,
        }
        if self.user is not None:
            event["user"] = orjson.Fragment(self.user)
        if self.v is not None:
            event["v"] = self.v
        return orjson.dumps(event).decode()


@dataclass(slots=True, kw_only=True, eq=False)
class Run:
    """A run that has not ended, or has just ended."""

    id: str
    fn_id: str
    status: str
    events: list[StoredEvent]
    queued_at: int
    started_at: int | None = None
    ended_at: int | None = None
    attempt: int = 0
    wake_at: int | None = None
    output: str | None = None
    error: str | None = None
    reason: str | None = None
    ending_from: str | None = None  # its status until the journal has its end
    failed_with: str | None = None  # what Inngest calls it when user code has failed it; None: the engine has
    parent_run_id: str | None = None  # the run that invoked this one, and its step
    parent_hash: str | None = None
    forked_from: str | None = None
    forked_at_step: str | None = None
    peer: Peer | None = None
    lease: str = ""
    next_index: int = 0
    priority_us: int = 0  # how much earlier than its age it goes on
    keys: str | None = None  # its flow-control keys, as JSON text
    slots: tuple[tuple[str, int], ...] = ()
    passed_throttle: bool = False
    steps: int | None = 0  # how many it has reported; None: ask the journal
    state_bytes: int = 0  # what their outputs take
    keeping: set[tuple[str, int]] = field(default_factory=set)  # attempts and waits on their way to the disk
    acknowledging: list[tuple[Entry, Callable[[None], None]]] = field(
        default_factory=list
    )  # of these, those that the writer answers itself
    placed_when_kept: bool = False  # it wants a peer as soon as there are none
    fresh: bool = True  # nothing of it is in the steps table yet
    touched: set[str] | None = field(default_factory=set)  # channels it published to; None: ask the message log
    parked: bool = False  # nothing of its body goes on before a wait ends: without a worker it stays on disk
    open_waits: set[str] = field(default_factory=set)  # hashes of the waits that are registered
    may_wait: bool = False  # the journal may have open waits of it
    offered: set[tuple[str, int]] = field(default_factory=set)  # step attempts asked of its peer on this connection
    unsettled: dict[str, set[str]] = field(default_factory=dict)  # step id → channels of publishes not committed yet
    settled: dict[str, tuple[int, bool]] = field(default_factory=dict)  # hash → last attempt, and whether it stands

    @property
    def status_kept(self) -> str:
        """The status that no crash takes back."""
        return self.ending_from or self.status

    @property
    def event(self) -> StoredEvent:
        """The first event."""
        return self.events[0]


@dataclass(slots=True)  # not frozen: one is made for every step, in a third of the time
class StepRow:
    """One row of the steps table; never changed."""

    hash: str
    attempt: int
    step_id: str
    index: int
    op: str
    status: str
    started_at: int
    ended_at: int | None
    opts: str | None
    output: str | None
    error: str | None
    retry_at: int | None
    code_hash: str | None = None
    seq: int | None = None  # its end's place among all ends; None: it has not ended, or an older version wrote it

    @property
    def place(self) -> tuple[int, int, int]:
        """Where its end comes among those of its run."""
        return (self.seq or 0, self.ended_at or 0, self.index)


def step_row(message: Message, *, status: str, ended_at: int | None, retry_at: int | None = None) -> StepRow:
    """The row of what a peer reported."""
    error = message.get("error")
    text = None if error is None else orjson.dumps(error).decode()
    head = (message["hash"], message.get("attempt", 0), message["step_id"], message["index"], message["kind"], status)
    tail = (ended_at, message.get("opts"), message.get("output"), text, retry_at, message.get("code_hash"))
    return StepRow(*head, message["started_at"], *tail)


def fragment(text: str | None) -> orjson.Fragment | None:
    """JSON text to be put into JSON as it is."""
    return None if text is None else orjson.Fragment(text)


def dense(value: dict[str, Any]) -> dict[str, Any]:
    """Without its None values: absent fields are left out on the wire."""
    return {key: item for key, item in value.items() if item is not None}
