"""How an exception of user code is reported: what it was, whether to try again, and when."""

from __future__ import annotations

import datetime
import time
from typing import Any

from inngest_nb.errors import (
    NonRetriableError,
    OutputUnserializableError,
    RetryAfterError,
    StepDuplicateError,
    StepNestedError,
)
from inngest_nb.worker.tracebacks import describe


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
    once = (StepNestedError, StepDuplicateError, OutputUnserializableError)
    return {
        "error": describe(exc),
        "retriable": not isinstance(exc, (NonRetriableError, *once)),
        "fatal": isinstance(exc, NonRetriableError),
        "retry_after_ms": retry_after_ms(exc),
    }
