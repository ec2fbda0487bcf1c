"""Functions: a handler, what starts it, and how it is retried."""

from __future__ import annotations

import asyncio
import contextvars
import datetime
import functools
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args

from inngest_nb.codehash import hash_callable, reachable_hashes
from inngest_nb.errors import FunctionConfigInvalidError
from inngest_nb.event import event_from_text
from inngest_nb.jsontext import loads
from inngest_nb.middleware import StepMemos, UninitializedMiddleware, checked, instances
from inngest_nb.options import Options
from inngest_nb.protocol import FunctionConfig
from inngest_nb.run import Run
from inngest_nb.times import to_us
from inngest_nb.triggers import TriggerCron, TriggerEvent
from inngest_nb.types import EmptySentinel
from inngest_nb.worker.barrier import Group, GroupSync
from inngest_nb.worker.context import Context, ContextSync, ReplayLogger, current_tools
from inngest_nb.worker.home import Home, current_home
from inngest_nb.worker.hooks import Hooks, memos_of
from inngest_nb.worker.steps import Step
from inngest_nb.worker.steps_sync import StepSync
from inngest_nb.worker.usage import is_async

if TYPE_CHECKING:
    from inngest_nb.client import Inngest
    from inngest_nb.links import Link
    from inngest_nb.worker.execution import Execution

T = TypeVar("T")
Trigger = TriggerEvent | TriggerCron
#: Handlers take one argument, the context, and return JSON (or `output_type`).
Handler = Callable[[Context], Awaitable[T]] | Callable[[ContextSync], T]
FAILED_EVENT = "inngest/function.failed"
INVOKED_EVENT = "inngest/function.invoked"
Backoff = str | float | None
#: When a body is entered from the top: after a crash and after long waits, or after every step as in production.
Replay = Literal["on_resume", "always"]


class Function(Generic[T]):
    """What `create_function` makes of a handler. `start` it, or send an event that triggers it."""

    id: str
    local_id: str
    name: str
    is_handler_async: bool

    def __init__(
        self,
        client: Inngest,
        handler: Handler[T],
        *,
        fn_id: str,
        triggers: Sequence[Trigger],
        name: str | None,
        retries: int,
        backoff: Backoff,
        on_failure: Handler[Any] | None = None,
        options: Options | None = None,
        middleware: list[UninitializedMiddleware] | None = None,
        output_type: object = EmptySentinel,
        replay: Replay = "on_resume",
    ) -> None:
        self._client, self._handler, self.replay = client, handler, replay
        self.local_id, self.name = fn_id, name or fn_id
        self.id = f"{client.app_id}-{fn_id}"
        self._triggers, self._retries, self._backoff = list(triggers), retries, backoff
        self.is_handler_async: bool = is_async(handler)
        self._on_failure, self._options = on_failure, options or Options()
        self._middleware, self.output_type = checked(middleware, f"function {fn_id!r}"), output_type
        _check(self)

    @property
    def handler(self) -> Handler[T]:
        """What was decorated."""
        return self._handler

    @property
    def has_middleware(self) -> bool:
        """Whether calls go through middleware, of the client or of its own."""
        return bool(self._client.middleware or self._middleware)

    def get_id(self) -> str:
        """The full id."""
        return self.id

    @property
    def on_failure_fn_id(self) -> str | None:
        """The id of the function that runs when this one has failed."""
        return f"{self.id}-failure" if self._on_failure else None

    @property
    def is_on_failure_handler_async(self) -> bool | None:
        """Whether the failure handler is async; None without one."""
        return is_async(self._on_failure) if self._on_failure else None

    def failure_function(self) -> Function[Any] | None:
        """The function that the failure handler is."""
        if self._on_failure is None:
            return None
        trigger = TriggerEvent(event=FAILED_EVENT, expression=f"event.data.function_id == '{self.id}'")
        return Function(
            self._client, self._on_failure, fn_id=f"{self.local_id}-failure", triggers=[trigger],
            name=f"{self.name} (failure)", retries=0, backoff=self._backoff, middleware=self._middleware,
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

    def backfill(self, since: datetime.datetime, until: datetime.datetime | None = None) -> list[Run]:
        """Start the runs of cron ticks from `since` to `until` (None: now, excluded) that had none, oldest first.

        Concurrency, throttle and the like hold for them too.

        Raises:
            FunctionConfigInvalidError: the function has no cron trigger.
            StartRefused: there are more than 1,000 ticks in that time.
        """
        link = self._client._link()  # noqa: SLF001  # its own client
        params = {"fn_id": self.id, "since": to_us(since, field="since"), "until": to_us(until, field="until")}
        return [Run(link, state) for state in link.call("backfill", params, timeout=None)]

    def pause(self) -> None:
        """Start no more runs: new events are skipped, and runs under way stop at their next wait."""
        self._client._link().call("pause", {"fn_id": self.id, "paused": True})  # noqa: SLF001

    def unpause(self) -> None:
        """Go on after `pause`."""
        self._client._link().call("pause", {"fn_id": self.id, "paused": False})  # noqa: SLF001

    def register(self, link: Link) -> None:
        """Offer it, and its failure handler, to an engine; the client has done that for its own."""
        for item in (self, self.failure_function()):
            if item is not None:
                link.worker.register(item.id, item)

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
            "options": self._options.registered(),
            "on_failure": self._on_failure is not None,
            "code_hash": hash_callable(self._handler),
            "step_hashes": reachable_hashes(self._handler),
        }

    async def call(self, execution: Execution) -> Any:
        """Enter the handler for one run; a sync one in a thread of its own: it may wait for days, which no pool should."""
        if self.is_handler_async:
            return await self._between_hooks(execution)
        home = Home(f"inngest-nb {execution.fn_id}")
        current_home.set(home)
        try:
            return await self._between_hooks(execution)
        finally:
            home.close()

    async def _between_hooks(self, execution: Execution) -> Any:
        middleware = instances(self._client, self._middleware)
        if not middleware:
            return await self._enter(self._context(execution))
        execution.hooks = Hooks(self, middleware, lambda: self._context(execution))
        ctx = self._context(execution)

        async def enter(memos: StepMemos) -> Any:
            execution.hydrated = memos
            return await self._enter(ctx)

        return await execution.hooks.around(ctx, memos_of(execution.start), enter)

    async def _enter(self, ctx: Context | ContextSync) -> Any:
        handler: Callable[..., Any] = self._handler
        current_tools.set(ctx.step)
        home = current_home.get()
        if home is None:
            output = await handler(ctx)
        else:
            context = contextvars.copy_context()
            output = await asyncio.get_running_loop().run_in_executor(
                home, functools.partial(context.run, handler, ctx)
            )
        return self.serialize(output, self.output_type)

    def _context(self, execution: Execution) -> Context | ContextSync:
        common: dict[str, Any] = {
            "attempt": execution.attempt,
            "event": event_from_text(loads(execution.start["event"])),
            "events": [event_from_text(loads(text)) for text in execution.start["events"]],
            "job_id": None,
            "logger": ReplayLogger(self._client.logger, execution),
            "request_id": None,
            "run_id": execution.run_id,
            "max_attempts": execution.start["max_attempts"],
            "_execution": execution,
        }
        if self.is_handler_async:
            return Context(step=Step(execution), group=Group(), **common)
        return ContextSync(step=StepSync(execution), group=GroupSync(), **common)

    def serialize(self, value: object, typ: object) -> object:
        """The JSON form of a value of a declared type, if the client has a serializer."""
        serializer = self._client.serializer
        return value if serializer is None or typ is EmptySentinel else serializer.serialize(value, typ)

    def deserialize(self, value: object, typ: object) -> object:
        """The other way round."""
        serializer = self._client.serializer
        return value if serializer is None or typ is EmptySentinel else serializer.deserialize(value, typ)

    def __repr__(self) -> str:
        starts = ", ".join(t.event if isinstance(t, TriggerEvent) else t.cron for t in self._triggers)
        return f"Function({self.id!r}, started by {starts})"


def _check(function: Function[Any]) -> None:
    from inngest_nb.registration import (
        check_function,
        check_handler,
        check_retrying,
    )  # the expression language is not needed before

    where = f"function {function.local_id!r}"
    if not isinstance(function.local_id, str) or not function.local_id:
        raise FunctionConfigInvalidError(f"fn_id must be a non-empty string, not {function.local_id!r}")
    check_handler(function.local_id, "the handler", function._handler)  # noqa: SLF001  # same module
    check_handler(function.local_id, "on_failure", function._on_failure, optional=True)  # noqa: SLF001
    check_retrying(function.local_id, function._retries, function._backoff)  # noqa: SLF001
    if function.replay not in get_args(Replay):
        raise FunctionConfigInvalidError(f'{where}: replay must be "on_resume" or "always", not {function.replay!r}')
    on_failure_async = function.is_on_failure_handler_async
    if on_failure_async is not None and on_failure_async != function.is_handler_async:
        raise FunctionConfigInvalidError(f"{where}: handler and on_failure must both be async or both be sync")
    doubts = check_function(
        function.local_id,
        name=function.name,
        triggers=function._triggers,  # noqa: SLF001
        options=function._options,  # noqa: SLF001
    )
    for doubt in doubts:
        warnings.warn(doubt, stacklevel=5)
