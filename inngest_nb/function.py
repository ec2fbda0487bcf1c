"""Functions: a handler, what starts it, and how it is retried."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from inngest_nb.codehash import hash_callable, reachable_hashes
from inngest_nb.errors import FunctionConfigInvalidError
from inngest_nb.protocol import FunctionConfig
from inngest_nb.run import Run
from inngest_nb.triggers import TriggerCron, TriggerEvent
from inngest_nb.worker.barrier import Group
from inngest_nb.worker.context import Context, ContextSync, ReplayLogger, current_execution
from inngest_nb.worker.steps import Step, StepSync

if TYPE_CHECKING:
    from inngest_nb.client import Inngest
    from inngest_nb.worker.execution import Execution

Trigger = TriggerEvent | TriggerCron
FAILED_EVENT = "inngest/function.failed"
INVOKED_EVENT = "inngest/function.invoked"
MAX_RETRIES = 20
Backoff = str | float | None


class Function:
    """What `create_function` makes of a handler. `start` it, or send an event that triggers it."""

    def __init__(
        self,
        client: Inngest,
        handler: Callable[..., Any],
        *,
        fn_id: str,
        triggers: list[Trigger],
        name: str | None,
        retries: int,
        backoff: Backoff,
        on_failure: Callable[..., Any] | None = None,
    ) -> None:
        self._client, self._handler = client, handler
        self.local_id, self.name = fn_id, name or fn_id
        self.id = f"{client.app_id}-{fn_id}"
        self._triggers, self._retries, self._backoff = triggers, retries, backoff
        self.is_handler_async = inspect.iscoroutinefunction(handler)
        self._on_failure = on_failure
        _check(self)

    @property
    def on_failure_fn_id(self) -> str | None:
        """The id of the function that runs when this one has failed."""
        return f"{self.id}-failure" if self._on_failure else None

    @property
    def is_on_failure_handler_async(self) -> bool | None:
        """Whether the failure handler is async; None without one."""
        return inspect.iscoroutinefunction(self._on_failure) if self._on_failure else None

    def failure_function(self) -> Function | None:
        """The function that the failure handler is."""
        if self._on_failure is None:
            return None
        trigger = TriggerEvent(event=FAILED_EVENT, expression=f"event.data.function_id == '{self.id}'")
        return Function(
            self._client, self._on_failure, fn_id=f"{self.local_id}-failure", triggers=[trigger],
            name=f"{self.name} (failure)", retries=0, backoff=self._backoff,
        )  # fmt: skip

    def start(self, data: Mapping[str, Any] | None = None, *, id: str | None = None) -> Run:  # noqa: A002  # the event's own word
        """Start a run of this function alone and return once that is durable; the body runs in the background.

        The event carries the name of the function's first event trigger, and no other function is started by it.

        Raises:
            EventInvalidError: `data` is not an object of JSON, or too large.
            JournalUnavailable: the start could not be made durable.
        """
        event = {"name": self._event_name(), "data": {} if data is None else data} | ({"id": id} if id else {})
        return self._client._start(self.id, event)  # noqa: SLF001  # its own client

    def _event_name(self) -> str:
        names = (t.event for t in self._triggers if isinstance(t, TriggerEvent) and "*" not in t.event)
        return next(names, INVOKED_EVENT)

    def pause(self) -> None:
        """Start no more runs: new events are skipped, and runs under way stop at their next wait."""
        self._client._link().call("pause", {"fn_id": self.id, "paused": True})  # noqa: SLF001

    def unpause(self) -> None:
        """Go on after `pause`."""
        self._client._link().call("pause", {"fn_id": self.id, "paused": False})  # noqa: SLF001

    # -- for the worker --------------------------------------------------------------------------

    def config(self) -> FunctionConfig:
        """How the function is registered."""
        return {
            "id": self.id,
            "app_id": self._client.app_id,
            "name": self.name,
            "triggers": [trigger.model_dump(exclude_none=True) for trigger in self._triggers],
            "retries": self._retries,
            "backoff": self._backoff,
            "options": {},
            "on_failure": self._on_failure is not None,
            "code_hash": hash_callable(self._handler),
            "step_hashes": reachable_hashes(self._handler),
        }

    def call(self, execution: Execution) -> Awaitable[Any]:
        """Enter the handler for one run."""
        events = execution.events()
        common: dict[str, Any] = {
            "event": events[0],
            "events": events,
            "run_id": execution.run_id,
            "attempt": execution.attempt,
            "max_attempts": execution.start["max_attempts"],
            "group": Group(),
            "logger": ReplayLogger(self._client.logger, execution),
            "_execution": execution,
        }
        if self.is_handler_async:
            result: Awaitable[Any] = self._handler(Context(step=Step(execution), **common))
            return result
        return _in_own_thread(execution, self._handler, ContextSync(step=StepSync(execution), **common))

    def __repr__(self) -> str:
        starts = ", ".join(t.event if isinstance(t, TriggerEvent) else t.cron for t in self._triggers)
        return f"Function({self.id!r}, started by {starts})"


def _in_own_thread(
    execution: Execution, handler: Callable[[ContextSync], Any], ctx: ContextSync
) -> asyncio.Future[Any]:
    """A sync body gets a thread of its own: it may wait for days, which no pool should."""
    loop = execution.worker.loop
    future: asyncio.Future[Any] = loop.create_future()

    def settle(error: BaseException | None, value: Any) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)

    def body() -> None:
        current_execution.set(execution)
        value: Any = None
        error: BaseException | None = None
        try:
            value = handler(ctx)
        except StopIteration as exc:  # a future cannot carry it
            error = RuntimeError(f"the body raised StopIteration: {exc}")
        except BaseException as exc:  # noqa: BLE001  # whatever user code raises is an outcome
            error = exc
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, error, value)

    threading.Thread(target=body, name=f"inngest-nb {execution.fn_id}", daemon=True).start()
    return future


def _check(function: Function) -> None:
    where = f"function {function.local_id!r}"
    if not isinstance(function.local_id, str) or not function.local_id:
        raise FunctionConfigInvalidError(f"fn_id must be a non-empty string, not {function.local_id!r}")
    if not callable(function._handler):  # noqa: SLF001  # same module
        raise FunctionConfigInvalidError(f"{where}: the handler must be callable, not {function._handler!r}")  # noqa: SLF001
    retries = function._retries  # noqa: SLF001
    if isinstance(retries, bool) or not isinstance(retries, int) or not 0 <= retries <= MAX_RETRIES:
        raise FunctionConfigInvalidError(
            f"{where}: retries must be a whole number from 0 to {MAX_RETRIES}, not {retries!r}"
        )
    backoff = function._backoff  # noqa: SLF001
    if not (
        backoff is None
        or backoff == "inngest"
        or (isinstance(backoff, (int, float)) and not isinstance(backoff, bool) and backoff >= 0)
    ):
        raise FunctionConfigInvalidError(
            f'{where}: backoff must be None, "inngest" or a number of seconds, not {backoff!r}'
        )
    on_failure_async = function.is_on_failure_handler_async
    if on_failure_async is not None and on_failure_async != function.is_handler_async:
        raise FunctionConfigInvalidError(f"{where}: handler and on_failure must both be async or both be sync")
