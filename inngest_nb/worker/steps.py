"""The step tools: `ctx.step` and `ctx.group`, async and sync, over one execution."""

from __future__ import annotations

import asyncio
import contextvars
import datetime
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from inngest_nb.codehash import hash_callable
from inngest_nb.durations import Duration
from inngest_nb.event import Event, event_from_text
from inngest_nb.jsontext import dumps, loads
from inngest_nb.realtime.refs import UNSET, TopicRef, as_publication
from inngest_nb.realtime.schemas import validate
from inngest_nb.worker.approval import Decision, request_approval
from inngest_nb.worker.context import current_step
from inngest_nb.worker.waits import for_duration, for_event, for_function

if TYPE_CHECKING:
    from inngest_nb.worker.execution import Execution

T = TypeVar("T")
_MAX_WAIT_MS = 366 * 86_400_000


class Step:
    """`ctx.step` of an async handler."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self.realtime = StepRealtime(execution)

    async def run(self, step_id: str, handler: Callable[..., Awaitable[T]] | Callable[..., T], *handler_args: Any) -> T:
        """Run `handler` once, whatever happens, and return its JSON result; an async or a sync callable.

        A sync one runs in a thread, so that it blocks nothing but this step.

        Raises:
            StepError: all attempts failed; the original's name, message and stack.
        """
        call = self._call(handler, handler_args)
        about = {"opts": _inputs(handler_args), "code_hash": hash_callable(handler)}
        return cast("T", await self._execution.step(step_id, "run", call, about=about))

    def _call(self, handler: Callable[..., Any], args: Sequence[Any]) -> Callable[[], Any]:
        if inspect.iscoroutinefunction(handler):
            return lambda: handler(*args)
        return lambda: self._in_thread(handler, args)

    async def _in_thread(self, handler: Callable[..., Any], args: Sequence[Any]) -> Any:
        context = contextvars.copy_context()
        value = await self._execution.worker.loop.run_in_executor(
            self._execution.worker.threads, context.run, handler, *args
        )
        return await value if inspect.isawaitable(value) else value

    async def sleep(self, step_id: str, duration: Duration) -> None:
        """Sleep for a timedelta, milliseconds or a text such as "15m". The run needs no process meanwhile."""
        await self._execution.wait(step_id, "sleep", for_duration(step_id, duration))

    async def sleep_until(self, step_id: str, until: datetime.datetime) -> None:
        """Sleep until a time; a naive one is local time, a past one is now."""
        await self._execution.wait(step_id, "sleep", {"wake_at": int(until.timestamp() * 1e6)})

    async def wait_for_event(
        self, step_id: str, *, event: str, timeout: Duration, if_exp: str | None = None
    ) -> Event | None:
        """Wait for the first event of this name for which `if_exp` is true; None after `timeout`.

        In `if_exp`, `event` is the run's own event and `async` the arriving one. Events that came before are not seen.
        """
        return _event_or_none(
            await self._execution.wait(step_id, "wait_for_event", for_event(step_id, event, timeout, if_exp))
        )

    async def invoke(
        self,
        step_id: str,
        *,
        function: Any,
        data: Mapping[str, Any] | None = None,
        timeout: Duration | None = None,
        v: str | None = None,
    ) -> Any:
        """Run another function with `data` and return its output; it needs no trigger for that.

        Raises:
            StepError: it failed (with its error), was cancelled, is not registered, or took longer than `timeout`
            (default a year); it goes on in that case.
        """
        return await self._execution.wait(step_id, "invoke", for_function(step_id, function.id, data, timeout))

    async def invoke_by_id(
        self,
        step_id: str,
        *,
        function_id: str,
        app_id: str | None = None,
        data: Mapping[str, Any] | None = None,
        timeout: Duration | None = None,
        v: str | None = None,
    ) -> Any:
        """As `invoke`, by the function's id inside `app_id` (default: this app)."""
        own = self._execution.fn_id.removesuffix(f"-{self._execution.handler.local_id}")
        full = f"{app_id or own}-{function_id}"
        return await self._execution.wait(step_id, "invoke", for_function(step_id, full, data, timeout))

    async def request_approval(
        self, step_id: str, ref: TopicRef[Any], *, message: str, timeout: Duration, schema: Any = None
    ) -> Decision | None:
        """Ask a person on a channel and wait for the decision; None after `timeout`.

        The wait is registered before the question is published, so that no answer is missed. With a `schema` (a pydantic
        model or type), `.data` of an approval has that type.
        """
        return await request_approval(self._execution, step_id, ref, message=message, schema=schema, timeout=timeout)

    async def send_event(self, step_id: str, events: Event | list[Event]) -> list[str]:
        """Send events, once; returns their internal ids."""
        return cast("list[str]", await self._execution.step(step_id, "send_event", self._send(events)))

    def _send(self, events: Event | list[Event]) -> Callable[[], Any]:
        wire = _as_events(events)

        def call() -> Any:
            # The key makes a repeated attempt harmless: the engine knows what it has accepted under it.
            step = current_step.get()
            assert step is not None
            return self._execution.worker.request(
                "send", {"events": wire, "key": f"{self._execution.run_id}:{step.hash}"}
            )

        return call


class StepRealtime:
    """`ctx.step.realtime`."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def publish(self, step_id: str, ref: TopicRef[T], data: T = UNSET) -> Any:
        """Publish as a step of the run: exactly once in the channel's log. Returns the data as it was sent."""
        publication = as_publication(ref, data)
        text = validate(publication.ref, publication.data)
        message = {"channel": publication.ref.channel, "topic": publication.ref.topic, "data": text}
        return await self._execution.step(step_id, "realtime.publish", lambda: loads(text), publish=message)


class StepSync:
    """`ctx.step` of a sync handler; the same tools, blocking the body's own thread."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._step = Step(execution)
        self.realtime = StepRealtimeSync(self)

    def block(self, coroutine: Awaitable[T]) -> T:
        """Run on the worker's loop, in this thread's context, and wait."""
        context = contextvars.copy_context()
        loop = self._execution.worker.loop

        async def in_context() -> T:
            task: asyncio.Task[T] = loop.create_task(cast("Any", coroutine), context=context)
            return await task

        return asyncio.run_coroutine_threadsafe(in_context(), loop).result()

    def run(self, step_id: str, handler: Callable[..., T], *handler_args: Any) -> T:
        """As `Step.run`."""
        return self.block(self._step.run(step_id, handler, *handler_args))

    def sleep(self, step_id: str, duration: Duration) -> None:
        """As `Step.sleep`."""
        self.block(self._step.sleep(step_id, duration))

    def sleep_until(self, step_id: str, until: datetime.datetime) -> None:
        """As `Step.sleep_until`."""
        self.block(self._step.sleep_until(step_id, until))

    def wait_for_event(self, step_id: str, *, event: str, timeout: Duration, if_exp: str | None = None) -> Event | None:
        """As `Step.wait_for_event`."""
        return self.block(self._step.wait_for_event(step_id, event=event, timeout=timeout, if_exp=if_exp))

    def request_approval(self, step_id: str, ref: TopicRef[Any], **options: Any) -> Decision | None:
        """As `Step.request_approval`."""
        return self.block(self._step.request_approval(step_id, ref, **options))

    def invoke(self, step_id: str, *, function: Any, **options: Any) -> Any:
        """As `Step.invoke`."""
        return self.block(self._step.invoke(step_id, function=function, **options))

    def invoke_by_id(self, step_id: str, *, function_id: str, **options: Any) -> Any:
        """As `Step.invoke_by_id`."""
        return self.block(self._step.invoke_by_id(step_id, function_id=function_id, **options))

    def send_event(self, step_id: str, events: Event | list[Event]) -> list[str]:
        """As `Step.send_event`."""
        return self.block(self._step.send_event(step_id, events))


class StepRealtimeSync:
    """`ctx.step.realtime` of a sync handler."""

    def __init__(self, step: StepSync) -> None:
        self._step = step

    def publish(self, step_id: str, ref: TopicRef[T], data: T = UNSET) -> Any:
        """As `StepRealtime.publish`."""
        return self._step.block(StepRealtime(self._step._execution).publish(step_id, ref, data))  # noqa: SLF001  # its own pair


def _inputs(args: Sequence[Any]) -> str | None:
    """The arguments as they are recorded, to be looked at and edited; None where they are not JSON."""
    if not args:
        return None
    try:
        return f'{{"input":{dumps(list(args))}}}'
    except TypeError:
        return None


def _event_or_none(value: Any) -> Event | None:
    return None if value is None else event_from_text(value)


def _as_events(events: Event | list[Event]) -> list[dict[str, Any]]:
    return [event.to_wire() for event in ([events] if isinstance(events, Event) else events)]
