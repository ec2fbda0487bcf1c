"""The step tools: `ctx.step` and `ctx.group`, async and sync, over one execution."""

from __future__ import annotations

import asyncio
import contextvars
import datetime
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from inngest_nb.durations import Duration, to_milliseconds
from inngest_nb.errors import EventInvalidError
from inngest_nb.event import Event, event_from_text
from inngest_nb.jsontext import dumps, loads
from inngest_nb.protocol import Message
from inngest_nb.realtime.refs import UNSET, TopicRef, as_publication
from inngest_nb.realtime.schemas import validate
from inngest_nb.worker.context import current_step
from inngest_nb.worker.outcome import now_us

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
        return cast("T", await self._execution.step(step_id, "run", self._call(handler, handler_args)))

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
        await self._execution.wait(step_id, "sleep", _until(now_us() + _wait_ms(step_id, duration) * 1000))

    async def sleep_until(self, step_id: str, until: datetime.datetime) -> None:
        """Sleep until a time; a naive one is local time, a past one is now."""
        await self._execution.wait(step_id, "sleep", _until(int(until.timestamp() * 1e6)))

    async def wait_for_event(
        self, step_id: str, *, event: str, timeout: Duration, if_exp: str | None = None
    ) -> Event | None:
        """Wait for the first event of this name for which `if_exp` is true; None after `timeout`.

        In `if_exp`, `event` is the run's own event and `async` the arriving one. Events that came before are not seen.
        """
        return _event_or_none(
            await self._execution.wait(step_id, "wait_for_event", _for_event(step_id, event, timeout, if_exp))
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
        return await self._execution.wait(step_id, "invoke", _invocation(step_id, function.id, data, timeout))

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
        return await self._execution.wait(step_id, "invoke", _invocation(step_id, full, data, timeout))

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


class Group:
    """`ctx.group`: several branches at once."""

    async def parallel(self, callables: tuple[Callable[[], Awaitable[Any]], ...]) -> tuple[Any, ...]:
        """Run all branches concurrently and return their results in order; the first failure is raised when all have ended."""
        results = await asyncio.gather(*(branch() for branch in callables), return_exceptions=True)
        failed = next((result for result in results if isinstance(result, BaseException)), None)
        if failed is not None:
            raise failed
        return tuple(results)


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


def _until(wake_at: int) -> Message:
    return {"wake_at": wake_at}


def _wait_ms(step_id: str, duration: Duration) -> int:
    wait = to_milliseconds(duration, field=f"the duration of step {step_id!r}")
    if wait > _MAX_WAIT_MS:
        raise ValueError(f"step {step_id!r} would wait {wait / 86_400_000:.0f} days; at most 366 are possible")
    return wait


def _for_event(step_id: str, event: str, timeout: Duration, if_exp: str | None) -> Message:
    if not isinstance(event, str) or not event:
        raise EventInvalidError(f"step {step_id!r} waits for an event without a name; pass event='app/name'")
    return {"event": event, "if_exp": if_exp, "wake_at": now_us() + _wait_ms(step_id, timeout) * 1000}


def _invocation(step_id: str, fn_id: str, data: Mapping[str, Any] | None, timeout: Duration | None) -> Message:
    try:
        text = dumps({} if data is None else data)
    except TypeError as exc:
        raise EventInvalidError(f"the data of step {step_id!r} must be an object of JSON: {exc}") from None
    wait_ms = 365 * 86_400_000 if timeout is None else _wait_ms(step_id, timeout)
    return {"function_id": fn_id, "data": text, "wake_at": now_us() + wait_ms * 1000, "opts": f'{{"input":{text}}}'}


def _event_or_none(value: Any) -> Event | None:
    return None if value is None else event_from_text(value)


def _as_events(events: Event | list[Event]) -> list[dict[str, Any]]:
    return [event.to_wire() for event in ([events] if isinstance(events, Event) else events)]
