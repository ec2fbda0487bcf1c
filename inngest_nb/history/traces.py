"""Ended runs as OpenTelemetry spans: a run, below it each step once, with its failed attempts as events.

Ids follow from ids of the engine: a trace is the ULID of the outermost run, a span a hash of run and step. Whoever exports
twice sends the same spans.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from inngest_nb._version import __version__
from inngest_nb.history.models import Call, call_of
from inngest_nb.history.semconv import NAMES, OPERATIONS
from inngest_nb.jsontext import loads

__all__ = ["Run", "Step", "spans_of"]

_SCOPE = InstrumentationScope("inngest_nb", __version__)
_ULID = frozenset("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Run(NamedTuple):
    """A row of `traced_runs`."""

    id: str
    function_id: str
    app_id: str | None
    status: str
    event_name: str
    event_id: str
    queued_at: int
    started_at: int | None
    ended_at: int
    attempt: int
    root: str
    parent: str | None
    parent_hash: str | None
    forked_from: str | None
    code_hash: str | None
    output: str | None
    error: str | None
    reason: str | None


class Step(NamedTuple):
    """A row of `traced_steps`: one attempt."""

    run_id: str
    hash: str
    attempt: int
    step_id: str
    op: str
    status: str
    started_at: int
    ended_at: int | None
    opts: str | None
    output: str | None
    error: str | None
    wait_event: str | None


def spans_of(
    runs: Sequence[Run], steps: Sequence[Step], calls: Mapping[tuple[str, str], Call], *, content: bool
) -> Iterator[ReadableSpan]:
    """Yield the spans of some runs; `calls` holds what was published about the steps' calls of models."""
    attempts = {run_id: list(rows) for run_id, rows in groupby(steps, key=lambda step: step.run_id)}
    resources: dict[str, Resource] = {}
    for run in runs:
        app = run.app_id or "inngest_nb"
        resource = resources.setdefault(app, Resource({"service.name": app}))
        yield _run_span(run, resource, content=content)
        for _, rows in groupby(attempts.get(run.id, ()), key=lambda step: step.hash):
            yield _step_span(run, list(rows), calls, resource, content=content)


def _run_span(run: Run, resource: Resource, *, content: bool) -> ReadableSpan:
    attributes = {
        "operation": OPERATIONS["run"],
        "workflow": run.function_id,
        "function_id": run.function_id,
        "run_id": run.id,
        "run_status": run.status,
        "run_attempt": run.attempt,
        "event_name": run.event_name,
        "event_id": run.event_id,
        "code_hash": run.code_hash,
        "output": run.output if content else None,
    }
    events = [] if run.started_at is None else [_event("started", run.started_at)]
    error = loads(run.error) if run.error and run.status == "failed" else None
    events += [_exception(error, run.ended_at)] if error else []
    parent = run.parent and run.parent_hash and _context(run.root, f"{run.parent}/{run.parent_hash}")
    links = [Link(_context(run.forked_from, run.forked_from))] if run.forked_from else []
    return ReadableSpan(
        f"{OPERATIONS['run']} {run.function_id}", _context(run.root, run.id), parent or None, resource,
        _named(attributes, error), events, links, SpanKind.INTERNAL,
        status=_status(run.status, error, run.reason), instrumentation_scope=_SCOPE,
        start_time=run.queued_at * 1000, end_time=run.ended_at * 1000,
    )  # fmt: skip


def _step_span(
    run: Run, attempts: list[Step], calls: Mapping[tuple[str, str], Call], resource: Resource, *, content: bool
) -> ReadableSpan:
    last = attempts[-1]
    ended_at = last.ended_at or run.ended_at
    error = loads(last.error) if last.error else None
    call = call_of(last.op, last.opts, last.output, calls.get((run.id, last.step_id)))
    attributes = {
        "run_id": run.id,
        "step_id": last.step_id,
        "step_op": last.op,
        "step_status": last.status,
        "attempts": len(attempts),
        "wait_event": last.wait_event,
        "input": last.opts if content else None,
        "output": last.output if content else None,
        **(call.attributes() if call else {}),
    }
    name = f"{OPERATIONS['model']} {call.model or ''}".strip() if call else last.step_id
    return ReadableSpan(
        name, _context(run.root, f"{run.id}/{last.hash}"), _context(run.root, run.id), resource,
        _named(attributes, error), list(_attempt_events(attempts)), (), SpanKind.CLIENT if call else SpanKind.INTERNAL,
        status=_status(last.status, error, None), instrumentation_scope=_SCOPE,
        start_time=attempts[0].started_at * 1000, end_time=ended_at * 1000,
    )  # fmt: skip


def _attempt_events(attempts: list[Step]) -> Iterator[Event]:
    for row in attempts:
        if row.attempt:
            yield _event("retry", row.started_at, attempt=row.attempt)
        if row.error:
            yield _exception(loads(row.error), row.ended_at or row.started_at, attempt=row.attempt)


def _exception(error: Any, us: int, **more: Any) -> Event:
    told = error if isinstance(error, Mapping) else {"message": str(error)}
    about = {"exception_type": "name", "exception_message": "message", "exception_stack": "stack"}
    return _event("exception", us, **{name: told.get(key) for name, key in about.items()}, **more)


def _event(name: str, us: int, **attributes: Any) -> Event:
    return Event(NAMES[name], _named(attributes, None), us * 1000)


def _named(attributes: Mapping[str, Any], error: Any) -> dict[str, Any]:
    kind = {"error_type": error.get("name") or "_OTHER"} if isinstance(error, Mapping) else {}
    return {NAMES[name]: value for name, value in {**attributes, **kind}.items() if value is not None}


def _status(status: str, error: Any, reason: str | None) -> Status:
    if status == "failed":
        message = error.get("message") if isinstance(error, Mapping) else reason
        return Status(StatusCode.ERROR, str(message or ""))
    return Status(StatusCode.OK if status == "completed" else StatusCode.UNSET)


def _context(root: str, span: str) -> SpanContext:
    return SpanContext(_trace_id(root), _hashed(span, 8), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _trace_id(run_id: str) -> int:
    """Return the 128 bits that a ULID is."""
    if len(run_id) != 26 or not _ULID.issuperset(run_id):
        return _hashed(run_id, 16)
    number = 0
    for letter in run_id:
        number = number << 5 | _LETTERS.index(letter)
    return number & (1 << 128) - 1


def _hashed(text: str, size: int) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=size).digest()) or 1
