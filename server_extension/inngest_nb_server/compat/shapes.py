"""Events and runs in the shapes of Inngest's REST API."""

from __future__ import annotations

import uuid
from typing import Any

import orjson

from inngest_nb.clock import to_iso
from inngest_nb.engine.functions import Function
from inngest_nb.engine.records import SKIPPED, Run, dense, fragment

NO_ID = "00000000-0000-0000-0000-000000000000"
ENVIRONMENT = "00000000-0000-4000-b000-000000000000"  # the one that Inngest's own server has when it runs locally
_STATUS = {
    "queued": "Scheduled",
    "running": "Running",
    "waiting": "Running",
    "completed": "Completed",
    "failed": "Failed",
    "cancelled": "Cancelled",
}


def event_shape(row: tuple[Any, ...]) -> dict[str, Any]:
    """A row of `list_events` or `one_event`."""
    internal_id, event_id, name, data, user, ts, v, received_at = row
    head = {"internal_id": internal_id, "account_id": NO_ID, "environment_id": NO_ID, "source": "", "source_id": None}
    sent = {"id": event_id, "name": name, "data": fragment(data), "user": fragment(user), "ts": ts, "v": v}
    return {**head, "received_at": to_iso(received_at), **dense(sent)}


def run_shape(run: Run, *, environment: str = ENVIRONMENT) -> dict[str, Any]:
    """A run as it is now."""
    shape: dict[str, Any] = {
        "run_id": run.id,
        "run_started_at": to_iso(run.queued_at),
        "function_id": function_uuid(run.fn_id),
        "function_version": 0,
        "environment_id": environment,
        "event_id": run.event.id,
    }
    if run.forked_from is not None:
        shape["original_run_id"] = run.forked_from
    if run.event.name == "inngest/scheduled.timer":
        shape["cron"] = run.event.as_object()["data"].get("cron")
    ended_at = to_iso(run.ended_at) if run.ended_at else None
    return {**shape, "status": _status(run), "ended_at": ended_at, "output": _output(run)}


def function_uuid(fn_id: str) -> str:
    """The same function has the same id wherever it runs."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"inngest-nb:{fn_id}"))


def function_shape(function: Function) -> dict[str, Any]:
    """A function as the discovery route lists it."""
    step = {"id": "step", "name": "step", "uri": "", "retries": function.max_attempts - 1}
    head = {"id": function_uuid(function.id), "fv": 1, "name": function.name, "slug": function.id}
    return {**head, "triggers": list(function.triggers), "steps": [step]}


def _status(run: Run) -> str:
    return "Skipped" if (run.reason or "").startswith(SKIPPED) else _STATUS[run.status]


def _output(run: Run) -> orjson.Fragment | dict[str, Any] | None:
    if run.status == "cancelled":
        return {}
    return fragment(run.error if run.status == "failed" else run.output)
