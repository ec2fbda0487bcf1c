"""The events that the engine itself sends: an invocation, and the end of a run, as functions that listen to them see them."""

from __future__ import annotations

from typing import Any

from inngest_nb.engine.records import SKIPPED, Run, StoredEvent
from inngest_nb.jsontext import loads
from inngest_nb.protocol import ErrorInfo, Message

INVOKED = "inngest/function.invoked"
FINISHED = "inngest/function.finished"
_NOT_ABOUT = frozenset({FINISHED, "inngest/function.failed"})
# What Inngest says of a run whose attempts are used up, and of one whose error allows no other.
ATTEMPTS_USED_UP, NO_RETRY = "invalid status code: 500", "NonRetriableError"


def invoked(message: Message, parent: Run, app_id: str | None, now_us: int) -> dict[str, Any]:
    """A step of `parent` invokes a function."""
    about = {
        "correlation_id": _correlation(parent.id, message["hash"]),
        "expire": message["wake_at"] // 1000,
        "fn_id": message["function_id"],
        "name": message["step_id"],
        "source_app_id": app_id,
        "source_fn_id": parent.fn_id,
    }
    return {"name": INVOKED, "data": {**loads(message["data"]), "_inngest": about}, "ts": now_us // 1000}


def not_invoked(message: Message, parent: Run, error: ErrorInfo, now_us: int) -> dict[str, Any]:
    """What a step wanted to invoke could not be: nothing ran, and yet it has finished."""
    told = {"name": error["name"], "message": error["message"]}
    nobody = {"function_id": "", "run_id": ""}
    data = {**nobody, "correlation_id": _correlation(parent.id, message["hash"]), "error": told}
    return {"name": FINISHED, "data": data, "ts": now_us // 1000}


def ended(run: Run, now_us: int) -> list[dict[str, Any]]:
    """The end of a run: finished always, failed or cancelled as well, the latter once whoever says it."""
    if run.event.name in _NOT_ABOUT or (run.reason or "").startswith(SKIPPED):
        return []
    data: dict[str, Any] = {
        "function_id": run.fn_id,
        "run_id": run.id,
        "event": _first(run.event),
        "events": [_without_user(event) for event in run.events],
        "_inngest": {"status": run.status.capitalize()},
        **_outcome(run),
    }
    if run.parent_run_id is not None and run.parent_hash is not None:
        data["correlation_id"] = _correlation(run.parent_run_id, run.parent_hash)
    event = {"name": FINISHED, "data": data, "ts": now_us // 1000}
    if run.status == "completed":
        return [event]
    return [event, {**event, "name": f"inngest/function.{run.status}", "id": run.id}]


def _correlation(run_id: str, step_hash: str) -> str:
    return f"{run_id}.{step_hash}"


def _first(event: StoredEvent) -> dict[str, Any]:
    return {"user": {}, **loads(event.as_text())}


def _without_user(event: StoredEvent) -> dict[str, Any]:
    return {key: value for key, value in loads(event.as_text()).items() if key != "user"}


def _outcome(run: Run) -> dict[str, Any]:
    """`result` of a completed run; of a failed one `error` and, as `result`, its recorded output; of a cancelled one neither."""
    if run.status == "completed":
        return {"result": loads(run.output or "null")}
    if run.status != "failed":
        return {}
    recorded: dict[str, Any] = loads(run.error or "{}")
    told = {key: value for key, value in recorded.items() if key != "code" and value is not None}
    if run.failed_with is None:  # the engine itself has failed it
        told = {"error": recorded.get("message"), **told}
        return {"error": told, "result": {"error": told}}
    return {"error": {"error": run.failed_with, **told}, "result": recorded}
