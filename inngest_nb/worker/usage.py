"""Steps that are called in a way that cannot work: found before anything runs, and told with what to write instead."""

from __future__ import annotations

import asyncio
import datetime
import inspect
import reprlib
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inngest_nb.durations import Duration, to_milliseconds
from inngest_nb.errors import StepDuplicateError, StepInvalidError, StepNestedError
from inngest_nb.jsontext import dumps, is_text
from inngest_nb.protocol import MAX_OUTPUT_BYTES


def check_id(step_id: object, fn_id: str) -> None:
    """A step is known by a text."""
    if not isinstance(step_id, str) or not is_text(step_id):
        raise StepInvalidError(f"a step id is a text, not {_short(step_id)} (function {fn_id!r})")


def check_call(step_id: str, fn_id: str, loop: asyncio.AbstractEventLoop) -> None:
    """A step belongs to the loop that its function runs on."""
    check_id(step_id, fn_id)
    if asyncio.get_running_loop() is not loop:
        raise StepInvalidError(
            f"step {step_id!r} was called on another event loop than its function runs on; call it in the function itself, and "
            "what needs a thread or a loop of its own inside the step"
        )


def nested(step_id: str, outer_id: str, fn_id: str) -> StepNestedError:
    """The error of a step inside another one."""
    return StepNestedError(
        f"step {step_id!r} was called inside step {outer_id!r} of function {fn_id!r}. Nested steps are not supported: "
        "call it after that step, at the top level of the function"
    )


def duplicated(step_id: str, fn_id: str) -> StepDuplicateError:
    """The error of a step whose id another one has that is still running."""
    return StepDuplicateError(
        f"two steps of function {fn_id!r} run at the same time with the id {step_id!r}; which result belongs to which could "
        "not be told after a restart. Give each its own id, for example with its index"
    )


def check_callable(given: object, where: str, form: str) -> None:
    """What is to be called is a function; the most common mistake is to have called it already."""
    if callable(given):
        return
    if inspect.iscoroutine(given):
        given.close()
        raise StepInvalidError(
            f"{where} got a coroutine, which is what calling {given.__qualname__!r} gives; pass the function itself: {form}"
        )
    raise StepInvalidError(f"{where} needs a function, not {_short(given)}; write {form}")


def check_branches(callables: object) -> Sequence[Callable[[], Any]]:
    """The branches of a group."""
    form = "group.parallel((lambda: step.run(…), lambda: step.run(…)))"
    if not isinstance(callables, Sequence) or isinstance(callables, str):
        raise StepInvalidError(
            f"group.parallel needs a tuple or list of functions, not {_short(callables)}; write {form}"
        )
    wrong = [call for call in callables if not callable(call)]
    for call in wrong[1:]:
        if inspect.iscoroutine(call):
            call.close()
    if wrong:
        check_callable(wrong[0], "group.parallel", form)
    return callables


def milliseconds(step_id: str, duration: Duration) -> int:
    """How long a step waits."""
    try:
        return to_milliseconds(duration, field=f"the duration of step {step_id!r}")
    except ValueError as exc:
        raise StepInvalidError(str(exc)) from None


def microseconds(step_id: str, until: datetime.datetime) -> int:
    """Until when it waits, since the epoch; a time without a zone is local."""
    if not isinstance(until, datetime.datetime):
        raise StepInvalidError(f"step {step_id!r} sleeps until a datetime, not {_short(until)}")
    try:
        return int(until.timestamp() * 1e6)
    except (OverflowError, OSError, ValueError):
        raise StepInvalidError(f"step {step_id!r} cannot sleep until {until}: no clock shows that time") from None


def input_text(step_id: str, data: Mapping[str, Any] | None) -> str:
    """What an invoked function gets, as JSON text."""
    if data is not None and not isinstance(data, Mapping):
        raise StepInvalidError(
            f"the data of step {step_id!r} must be an object of JSON, such as a dict, not {_short(data)}"
        )
    try:
        text = dumps({} if data is None else dict(data))
    except TypeError as exc:
        raise StepInvalidError(f"the data of step {step_id!r} must be JSON: {exc}") from None
    if len(text) > MAX_OUTPUT_BYTES:
        raise StepInvalidError(
            f"the data of step {step_id!r} has {len(text):,} characters of JSON, at most {MAX_OUTPUT_BYTES:,} are possible; "
            "pass a path or a key instead"
        )
    return text


def id_of(step_id: str, function: Any) -> str:
    """The id of a function that is invoked."""
    fn_id = getattr(function, "id", None)
    if isinstance(fn_id, str):
        return fn_id
    raise StepInvalidError(
        f"step {step_id!r} invokes {_short(function)}; pass what create_function made, or use invoke_by_id(…, function_id=…)"
    )


def full_id(step_id: str, app_id: str, function_id: str) -> str:
    """The id of a function of an app."""
    if not isinstance(function_id, str) or not function_id or not is_text(function_id):
        raise StepInvalidError(
            f"step {step_id!r} invokes a function by its id inside its app, a text, not {_short(function_id)}"
        )
    return f"{app_id}-{function_id}"


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives something to await: a coroutine function, or an object whose call is one."""
    if isinstance(function, types.FunctionType) and function.__code__.co_flags & inspect.CO_COROUTINE:
        return True  # nearly always, and asked of every step
    called = inspect.getattr_static(type(function), "__call__", None)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


def _short(value: object) -> str:
    name = getattr(value, "__qualname__", None)
    return f"{reprlib.repr(value if name is None else name)} ({type(value).__name__})"
