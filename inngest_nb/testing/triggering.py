"""`trigger`: one run of one function, from its event to its end."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from inngest_nb.event import Event
from inngest_nb.function import Function
from inngest_nb.run import Run
from inngest_nb.testing.engine import SETTLE_S, Scripted, TestEngine
from inngest_nb.testing.result import Result, StepResult

if TYPE_CHECKING:
    from inngest_nb.client import Inngest

_BATCH_TIMEOUT = "60s"


class Triggered:
    """A run under test. `await` it for its `Result`, or read the result's fields here, which wait for the end."""

    def __init__(self, future: Future[Result]) -> None:
        self._future = future

    def result(self) -> Result:
        """Wait for the end."""
        return self._future.result()

    def __await__(self) -> Generator[Any, None, Result]:
        return asyncio.wrap_future(self._future).__await__()

    @property
    def status(self) -> str:
        """How it ended: "completed", "failed" or "cancelled"."""
        return self.result().status

    @property
    def output(self) -> Any:
        """What the function returned; None if it did not."""
        return self.result().output

    @property
    def error(self) -> dict[str, Any] | None:
        """{"code", "name", "message", "stack"} of a failed run."""
        return self.result().error

    @property
    def steps(self) -> list[StepResult]:
        """The last attempt of each step."""
        return self.result().steps

    def __repr__(self) -> str:
        return f"Triggered({self._future.result()!r})" if self._future.done() else "Triggered(…)"


def trigger(
    function: Function[Any],
    event: Event | list[Event],
    client: Inngest | None = None,  # noqa: ARG001  # the official mock's; a function knows its client
    *,
    step_stubs: Mapping[str, Any] | None = None,
    functions: Sequence[Function[Any]] = (),
    script: Sequence[Scripted] = (),
    timeout_s: float = SETTLE_S,
) -> Triggered:
    """Run a function in an engine of its own and take it to its end; returns at once.

    Its triggers and flow control do not matter: the event is given to it as it is, several as one batch.

    Args:
        function: what to test.
        event: what starts it.
        client: not needed.
        step_stubs: by step id: a value, an Event, `Timeout`, an exception to raise, or a callable for each attempt.
        functions: others that it invokes or sends events to.
        script: events that arrive: an Event when a run waits for one of its name, (duration, Event) that long after the
            start.
        timeout_s: how long code of a step or between steps may execute, in real seconds.

    Raises (from the result):
        TimeoutError: user code does not end.
        RuntimeError: the run waits for something that will never come.
    """
    events = event if isinstance(event, list) else [event]
    if not isinstance(function, Function):
        raise TypeError(f"trigger takes what create_function made, not {function!r}")
    if not events or not all(isinstance(item, Event) for item in events):
        raise ValueError(f"trigger needs an Event or several, not {event!r}; write Event(name=…, data=…)")
    future: Future[Result] = Future()

    def play() -> None:
        try:
            with TestEngine() as engine:
                engine.add(*functions)
                run = _start(engine, function, events, step_stubs)
                future.set_result(engine.finish(run, script=script, timeout_s=timeout_s))
        except BaseException as exc:  # noqa: BLE001  # for whoever reads the result
            future.set_exception(exc)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(play,), name="inngest-nb test", daemon=True).start()
    return Triggered(future)


def _start(
    engine: TestEngine, function: Function[Any], events: list[Event], step_stubs: Mapping[str, Any] | None
) -> Run:
    """Without the function's own flow control, which might keep it from starting, and without its schedules."""
    triggers = [{"event": name} for name in dict.fromkeys(event.name for event in events)]
    if len(events) == 1:
        engine.add_as(function, step_stubs, {"options": {}, "triggers": triggers})
        return engine.start(function, events[0])
    batch = {"maxSize": len(events), "timeout": _BATCH_TIMEOUT}
    engine.add_as(function, step_stubs, {"options": {"batchEvents": batch}, "triggers": triggers})
    engine.send(*events)
    engine.settle()
    return engine.runs(function)[0]
