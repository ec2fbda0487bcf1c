"""The official SDK's mock of a server, over `inngest_nb.testing`, which can do more.

Steps that have no stub do what they do: an invoked function runs if it is defined, a wait lasts until its timeout in a time
that passes at once, and what a test compares is JSON.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inngest_nb import testing
from inngest_nb.client import Inngest as _Inngest
from inngest_nb.errors import StepError
from inngest_nb.event import Event
from inngest_nb.function import Function
from inngest_nb.testing import Timeout

__all__ = ["Inngest", "Status", "Timeout", "trigger"]


class Status(enum.Enum):
    """How a run ended."""

    COMPLETED = "Completed"
    FAILED = "Failed"


class Inngest(_Inngest):
    """A client of an engine in memory."""

    def __init__(self, *, app_id: str, **options: Any) -> None:
        super().__init__(app_id=app_id, **{**options, "engine": "embedded", "data_dir": ":memory:"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MockResult:
    """How a run ended; `error` carries the name and message of the original."""

    error: Exception | None
    output: object
    status: Status


def trigger(
    fn: Function[Any],
    event: Event | list[Event],
    client: _Inngest,
    *,
    step_stubs: Mapping[str, object] | None = None,
) -> MockResult:
    """Run a function to its end and wait for it; also in a notebook's cell.

    Args:
        fn: what to test.
        event: what starts it, several as one batch.
        client: not needed: the function has its own.
        step_stubs: by step id: a value, an Event, or `Timeout`.
    """
    result = testing.trigger(fn, event, client, step_stubs=step_stubs).result()
    error = result.error
    return MockResult(
        error=None if error is None else StepError(error["message"], error["name"], error["stack"]),
        output=result.output,
        status=Status.COMPLETED if result.status == "completed" else Status.FAILED,
    )
