"""Middleware: code around every call of a function and around every send.

A call is one dispatch of a run to a process; each has instances of its own. In it:

    transform_input → what is remembered is passed through → before_execution → new code → after_execution
    → transform_output → before_response

`transform_output` is called for each step that executes and for what the function returns or raises. Sends nest inside:
before_send_events → the events are kept → after_send_events. Hooks whose names begin with "after" and `transform_output`
run in reverse order of registration. `after_execution` is left out when the function raises, as in the official SDK.

A middleware that works in both directions (`transform_input`, and `transform_output` or `before_send_events`), such as one
that encrypts, sees a new memo in `transform_input` as soon as it exists, if it was changed or came from an event or another
function: so a step has the same value now and after a restart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from inngest_nb.errors import FunctionConfigInvalidError
from inngest_nb.event import Event
from inngest_nb.types import EmptySentinel, Opcode, SendEventsResult

if TYPE_CHECKING:
    from inngest_nb.client import Inngest
    from inngest_nb.function import Function
    from inngest_nb.worker.context import Context, ContextSync

__all__ = [
    "MemoizedError",
    "Middleware",
    "MiddlewareSync",
    "Output",
    "StepMemos",
    "TransformOutputResult",
    "TransformOutputStepInfo",
    "UninitializedMiddleware",
]


@dataclass(slots=True)
class MemoizedError:
    """The error that a step ended with."""

    message: str
    name: str
    stack: str | None = None


@dataclass(slots=True)
class Output:
    """What is remembered of one step; `data` and `error` may be replaced."""

    data: Any = None
    error: MemoizedError | None = None


class StepMemos:
    """What is remembered of a run's steps, by the hash of their ids."""

    def __init__(self, memos: dict[str, Output]) -> None:
        self._memos = memos

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self._memos)

    def values(self) -> Iterator[Output]:
        """All of them, to be looked at or changed in place."""
        return iter(self._memos.values())

    def items(self) -> Iterator[tuple[str, Output]]:
        """All of them with their hashes."""
        return iter(self._memos.items())

    def pop(self, hashed_id: str) -> Output | EmptySentinel:
        """Take one out; an `EmptySentinel` where there is none."""
        return self._memos.pop(hashed_id, EmptySentinel())


@dataclass(slots=True)
class TransformOutputStepInfo:
    """Which step `transform_output` is called for."""

    id: str
    op: Opcode
    opts: dict[str, object] | None


@dataclass(slots=True)
class TransformOutputResult:
    """What a step or the function returned or raised; `error` and `output` may be replaced. `step` is None for the function."""

    error: Exception | None
    output: object
    step: TransformOutputStepInfo | None

    def has_output(self) -> bool:
        """Whether there is an output; None is one."""
        return not (self.output is EmptySentinel or isinstance(self.output, EmptySentinel))


class Middleware:
    """Base of middleware with async hooks; for async functions."""

    def __init__(self, client: Inngest, raw_request: object) -> None:
        self.client = client
        self.raw_request = raw_request

    async def transform_input(self, ctx: Context | ContextSync, function: Function[Any], steps: StepMemos) -> None:
        """Before the function is entered: change `ctx` or what is remembered."""

    async def before_execution(self) -> None:
        """Before new code runs: when the last memo has been used, at once if there are none."""

    async def after_execution(self) -> None:
        """After new code ran and the function returned, or the call was given up."""

    async def transform_output(self, result: TransformOutputResult) -> None:
        """After a step or the function returned or raised: change what is kept."""

    async def before_response(self) -> None:
        """After everything else of the call."""

    async def before_send_events(self, events: list[Event]) -> None:
        """Before events are sent: change them, add some, take some out."""

    async def after_send_events(self, result: SendEventsResult) -> None:
        """After events were sent or refused."""


class MiddlewareSync:
    """Base of middleware with plain hooks; for async and sync functions."""

    client: Inngest

    def __init__(self, client: Inngest, raw_request: object) -> None:
        self.client = client
        self.raw_request = raw_request

    def transform_input(self, ctx: Context | ContextSync, function: Function[Any], steps: StepMemos) -> None:
        """As `Middleware.transform_input`."""

    def before_execution(self) -> None:
        """As `Middleware.before_execution`."""

    def after_execution(self) -> None:
        """As `Middleware.after_execution`."""

    def transform_output(self, result: TransformOutputResult) -> None:
        """As `Middleware.transform_output`."""

    def before_response(self) -> None:
        """As `Middleware.before_response`."""

    def before_send_events(self, events: list[Event]) -> None:
        """As `Middleware.before_send_events`."""

    def after_send_events(self, result: SendEventsResult) -> None:
        """As `Middleware.after_send_events`."""


AnyMiddleware = Middleware | MiddlewareSync
#: What clients and functions take: a class or a factory, called with the client and the raw request (None here).
UninitializedMiddleware = Callable[["Inngest", object], AnyMiddleware]

_CHANGES_OUT = ("transform_output", "before_send_events")


def checked(middleware: object, where: str) -> list[UninitializedMiddleware]:
    """A list of classes or factories.

    Raises:
        FunctionConfigInvalidError: it is something else.
    """
    listed: Any = middleware if isinstance(middleware, (list, tuple)) else [] if middleware is None else [middleware]
    for item in listed:
        if not callable(item):
            raise FunctionConfigInvalidError(
                f"{where}: middleware is a list of classes or factories; {item!r} is neither"
            )
    return list(listed)


def instances(client: Inngest, more: list[UninitializedMiddleware]) -> list[AnyMiddleware]:
    """New instances for one call or send: those of the client, then `more`."""
    return [make(client, None) for make in (*client.middleware, *more)]


def is_codec(middleware: AnyMiddleware) -> bool:
    """Whether it undoes in one direction what it does in the other."""
    return overrides(middleware, "transform_input") and any(overrides(middleware, hook) for hook in _CHANGES_OUT)


def overrides(middleware: AnyMiddleware, hook: str) -> bool:
    """Whether this hook does anything."""
    own = getattr(middleware, hook, None)
    return getattr(own, "__func__", own) not in (None, getattr(Middleware, hook), getattr(MiddlewareSync, hook))


def hook_of(middleware: AnyMiddleware, name: str) -> Callable[..., Awaitable[None] | None] | None:
    """The hook, or None if calling it would do nothing."""
    if not overrides(middleware, name):
        return None
    return cast("Callable[..., Awaitable[None] | None]", getattr(middleware, name))
