"""How a callback of user code ended: its output as JSON text, or its error, whether to try again, and when."""

from __future__ import annotations

import asyncio
import datetime
import inspect
import time
from collections.abc import Callable
from typing import Any

from inngest_nb.errors import InngestError, NonRetriableError, OutputUnserializableError, RetryAfterError, StepError
from inngest_nb.jsontext import dumps
from inngest_nb.protocol import MAX_OUTPUT_BYTES, ErrorInfo
from inngest_nb.worker.tracebacks import describe

_AWAIT = "Write await before what gives it"
_PLAIN = "Return plain JSON values, or name the type with output_type=… and give the client a serializer"


def now_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def retry_after_ms(exc: BaseException) -> float | None:
    """How long the error asks to wait, clipped as Inngest does: 1 s to 24 h."""
    if not isinstance(exc, RetryAfterError):
        return None
    return min(max(exc.delay_ms(datetime.datetime.now(datetime.UTC)), 1000.0), 86_400_000.0)


def failure(exc: BaseException) -> dict[str, Any]:
    """The fields of a `step.done` that failed.

    A NonRetriableError inside a step fails the whole run, as in the official Python SDK.
    """
    fatal = isinstance(exc, NonRetriableError)
    error = told(exc)
    if fatal:
        error = {"code": NonRetriableError.code, **error}
    return {"error": error, "retriable": is_retriable(exc), "fatal": fatal, "retry_after_ms": retry_after_ms(exc)}


def body_failure(exc: BaseException, attempt: int) -> dict[str, Any]:
    """The fields of a `run.error`: what the body raised."""
    error = {"code": exc.code if isinstance(exc, InngestError) else "unknown", **told(exc)}
    return {
        "attempt": attempt,
        "error": error,
        "retriable": is_retriable(exc),
        "retry_after_ms": retry_after_ms(exc),
    }


def told(exc: BaseException) -> ErrorInfo:
    """An error as it is kept; of a `StepError`, the original's."""
    error = describe(exc)
    if isinstance(exc, StepError):
        error |= {"name": exc.name, "message": exc.message, "stack": exc.stack or error["stack"]}
    return error


def is_retriable(exc: BaseException) -> bool:
    """Whether another attempt may end better."""
    return exc.is_retriable if isinstance(exc, InngestError) else True


def is_unwanted() -> bool:
    """Whether the body has cancelled the task that runs (a timeout around it, a race that another one won)."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def without_stop_iteration(handler: Callable[..., Any], *args: Any) -> Any:
    """Call `handler`; a StopIteration, which no future can carry, becomes a RuntimeError as in a generator."""
    try:
        return handler(*args)
    except StopIteration as exc:
        raise RuntimeError("the step raised StopIteration") from exc


async def outcome(call: Callable[[], Any]) -> Any:
    """What a callback returns, awaited if need be."""
    value = call()
    return await value if inspect.isawaitable(value) else value


def as_output(value: Any, what: str) -> str:
    """A value as it is kept, JSON text.

    Raises:
        OutputUnserializableError: it is not JSON, or too large; the message begins with `what`.
    """
    try:
        text = dumps(value)
    except TypeError as exc:
        advice = _AWAIT if "coroutine" in str(exc) else _PLAIN
        raise OutputUnserializableError(f"{what} returned unserializable data: {exc}. {advice}") from None
    if len(text) > MAX_OUTPUT_BYTES // 4 and (size := len(text.encode())) > MAX_OUTPUT_BYTES:
        raise OutputUnserializableError(
            f"{what} returned {size:,} bytes of JSON; at most {MAX_OUTPUT_BYTES:,} are kept. Return a path or a key instead"
        )
    return text


def step_error(error: dict[str, Any]) -> StepError:
    """A step's kept error as the body gets it."""
    return StepError(error.get("message", ""), error.get("name", "Error"), error.get("stack"))
