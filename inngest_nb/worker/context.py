"""What a handler gets as `ctx`, and what code inside a run can find out about it."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, overload

from inngest_nb.errors import InngestError
from inngest_nb.event import Event
from inngest_nb.realtime.refs import UNSET, Publication, TopicRef
from inngest_nb.types import Logger
from inngest_nb.worker.streaming import stream_pieces

if TYPE_CHECKING:
    from inngest_nb.worker.barrier import Group, GroupSync
    from inngest_nb.worker.execution import Execution
    from inngest_nb.worker.steps import Step
    from inngest_nb.worker.steps_sync import StepSync

T = TypeVar("T")


@dataclass(slots=True)  # not frozen: one is made for every step
class CurrentStep:
    """The step attempt that is executing; never changed."""

    hash: str
    step_id: str
    attempt: int


current_execution: contextvars.ContextVar[Execution | None] = contextvars.ContextVar(
    "inngest_nb_execution", default=None
)
current_step: contextvars.ContextVar[CurrentStep | None] = contextvars.ContextVar("inngest_nb_step", default=None)
current_tools: contextvars.ContextVar[Step | StepSync] = contextvars.ContextVar("inngest_nb_tools")


def current_run() -> str | None:
    """The id of the run that this code executes in, if it does."""
    execution = current_execution.get()
    return None if execution is None else execution.run_id


class ReplayLogger(logging.LoggerAdapter[logging.Logger]):
    """The client's logger, silent while remembered code is passed through again."""

    def __init__(self, logger: Logger, execution: Execution) -> None:
        super().__init__(logger, {})  # type: ignore[arg-type]  # an adapter of an adapter works
        self._execution = execution

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802  # logging's name
        """Whether a record of this level goes anywhere now."""
        return not self._execution.replaying and super().isEnabledFor(level)


@dataclass
class Context:
    """The one argument of an async handler. Middleware may replace its fields and add others.

    `job_id` and `request_id` are those of Inngest's own servers, None here.
    """

    attempt: int
    event: Event
    events: list[Event]
    group: Group
    job_id: str | None
    logger: Any
    request_id: str | None
    run_id: str
    step: Step
    max_attempts: int = 1
    _execution: Execution | None = field(default=None, repr=False)

    @overload
    async def publish(self, ref: TopicRef[T], data: T | AsyncIterable[T]) -> Any: ...
    @overload
    async def publish(self, ref: Publication[Any]) -> Any: ...
    async def publish(self, ref: Any, data: Any = UNSET) -> Any:
        """Publish without memo: at once, again on a retry, not while remembered code is passed through.

        Returns the data as subscribers see it. An async iterator is published as a datastream, every piece of it when it
        comes; then what is returned is the stream's id.

        Raises:
            SchemaError, PayloadError, ChannelError: nothing was sent; the message names field and topic.
        """
        return await _running(self._execution).publish(ref, data)

    async def stream(
        self, ref: TopicRef[Any], chunks: AsyncIterable[T], *, to: Callable[[T], Any] | None = None
    ) -> str:
        """Publish every piece of `chunks` and return what was collected.

        `to` turns a piece into the topic's data; without it the piece is the data. Pieces of text are joined.
        """
        return await stream_pieces(_running(self._execution).publish, ref, chunks, to)


@dataclass
class ContextSync:
    """The one argument of a sync handler; fields as in `Context`."""

    attempt: int
    event: Event
    events: list[Event]
    group: GroupSync
    job_id: str | None
    logger: Any
    request_id: str | None
    run_id: str
    step: StepSync
    max_attempts: int = 1
    _execution: Execution | None = field(default=None, repr=False)

    @overload
    def publish(self, ref: TopicRef[T], data: T) -> Any: ...
    @overload
    def publish(self, ref: Publication[Any]) -> Any: ...
    def publish(self, ref: Any, data: Any = UNSET) -> Any:
        """As `Context.publish`, blocking."""
        return _running(self._execution).publish_now(ref, data)


class _Attempt:
    """`ctx.attempt`: within a step the step's own, after one 0 again, as each has a call of its own on Inngest's servers."""

    def __get__(self, ctx: Context | ContextSync, owner: type) -> int:
        execution, step = ctx._execution, current_step.get()  # noqa: SLF001  # the context's own
        given: int = ctx.__dict__["attempt"]
        if execution is None or given != execution.start["attempt"]:  # made by hand, or middleware has its reasons
            return given
        return step.attempt if step is not None else execution.attempt

    def __set__(self, ctx: Context | ContextSync, attempt: int) -> None:
        ctx.__dict__["attempt"] = attempt


Context.attempt = ContextSync.attempt = _Attempt()  # type: ignore[assignment]  # it reads and takes an int


def _running(execution: Execution | None) -> Execution:
    if execution is None:
        raise InngestError("this context was made by hand: publish and stream need one that a run was given")
    return execution
