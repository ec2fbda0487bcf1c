"""The step tools of sync handlers: those of async ones, blocking the body's own thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import datetime
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from inngest_nb.ai import BaseAdapter
from inngest_nb.durations import Duration
from inngest_nb.event import Event
from inngest_nb.realtime.refs import UNSET, TopicRef
from inngest_nb.types import EmptySentinel
from inngest_nb.worker.approval import Decision
from inngest_nb.worker.home import current_home
from inngest_nb.worker.steps import Step, StepAI, StepRealtime

if TYPE_CHECKING:
    from inngest_nb.function import Function
    from inngest_nb.worker.execution import Execution

T = TypeVar("T")


class StepSync:
    """`ctx.step` of a sync handler; the same tools, blocking the body's own thread."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._step = Step(execution)
        self.ai = StepAISync(self._step.ai, self)
        self.realtime = StepRealtimeSync(self)

    def block(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run on the worker's loop, in this thread's context, and wait; meanwhile the thread executes the body's steps.

        Raises:
            asyncio.CancelledError: the engine has no use for this execution any more.
        """
        execution, home = self._execution, current_home.get()
        context = contextvars.copy_context()

        async def in_context() -> T:
            if execution.stopped:
                coroutine.close()
                raise asyncio.CancelledError
            task: asyncio.Task[T] = execution.worker.loop.create_task(coroutine, context=context)
            execution.children.add(task)
            task.add_done_callback(execution.children.discard)
            return await task

        future = asyncio.run_coroutine_threadsafe(in_context(), execution.worker.loop)
        if home is not None:
            home.serve(future)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise asyncio.CancelledError from None  # no Exception: a body that catches those does not go on by mistake

    def run(
        self,
        step_id: str,
        handler: Callable[..., T],
        *handler_args: Any,
        output_type: object = EmptySentinel,
    ) -> T:
        """As `Step.run`; the handler runs in the body's own thread."""
        return self.block(self._step.run(step_id, handler, *handler_args, output_type=output_type))

    def sleep(self, step_id: str, duration: Duration) -> None:
        """As `Step.sleep`."""
        self.block(self._step.sleep(step_id, duration))

    def sleep_until(self, step_id: str, until: datetime.datetime) -> None:
        """As `Step.sleep_until`."""
        self.block(self._step.sleep_until(step_id, until))

    def wait_for_event(
        self, step_id: str, *, event: str, timeout: Duration, if_exp: str | None = None, since: str | None = None
    ) -> Event | None:
        """As `Step.wait_for_event`."""
        return self.block(self._step.wait_for_event(step_id, event=event, timeout=timeout, if_exp=if_exp, since=since))

    def request_approval(self, step_id: str, ref: TopicRef[Any], **options: Any) -> Decision | None:
        """As `Step.request_approval`."""
        return self.block(self._step.request_approval(step_id, ref, **options))

    def invoke(
        self,
        step_id: str,
        *,
        function: Function[T],
        data: Mapping[str, Any] | None = None,
        timeout: Duration | None = None,
        v: str | None = None,
    ) -> T:
        """As `Step.invoke`."""
        return self.block(self._step.invoke(step_id, function=function, data=data, timeout=timeout, v=v))

    def invoke_by_id(
        self,
        step_id: str,
        *,
        function_id: str,
        app_id: str | None = None,
        data: Mapping[str, Any] | None = None,
        timeout: Duration | None = None,
        v: str | None = None,
    ) -> Any:
        """As `Step.invoke_by_id`."""
        invoked = self._step.invoke_by_id(
            step_id, function_id=function_id, app_id=app_id, data=data, timeout=timeout, v=v
        )
        return self.block(invoked)

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


class StepAISync:
    """`ctx.step.ai` of a sync handler."""

    def __init__(self, tools: StepAI, step: StepSync) -> None:
        self._tools, self._step = tools, step

    def infer(self, step_id: str, *, adapter: BaseAdapter, body: dict[str, Any]) -> dict[str, Any]:
        """As `StepAI.infer`."""
        return self._step.block(self._tools.infer(step_id, adapter=adapter, body=body))

    def wrap(self, step_id: str, handler: Callable[..., Any], *handler_args: Any) -> Any:
        """As `StepAI.wrap`."""
        return self._step.block(self._tools.wrap(step_id, handler, *handler_args))
