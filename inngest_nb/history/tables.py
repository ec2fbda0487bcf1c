"""The columns of every table of the history, in order, with what they hold."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["IDS", "STORED", "TABLES", "Column", "index_of"]

#: text: str · time: datetime64[us, UTC] · span: timedelta64[us] · int: Int64 · count: int64 (never missing) ·
#: number: float64 · flag: bool · json: Python objects · enum: category with every value that there is
Kind = Literal["text", "time", "span", "int", "count", "number", "flag", "json", "enum"]


class Column(NamedTuple):
    """One column: its name, what it holds, and the choices of an enum."""

    name: str
    kind: Kind
    choices: tuple[str, ...] = ()


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
        Column("event_id", "text"),
        Column("event_name", "text"),
        Column("queued_at", "time"),
        Column("started_at", "time"),
        Column("ended_at", "time"),
        Column("duration", "span"),
        Column("attempt", "count"),
        Column("parent_run_id", "text"),
        Column("forked_from", "text"),
        Column("forked_at_step", "text"),
        Column("code_hash", "text"),
        Column("output", "json"),
        Column("error", "json"),
    ),
    "steps": (
        Column("run_id", "text"),
        Column("step_id", "text"),
        Column("index", "count"),
        Column("op", "enum", STEP_OPS),
        Column("attempt", "count"),
        Column("status", "enum", STEP_STATUS),
        Column("queued_at", "time"),
        Column("started_at", "time"),
        Column("ended_at", "time"),
        Column("duration", "span"),
        Column("input", "json"),
        Column("output", "json"),
        Column("error", "json"),
        Column("memoized", "flag"),
    ),
    "messages": (
        Column("offset", "count"),
        Column("created_at", "time"),
        Column("channel", "text"),
        Column("topic", "text"),
        Column("kind", "enum", MESSAGE_KINDS),
        Column("run_id", "text"),
        Column("fn_id", "text"),
        Column("step_id", "text"),
        Column("attempt", "int"),
        Column("durable", "flag"),
        Column("data", "json"),
    ),
    "events": (
        Column("event_id", "text"),
        Column("name", "text"),
        Column("ts", "time"),
        Column("received_at", "time"),
        Column("user", "json"),
        Column("data", "json"),
        Column("run_ids", "json"),
    ),
    "waits": (
        Column("run_id", "text"),
        Column("step_id", "text"),
        Column("event_name", "text"),
        Column("expression", "text"),
        Column("asked_at", "time"),
        Column("expires_at", "time"),
        Column("answered_at", "time"),
        Column("duration", "span"),
        Column("outcome", "enum", WAIT_OUTCOMES),
        Column("answered_by", "text"),
        Column("answer", "json"),
    ),
    "transcript": (
        Column("run_id", "text"),
        Column("channel", "text"),
        Column("topic", "text"),
        Column("step_id", "text"),
        Column("attempt", "int"),
        Column("started_at", "time"),
        Column("ended_at", "time"),
        Column("pieces", "count"),
        Column("text", "text"),
    ),
    "latency": (
        Column("run_id", "text"),
        Column("function_id", "text"),
        Column("channel", "text"),
        Column("topic", "text"),
        Column("step_id", "text"),
        Column("attempt", "int"),
        Column("tokens", "count"),
        Column("first_token", "span"),
        Column("gap_p50", "span"),
        Column("gap_p95", "span"),
        Column("gap_max", "span"),
        Column("duration", "span"),
        Column("tokens_per_s", "number"),
    ),
    "usage": (
        Column("run_id", "text"),
        Column("function_id", "text"),
        Column("step_id", "text"),
        Column("attempt", "int"),
        Column("channel", "text"),
        Column("created_at", "time"),
        Column("model", "text"),
        Column("input_tokens", "count"),
        Column("output_tokens", "count"),
        Column("cached_tokens", "count"),
        Column("cost", "number"),
        Column("rolled_back", "flag"),
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
