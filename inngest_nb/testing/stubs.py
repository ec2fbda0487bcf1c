"""What a step does under test instead of what it would do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from inngest_nb.event import Event


class Timeout:
    """As the stub of a wait: nobody answered in time."""


def as_calls(step_stubs: Mapping[str, Any] | None) -> dict[str, Callable[[], Any]]:
    """The stubs as callables, by step id."""
    return {step_id: _as_call(stub) for step_id, stub in (step_stubs or {}).items()}


def _as_call(stub: Any) -> Callable[[], Any]:
    if stub is Timeout or isinstance(stub, Timeout):
        return lambda: None
    if isinstance(stub, Event):
        return lambda: {"name": stub.name, "data": dict(stub.data), "id": stub.id, "ts": stub.ts}
    if isinstance(stub, BaseException):
        return lambda: _raise(stub)
    return stub if callable(stub) else lambda: stub


def _raise(error: BaseException) -> None:
    raise error
