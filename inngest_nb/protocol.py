"""What an engine and its peers say to each other: the one page that both sides import.

A connection carries lists of messages, each a dict with an "op". In one process the dicts are handed over as they are; on
a socket a list is one JSON text frame. User data (`data`, `output`, `event`) travels as JSON *text*, so that the engine
never parses it. Times are microseconds since the epoch.

peer → engine
    hello        first message: who this is, its functions, the runs it still holds
    register     functions, new or replaced
    step.begin   a step attempt has been running for a moment (only for live views; never acknowledged)
    step.done    a step attempt ended            → step.saved | step.again | step.failed | run.stop
    step.wait    a sleep or event wait           → step.memo
    step.drop    the body has cancelled a wait, or a step that was executing (never acknowledged)
    run.idle     all that the body does is wait: the run counts as waiting (never acknowledged); `waits` is how many waits it
                 is in, if nothing of it goes on before one of them ends: then, without a worker, the run stays on disk
    run.park     it has only waited for a while: the run may be forgotten here → run.stop
    run.busy     it executes a step again; with a hash, where concurrency is limited, it asks first → run.go
    run.done     the body returned               → run.stop
    run.error    the body raised                 → run.start again later | run.stop
    publish      a non-durable message for a channel, or a mark or piece of a stream (never acknowledged)
    request      {id, method, params}            → response {id, result | error}, or {ids} of publishes in one group
    subscribe    {id, channel, topics, since, epoch} → subscribed, messages…, gap
    unsubscribe  {id}
engine → peer
    ready        answer to hello: who the engine is, where its files are
    run.start    a run to execute or to go on with, with everything remembered of it
    step.saved   the output just reported is in the journal: go on
    step.memo    a wait is over; memo is JSON text
    step.failed  the step used up its attempts; error is what the body gets
    step.again   run the step again as this attempt
    run.go       the step that asked for its turn may be executed
    run.stop     forget the run (ended, cancelled, or given to another peer)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NotRequired, TypedDict

import orjson

#: Kinds of messages that peers publish; all others are the engine's own.
PUBLISHED_KINDS = ("data", "datastream-start", "datastream-end")
VERSION = 1
SUBPROTOCOL = "inngest-nb.v1"
MAX_OUTPUT_BYTES = 4_000_000
#: Of a frame that an engine takes; what engines send to their workers may be larger.
MAX_FRAME_BYTES = 64 * 1024 * 1024
FULL_FRAME_BYTES = MAX_FRAME_BYTES // 4
UNTIL = '{"until":true}'  # `opts` of a sleep until a time of day

Message = dict[str, Any]


def encode(message: Message) -> bytes:
    """A message as JSON; channel messages in it are JSON already and are put in as they are."""
    if message["op"] == "messages":
        message = {**message, "messages": orjson.Fragment(b"[" + b",".join(message["messages"]) + b"]")}
    return orjson.dumps(message)


def encode_frame(messages: list[Message]) -> bytes:
    """Messages as one frame of the worker socket."""
    return b"[" + b",".join([encode(message) for message in messages]) + b"]"


def frames(messages: list[Message], encode_all: Callable[[list[Message]], bytes]) -> Iterator[bytes]:
    """The messages in as many frames as it takes for none to be large; one that is large by itself has its own."""
    frame = encode_all(messages)
    if len(frame) <= FULL_FRAME_BYTES or len(messages) == 1:
        yield frame
        return
    half = len(messages) // 2
    yield from frames(messages[:half], encode_all)
    yield from frames(messages[half:], encode_all)


class ErrorInfo(TypedDict):
    """An error as it is kept: of a run with `code`, of a step without."""

    code: NotRequired[str]
    name: str
    message: str
    stack: str | None


class FunctionConfig(TypedDict):
    """A function as it is registered (names as on Inngest's wire where they exist there)."""

    id: str
    app_id: str
    name: str
    triggers: list[dict[str, Any]]
    retries: int
    backoff: str | float | None
    options: dict[str, Any]
    on_failure: bool
    code_hash: str | None
    step_hashes: NotRequired[list[str]]


class Waiting(TypedDict):
    """A wait that the run had registered before it was dispatched again."""

    hash: str
    op: str


class RunStart(TypedDict):
    """Everything a worker needs to enter a body: the event and what is remembered."""

    op: str
    run_id: str
    lease: str
    fn_id: str
    event: str
    events: list[str]
    attempt: int
    max_attempts: int
    memos: dict[str, str]
    errors: dict[str, ErrorInfo]
    waiting: list[str]
    retrying: dict[str, int]
    limited: bool
    order: list[str]


class StepDone(TypedDict):
    """One finished attempt of a step; exactly one of `output` (JSON text) and `error`."""

    op: str
    run_id: str
    lease: str
    hash: str
    step_id: str
    index: int
    kind: str
    attempt: int
    started_at: int
    ended_at: int
    code_hash: NotRequired[str | None]
    output: NotRequired[str]
    error: NotRequired[ErrorInfo]
    retriable: NotRequired[bool]
    fatal: NotRequired[bool]
    retry_after_ms: NotRequired[float]
    opts: NotRequired[str | None]
    publish: NotRequired[dict[str, str]]


class StepWait(TypedDict):
    """A sleep (`wake_at`) or a wait for an event (`event`, `if_exp`, `expires_at`)."""

    op: str
    run_id: str
    lease: str
    hash: str
    step_id: str
    index: int
    kind: str
    started_at: int
    wake_at: int
    event: NotRequired[str]
    if_exp: NotRequired[str | None]
    since: NotRequired[str]
