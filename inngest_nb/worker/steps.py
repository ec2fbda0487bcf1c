"""The step tools of async handlers, `ctx.step`, over one execution."""

from __future__ import annotations

import contextvars
import datetime
import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from inngest_nb.ai import BaseAdapter, as_json, request_of
from inngest_nb.codehash import hash_callable
from inngest_nb.durations import Duration
from inngest_nb.event import Event, as_events, event_from_text
from inngest_nb.jsontext import dumps, loads
from inngest_nb.protocol import MAX_OUTPUT_BYTES, UNTIL
from inngest_nb.realtime.refs import UNSET, TopicRef, as_publication
from inngest_nb.realtime.schemas import validate
from inngest_nb.realtime.streams import at_once
from inngest_nb.types import EmptySentinel
from inngest_nb.worker.approval import Decision, request_approval
from inngest_nb.worker.context import current_step
from inngest_nb.worker.home import current_home
from inngest_nb.worker.outcome import without_stop_iteration
from inngest_nb.worker.usage import check_callable, check_id, full_id, id_of, is_async, microseconds
from inngest_nb.worker.waits import for_duration, for_event, for_function

if TYPE_CHECKING:
    from inngest_nb.function import Function
    from inngest_nb.worker.execution import Execution

T = TypeVar("T")


class Step:
    """`ctx.step` of an async handler."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self.ai = StepAI(self)
        self.realtime = StepRealtime(execution)

    @overload
    async def run(
        self,
        step_id: str,
        handler: Callable[..., Awaitable[T]],
        *handler_args: Any,
        output_type: object = EmptySentinel,
    ) -> T: ...
    @overload
    async def run(
        self,
        step_id: str,
        handler: Callable[..., T],
        *handler_args: Any,
        output_type: object = EmptySentinel,
    ) -> T: ...
    async def run(
        self, step_id: str, handler: Callable[..., Any], *handler_args: Any, output_type: object = EmptySentinel
    ) -> Any:
        """Run `handler` once, whatever happens, and return its JSON result; an async or a sync callable.

        A sync one runs in a thread, so that it blocks nothing but this step. With `output_type` and a client that has a
        serializer, the result is of that type.

        Raises:
            StepError: all attempts failed; the original's name, message and stack.
        """
        called = self.call_of(step_id, handler, handler_args)
        about = {"opts": inputs(handler_args), "code_hash": hash_callable(handler)}
        if output_type is EmptySentinel:
            return await self._execution.step(step_id, "run", called, about=about)
        function = self._execution.handler

        async def call() -> Any:
            return function.serialize(await called(), output_type)

        value = await self._execution.step(step_id, "run", call, about=about)
        return function.deserialize(value, output_type)

    def call_of(self, step_id: str, handler: Callable[..., Any], args: Sequence[Any]) -> Callable[[], Awaitable[Any]]:
        """Call a handler of a step, in a thread unless it is async."""
        if not callable(handler):
            check_id(step_id, self._execution.fn_id)
            check_callable(handler, f"step {step_id!r}", "step.run(id, function, *arguments)")
        if is_async(handler):
            return lambda: handler(*args)
        return lambda: self._in_thread(handler, args)

    async def _in_thread(self, handler: Callable[..., Any], args: Sequence[Any]) -> Any:
        context = contextvars.copy_context()
        threads = current_home.get() or self._execution.worker.threads
        value = await self._execution.worker.loop.run_in_executor(
            threads, functools.partial(context.run, without_stop_iteration, handler, *args)
        )
        return await value if inspect.isawaitable(value) else value

    async def sleep(self, step_id: str, duration: Duration) -> None:
        """Sleep for a timedelta, milliseconds or a text such as "15m". The run needs no process meanwhile."""
        await self._execution.wait(step_id, "sleep", for_duration(step_id, duration, self._now()))

    async def sleep_until(self, step_id: str, until: datetime.datetime) -> None:
        """Sleep until a time; a naive one is local time, a past one is now."""
        await self._execution.wait(step_id, "sleep", {"wake_at": microseconds(step_id, until), "opts": UNTIL})

    async def wait_for_event(
        self, step_id: str, *, event: str, timeout: Duration, if_exp: str | None = None, since: str | None = None
    ) -> Event | None:
        """Wait for the first event of this name for which `if_exp` is true; None after `timeout`.

        In `if_exp`, `event` is the run's own event and `async` the arriving one. Events that came before are not seen,
        unless `since` is "run": then one that came after the run was made, and that no other wait of the run has had,
        ends the wait at once. A real Inngest server has no `since`.

        To wait for the first of several, run waits as tasks and cancel those that lost: a wait whose task is cancelled
        takes no event any more.
        """
        wait = for_event(step_id, event, timeout, if_exp, self._now(), since)
        return _event_or_none(await self._execution.wait(step_id, "wait_for_event", wait))

    def _now(self) -> int:
        return self._execution.worker.clock.now()

    async def invoke(
        self,
        step_id: str,
        *,
        function: Function[T],
        data: Mapping[str, Any] | None = None,
        timeout: Duration | None = None,
        v: str | None = None,
    ) -> T:
        """Run another function with `data` and return its output; it needs no trigger for that.

        Raises:
            StepError: it failed (with its error), was cancelled, is not registered, or took longer than `timeout`
            (default a year); it goes on in that case.
        """
        output = await self._invoke(step_id, id_of(step_id, function), data, timeout)
        return cast("T", self._execution.handler.deserialize(output, function.output_type))

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
        return await self._invoke(step_id, full_id(step_id, app_id or own, function_id), data, timeout)

    async def _invoke(self, step_id: str, fn_id: str, data: Mapping[str, Any] | None, timeout: Duration | None) -> Any:
        wait = for_function(step_id, fn_id, data, timeout, self._now())
        return await self._execution.wait(step_id, "invoke", wait)

    async def request_approval(
        self,
        step_id: str,
        ref: TopicRef[Any],
        *,
        message: str,
        timeout: Duration,
        schema: Any = None,
        draft: Any = None,
    ) -> Decision | None:
        """Ask a person on a channel and wait for the decision; None after `timeout`.

        The wait is registered before the question is published, so that no answer is missed. With a `schema` (a pydantic
        model or type) the question has a form, and `.data` of an approval has that type; an answer that does not fit is
        refused, and one that fails the type's own checks is asked for again. `draft` (a value of the schema's type, or a
        dict) is what the form holds at first; else it holds the defaults.
        """
        return await request_approval(
            self._execution, step_id, ref, message=message, schema=schema, timeout=timeout, draft=draft
        )

    async def send_event(self, step_id: str, events: Event | list[Event]) -> list[str]:
        """Send events, once; returns their internal ids."""
        listed = as_events(events)
        return cast("list[str]", await self._execution.step(step_id, "send_event", lambda: self._send(listed)))

    async def _send(self, events: list[Event]) -> list[str]:
        hooks = self._execution.hooks
        if hooks is None:
            return await self._request_send(events)
        # Copies: middleware may change events in place, and a retry must find what the body gave.
        return await hooks.around_send([event.model_copy() for event in events], self._request_send)

    async def _request_send(self, events: list[Event]) -> list[str]:
        # The key makes a repeated attempt harmless: the engine knows what it has accepted under it.
        step = current_step.get()
        assert step is not None
        params = {"events": [event.to_wire() for event in events], "key": f"{self._execution.run_id}:{step.hash}"}
        ids: list[str] = await self._execution.worker.request("send", params)
        return ids


class StepAI:
    """`ctx.step.ai`."""

    def __init__(self, step: Step) -> None:
        self._step = step

    async def infer(self, step_id: str, *, adapter: BaseAdapter, body: dict[str, Any]) -> dict[str, Any]:
        """Ask a provider's HTTP API, once; returns its JSON answer. The key is not recorded.

        Raises:
            StepError: it refused the request, or did not answer properly in any attempt.
        """
        request = request_of(adapter, body)
        about = {"opts": request.recorded()}
        answer = await self._step._execution.step(step_id, "ai.infer", request.send, about=about)  # noqa: SLF001  # its own pair
        return cast("dict[str, Any]", answer)

    async def wrap(self, step_id: str, handler: Callable[..., Any], *handler_args: Any) -> Any:
        """As `Step.run`, for a call of a model through its own library; an answer that is a pydantic model becomes JSON."""
        called = self._step.call_of(step_id, handler, handler_args)

        async def call() -> Any:
            return as_json(await called())

        about = {"opts": inputs(handler_args), "code_hash": hash_callable(handler)}
        return await self._step._execution.step(step_id, "ai.wrap", call, about=about)  # noqa: SLF001


class StepRealtime:
    """`ctx.step.realtime`."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def publish(self, step_id: str, ref: TopicRef[T], data: T = UNSET) -> Any:
        """Publish as a step of the run: exactly once in the channel's log. Returns the data as it was sent."""
        publication = at_once(as_publication(ref, data))
        text = validate(publication.ref, publication.data)
        message = {"channel": publication.ref.channel, "topic": publication.ref.topic, "data": text}
        return await self._execution.step(step_id, "realtime.publish", lambda: loads(text), publish=message)


def inputs(args: Sequence[Any]) -> str | None:
    """The arguments as they are recorded, to be looked at and edited; None where they are not JSON, or too large."""
    if not args:
        return None
    try:
        text = dumps(list(args))
    except TypeError:
        return None
    return f'{{"input":{text}}}' if len(text) <= MAX_OUTPUT_BYTES else None


def _event_or_none(value: Any) -> Event | None:
    return None if value is None else event_from_text(value)
