"""The middleware of one dispatch of a run: calls the hooks in their order, at their moments."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from inngest_nb.errors import AsyncUnsupportedError
from inngest_nb.event import Event
from inngest_nb.jsontext import dumps, loads
from inngest_nb.middleware import (
    AnyMiddleware,
    MemoizedError,
    Middleware,
    Output,
    StepMemos,
    TransformOutputResult,
    TransformOutputStepInfo,
    hook_of,
    is_codec,
)
from inngest_nb.protocol import Message, RunStart
from inngest_nb.types import EmptySentinel, Opcode, SendEventsResult
from inngest_nb.worker.home import current_home

if TYPE_CHECKING:
    from inngest_nb.function import Function
    from inngest_nb.worker.context import Context, ContextSync

_HOOKS = (
    "transform_input", "before_execution", "after_execution", "transform_output", "before_response",
    "before_send_events", "after_send_events",
)  # fmt: skip
_AI_KIND = "ai.infer"
Send = Callable[[list[Event]], Awaitable[list[str]]]


class Hooks:
    """The instances of one call. Lives on the worker's loop; hooks of a sync function run in its body's thread."""

    def __init__(
        self, function: Function[Any], instances: list[AnyMiddleware], new_context: Callable[[], Context | ContextSync]
    ) -> None:
        if not function.is_handler_async:
            refuse_async(instances, f"function {function.id!r} is sync")
        self._function, self._instances, self._new_context = function, instances, new_context
        self._codecs = [item for item in instances if is_codec(item)]
        self._begun = self._ended = False
        self._changed: set[str] = set()  # steps whose output the hooks have changed

    # -- a call --------------------------------------------------------------------------------

    async def around(
        self, ctx: Context | ContextSync, memos: StepMemos, enter: Callable[[StepMemos], Awaitable[Any]]
    ) -> Any:
        """Enter the body between the hooks; what it returns or raises, as they left it."""
        await _each(self._instances, "transform_input", ctx, self._function, memos)
        if memos.size == 0:
            await self.before_execution()
        result = TransformOutputResult(error=None, output=EmptySentinel(), step=None)
        try:
            result.output = await enter(memos)
        except Exception as exc:  # noqa: BLE001  # for transform_output, then raised
            result.error = exc
        else:
            await self.before_execution()
            await self._after_execution()
        self._ended = True
        await _each(reversed(self._instances), "transform_output", result)
        await _each(self._instances, "before_response")
        return _unwrap(result)

    async def before_execution(self) -> None:
        """Everything after this is new; called once."""
        if not self._begun:
            self._begun = True
            await _each(self._instances, "before_execution")

    async def give_up(self) -> None:
        """The call ends in the middle of the body, which goes on elsewhere or never."""
        if self._begun and not self._ended:
            await self._after_execution()
            await _each(self._instances, "before_response")

    async def _after_execution(self) -> None:
        self._ended = True
        await _each(reversed(self._instances), "after_execution")

    # -- steps ---------------------------------------------------------------------------------

    async def around_step(self, about: Message, execute: Callable[[], Awaitable[Any]]) -> Any:
        """Execute a step; what it returns or raises, as the hooks left it."""
        op = Opcode.AI_GATEWAY if about["kind"] == _AI_KIND else Opcode.STEP_RUN
        info = TransformOutputStepInfo(id=about["step_id"], op=op, opts=None)
        result = TransformOutputResult(error=None, output=EmptySentinel(), step=info)
        try:
            result.output = await execute()
        except Exception as exc:  # noqa: BLE001  # for transform_output, then raised
            result.error = exc
        original = _text(result.output) if self._codecs else None
        await _each(reversed(self._instances), "transform_output", result)
        if self._codecs and _text(result.output) != original:
            self._changed.add(about["hash"])
        return _unwrap(result)

    async def remembered(self, step_hash: str, value: Any, *, foreign: bool) -> Any:
        """A memo that has just come to be, as `transform_input` will show it after a restart.

        `foreign`: it came from elsewhere, so that the hooks of others may have changed it.
        """
        if not self._codecs or not (foreign or step_hash in self._changed):
            return value
        output = Output(data=value)
        memos = StepMemos({step_hash: output})
        await _each(self._codecs, "transform_input", self._new_context(), self._function, memos)
        return output.data

    # -- sends ---------------------------------------------------------------------------------

    async def around_send(self, events: list[Event], send: Send) -> list[str]:
        """Send between the hooks."""
        return await around_send(self._instances, events, send)


async def around_send(instances: list[AnyMiddleware], events: list[Event], send: Send) -> list[str]:
    """Send between the hooks; `events` are what they make of them."""
    await _each(instances, "before_send_events", events)
    result = SendEventsResult()
    try:
        result.ids = await send(events)
    except Exception as exc:
        result.error, result.ids = str(exc), list(getattr(exc, "ids", ()))
        raise
    finally:
        await _each(reversed(instances), "after_send_events", result)
    return result.ids


async def _each(instances: Iterable[AnyMiddleware], name: str, *args: Any) -> None:
    for middleware in instances:
        hook = hook_of(middleware, name)
        if hook is not None:
            await _call(hook, args)


async def _call(hook: Callable[..., Any], args: tuple[Any, ...]) -> None:
    home = current_home.get()
    if home is None:
        value = hook(*args)
        if inspect.isawaitable(value):
            await value
        return
    context = contextvars.copy_context()
    await asyncio.get_running_loop().run_in_executor(home, functools.partial(context.run, hook, *args))


def refuse_async(instances: Iterable[AnyMiddleware], where: str) -> None:
    """Async hooks cannot be awaited here.

    Raises:
        AsyncUnsupportedError: one of the instances has them.
    """
    for middleware in instances:
        hooks = (getattr(middleware, name, None) for name in _HOOKS)
        if isinstance(middleware, Middleware) or any(inspect.iscoroutinefunction(hook) for hook in hooks):
            name = type(middleware).__name__
            raise AsyncUnsupportedError(f"{where}, but the middleware {name} is async; derive it from MiddlewareSync")


def memos_of(start: RunStart) -> StepMemos:
    """What the engine remembers of a run, as middleware sees it."""
    outputs = {step: Output(data=loads(text)) for step, text in start["memos"].items()}
    for step, error in start["errors"].items():
        kept = MemoizedError(error.get("message", ""), error.get("name", "Error"), error.get("stack"))
        outputs[step] = Output(error=kept)
    return StepMemos(outputs)


def _text(value: Any) -> str | None:
    try:
        return dumps(value)
    except TypeError:
        return None


def _unwrap(result: TransformOutputResult) -> Any:
    if result.error is not None:
        raise result.error
    return result.output if result.has_output() else None
