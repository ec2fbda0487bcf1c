"""The columns of every table of the history, in order, with what they hold."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["IDS", "STORED", "TABLES", "Column", "index_of"]

#: text: str · time: datetime64[us, UTC] · span: timedelta64[us] · int: Int64 · count: int64 (never missing) ·
#: number: float64 · flag: bool · json: Python objects · enum: category with every value that there is
Kind = Literal["text", "time", "span", "int", "count", "number", "flag", "json", "enum"]


class Column(NamedTuple):
    """One column: its name, what it holds, the choices of an enum, and what the name does not say."""

    name: str
    kind: Kind
    choices: tuple[str, ...] = ()
    says: str = ""


RUN_STATUS = ("queued", "running", "waiting", "completed", "failed", "cancelled")
STEP_STATUS = ("running", "waiting", "retrying", "completed", "failed", "cancelled", "timed_out")
STEP_OPS = ("run", "sleep", "wait_for_event", "send_event", "invoke", "realtime.publish", "ai.infer", "ai.wrap")
MESSAGE_KINDS = ("data", "run", "step", "rollback", "commit", "datastream-start", "datastream-end", "raw")
WAIT_OUTCOMES = ("open", "answered", "timed_out", "withdrawn")

TABLES: dict[str, tuple[Column, ...]] = {
    "runs": (
        Column("run_id", "text"),
        Column("function_id", "text"),
        Column("status", "enum", RUN_STATUS),
        Column("event_id", "text", says="of the event that started it, as `send` returned it"),
        Column("event_name", "text"),
        Column("queued_at", "time"),
        Column("started_at", "time", says="when its body was first entered"),
        Column("ended_at", "time"),
        Column("duration", "span", says="from the first entry to the end"),
        Column("attempt", "count", says="of the function, from 0"),
        Column("parent_run_id", "text", says="the run that invoked it"),
        Column("forked_from", "text", says="the run that it was run again from"),
        Column("forked_at_step", "text", says="the first step that was not taken over"),
        Column("code_hash", "text", says="of the function as it was then"),
        Column("output", "json", says="JSON; of a completed run"),
        Column("error", "json", says="JSON; `code`, `name`, `message`, `stack` of a failed run"),
    ),
    "steps": (
        Column("run_id", "text"),
        Column("step_id", "text"),
        Column("index", "count", says="order of first completion or registration in the run"),
        Column("op", "enum", STEP_OPS),
        Column("attempt", "count", says="from 0; one row for each"),
        Column("status", "enum", STEP_STATUS),
        Column("queued_at", "time", says="when the attempt was due"),
        Column("started_at", "time"),
        Column("ended_at", "time"),
        Column("duration", "span", says="of this attempt; of a wait, until its end"),
        Column("input", "json", says="JSON; what `step.run` was given"),
        Column("output", "json"),
        Column("error", "json"),
        Column("memoized", "flag", says="taken over from the run that this one was forked from"),
    ),
    "messages": (
        Column("offset", "count", says="0, 1, 2, … in each channel"),
        Column("created_at", "time"),
        Column("channel", "text"),
        Column("topic", "text"),
        Column("kind", "enum", MESSAGE_KINDS),
        Column("run_id", "text"),
        Column("fn_id", "text"),
        Column("step_id", "text"),
        Column("attempt", "int", says="of the step that published it, from 0"),
        Column("durable", "flag", says="published as a step of its own"),
        Column("data", "json", says="JSON"),
    ),
    "events": (
        Column("event_id", "text", says="as `send` returned it"),
        Column("name", "text"),
        Column("ts", "time", says="what the sender says"),
        Column("received_at", "time", says="when it was accepted"),
        Column("user", "json", says="JSON; who sent it"),
        Column("data", "json"),
        Column("run_ids", "json", says="JSON; the runs that it started"),
    ),
    "waits": (
        Column("run_id", "text"),
        Column("step_id", "text"),
        Column("event_name", "text"),
        Column("expression", "text", says="what must hold for the event"),
        Column("asked_at", "time"),
        Column("expires_at", "time"),
        Column("answered_at", "time"),
        Column("duration", "span", says="from the question to its end"),
        Column("outcome", "enum", WAIT_OUTCOMES),
        Column("answered_by", "text", says="`name` of the user who sent the answer"),
        Column("answer", "json", says="JSON; data of the event"),
    ),
    "transcript": (
        Column("run_id", "text"),
        Column("channel", "text"),
        Column("topic", "text"),
        Column("step_id", "text"),
        Column("attempt", "int", says="from 0"),
        Column("started_at", "time"),
        Column("ended_at", "time"),
        Column("pieces", "count", says="that stand, after rollbacks"),
        Column("text", "text", says="the pieces joined"),
    ),
    "latency": (
        Column("run_id", "text"),
        Column("function_id", "text"),
        Column("channel", "text"),
        Column("topic", "text"),
        Column("step_id", "text"),
        Column("attempt", "int", says="from 0"),
        Column("tokens", "count", says="pieces that stand"),
        Column("first_token", "span", says="from the begin of the step's attempt; outside a step, of the run"),
        Column("gap_p50", "span", says="between one piece and the next: median"),
        Column("gap_p95", "span", says="95th percentile"),
        Column("gap_max", "span", says="longest"),
        Column("duration", "span", says="from the first piece to the last"),
        Column("tokens_per_s", "number", says="pieces after the first, by `duration`"),
    ),
    "usage": (
        Column("run_id", "text"),
        Column("function_id", "text"),
        Column("step_id", "text"),
        Column("attempt", "int", says="from 0"),
        Column("channel", "text"),
        Column("created_at", "time"),
        Column("model", "text"),
        Column("input_tokens", "count", says="with those that were cached"),
        Column("output_tokens", "count"),
        Column("cached_tokens", "count", says="of the input"),
        Column("cost", "number", says="as the message says, else by `prices`; in their currency"),
        Column("rolled_back", "flag", says="the attempt failed; it was paid all the same"),
    ),
}

#: The tables that stand in the stores; the others follow from them.
STORED = ("runs", "steps", "messages", "events", "waits")

_STREAM = ("run_id", "step_id", "attempt", "channel", "topic")
#: What rows are known by; two tables are joined on those that both have.
IDS: dict[str, tuple[str, ...]] = {
    "runs": ("run_id", "event_id"),
    "steps": ("run_id", "step_id", "attempt"),
    "messages": _STREAM,
    "events": ("event_id",),
    "waits": ("run_id", "step_id"),
    "transcript": _STREAM,
    "latency": _STREAM,
    "usage": ("run_id", "step_id", "attempt"),
}


def index_of(table: str, *names: str) -> list[int]:
    """Return where these columns stand in a row of the table."""
    columns = [column.name for column in TABLES[table]]
    return [columns.index(name) for name in names]
