"""The official SDK's mock of a server, over `inngest_nb.testing`, which can do more.

Waits for events, invoked functions and `ai.infer` need a stub, as there; all other steps do what they do, and sleeps pass at
once. What a test compares is JSON.
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

__all__ = ["Inngest", "Status", "Timeout", "UnstubbedStepError", "trigger"]

_NEED_STUBS = ("wait_for_event", "invoke", "ai.infer")


class UnstubbedStepError(Exception):
    """A step that needs a stub has none."""


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

    Raises:
        UnstubbedStepError: the function met a step that needs a stub and has none.
    """
    result = testing.trigger(fn, event, client, step_stubs=step_stubs).result()
    for step in result.steps:
        if step.op in _NEED_STUBS and step.id not in (step_stubs or {}):
            raise UnstubbedStepError(f"step {step.id} is not stubbed")
    error = result.error
    return MockResult(
        error=None if error is None else StepError(error["message"], error["name"], error["stack"]),
        output=result.output,
        status=Status.COMPLETED if result.status == "completed" else Status.FAILED,
    )
