"""Typical mistakes in functions and their steps: what a user reads says what happened, where, and what to write instead."""

from __future__ import annotations

import asyncio
import datetime
import functools
from collections.abc import Awaitable, Callable
from typing import Any

import pydantic
import pytest

import inngest_nb
from inngest_nb.errors import FunctionConfigInvalidError, ListingError
from tests.engine.embedded import GO, failure_of


class Model(pydantic.BaseModel):
    """A value that is not JSON."""

    x: int = 1


async def fetch(*values: int) -> list[int]:
    return list(values)


def give(value: Any) -> Any:
    return value


async def pieces() -> Any:
    yield 1


Body = Callable[[Any], Awaitable[Any]]
STEPS: list[tuple[Body, str, str]] = [
    (lambda ctx: ctx.step.run("a", fetch()), "step_invalid", "step 'a' got a coroutine, which is what calling 'fetch' gives; pass the function itself: step.run("),
    (lambda ctx: ctx.step.run("a", [1]), "step_invalid", "step 'a' needs a function, not [1] (list); write step.run("),
    (lambda ctx: ctx.step.run(fetch, "a"), "step_invalid", "a step id is a text, not 'fetch' (function)"),
    (lambda ctx: ctx.step.run("caf\udce9", fetch), "step_invalid", "a step id is a text, not 'caf\\udce9'"),
    (lambda ctx: ctx.step.run("a", give, {"b": ctx.step.run("b", fetch)}), "output_unserializable", "Write await before what gives it"),
    (lambda ctx: ctx.step.run("a", give, Model()), "output_unserializable", "Model, which is not JSON. Return plain JSON values, or name the type with output_type=…"),
    (lambda ctx: ctx.step.run("a", pieces), "output_unserializable", "'a' returned unserializable data: $ is of type async_generator"),
    (lambda ctx: ctx.step.run("a", ctx.step.run, "b", fetch), "step_nested", "step 'b' was called inside step 'a'"),
    (lambda ctx: asyncio.gather(ctx.step.run("a", fetch), ctx.step.run("a", fetch)), "step_duplicate", "Give each its own id"),
    (lambda ctx: ctx.step.sleep("a", "soon"), "step_invalid", "the duration of step 'a' must be a duration, not 'soon'; write a timedelta, whole milliseconds, or a text such as"),
    (lambda ctx: ctx.step.sleep("a", 1.5), "step_invalid", "the duration of step 'a' must be a duration, not 1.5"),
    (lambda ctx: ctx.step.sleep("a", datetime.timedelta.max), "wait_too_long", "step 'a' would wait 1000000000 days; at most 366 are possible"),
    (lambda ctx: ctx.step.sleep_until("a", "tomorrow"), "step_invalid", "step 'a' sleeps until a datetime, not 'tomorrow' (str)"),
    (lambda ctx: ctx.step.wait_for_event("a", event="", timeout="1h"), "event_invalid", "step 'a' waits for an event without a name; pass event='app/name'"),
    (lambda ctx: ctx.step.wait_for_event("a", event="x", timeout="1h", if_exp="async.data.x ="), "expression_invalid", "step 'a' of function 'app-fn' waits with if_exp='async.data.x =': '=' is not part of an expression"),
    (lambda ctx: ctx.step.wait_for_event("a", event="x", timeout="1h", if_exp="data.x == 1"), "expression_invalid", "unknown name 'data', expected async or event"),
    (lambda ctx: ctx.step.wait_for_event("a", event="x", timeout="1h", if_exp=True), "event_invalid", "waits with an if_exp that is no text, True"),
    (lambda ctx: ctx.step.invoke("a", function="child"), "step_invalid", "step 'a' invokes 'child' (str); pass what create_function made, or use invoke_by_id"),
    (lambda ctx: ctx.step.invoke_by_id("a", function_id="child"), "step_errored", "could not find function with ID: app-child"),
    (lambda ctx: ctx.step.invoke_by_id("a", function_id=None), "step_invalid", "step 'a' invokes a function by its id inside its app, a text, not None"),
    (lambda ctx: ctx.step.invoke_by_id("a", function_id="fn", data=[1]), "step_invalid", "the data of step 'a' must be an object of JSON, such as a dict, not [1] (list)"),
    (lambda ctx: ctx.step.send_event("a", {"name": "x"}), "event_invalid", "an Event can be sent, not {'name': 'x'}; write Event(name=…, data=…)"),
    (lambda ctx: ctx.step.send_event("a", inngest_nb.Event(name="inngest/x")), "step_errored", "begins with inngest/, which is reserved; choose another prefix"),
    (lambda ctx: ctx.step.send_event("a", inngest_nb.Event(name="x", ts=1_700_000_000)), "step_errored", "it looks like seconds, multiply by 1000"),
    (lambda ctx: ctx.group.parallel((ctx.step.run("a", fetch), ctx.step.run("b", fetch))), "step_invalid", "group.parallel got a coroutine, which is what calling 'Step.run' gives; pass the function itself: group.parallel((lambda: step.run("),
    (lambda ctx: ctx.group.parallel(fetch), "step_invalid", "group.parallel needs a tuple or list of functions, not 'fetch' (function)"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize(("body", "code", "says"), STEPS, ids=[says[:40] for _, _, says in STEPS])
def test_a_mistake_in_a_step_fails_the_run_at_once(
    client: inngest_nb.Inngest, body: Body, code: str, says: str
) -> None:
    entered: list[int] = []

    @client.create_function(fn_id="fn", trigger=GO)  # with the attempts that every function has
    async def fn(ctx: inngest_nb.Context) -> None:
        entered.append(1)
        await body(ctx)

    error = failure_of(fn.start())
    assert says in error["message"]
    assert error["code"] in (code, "step_errored")
    assert "/inngest_nb/" not in (error["stack"] or "")
    assert len(entered) == 1


def two(ctx: Any, step: Any) -> None: ...
def none() -> None: ...
def yields(ctx: Any) -> Any:
    yield 1


@pytest.mark.parametrize(
    ("handler", "says"),
    [
        (none, "function 'fn': the handler takes one argument, the context; write none(ctx) instead of none()"),
        (two, "the handler takes one argument, the context; write two(ctx) instead of two(ctx: "),
        (yields, "function 'fn': the handler must return its result, but it yields; publish what comes on the way"),
        (pieces, "function 'fn': the handler must return its result, but it yields"),
        (5, "function 'fn': the handler must be a function, not 5"),
    ],
)
def test_a_handler_that_cannot_be_entered_is_refused(client: inngest_nb.Inngest, handler: Any, says: str) -> None:
    with pytest.raises(FunctionConfigInvalidError, match=says.translate({40: r"\(", 41: r"\)"})):
        client.create_function(fn_id="fn", trigger=GO)(handler)
    with pytest.raises(FunctionConfigInvalidError, match=r"^function 'fn': on_failure "):
        client.create_function(fn_id="fn", trigger=GO, on_failure=handler)(Caller().method)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"trigger": "app/go"}, "not 'app/go'; write TriggerEvent(event='app/name')"),
        ({"replay": "never"}, "function 'fn': replay must be \"on_resume\" or \"always\", not 'never'"),
        ({"middleware": [5]}, "function 'fn': middleware is a list of classes or factories; 5 is neither"),
        ({"fn_id": "caf\udce9"}, "fn_id must be a non-empty text, not 'caf\\udce9'"),
        ({"name": 7}, "function 'fn': name must be a non-empty text, not 7"),
    ],
)
def test_an_option_that_cannot_be_is_refused(client: inngest_nb.Inngest, options: dict[str, Any], says: str) -> None:
    with pytest.raises(FunctionConfigInvalidError) as caught:
        client.create_function(**{"fn_id": "fn", "trigger": GO, **options})(Caller().method)
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda client, fn: client.runs(status="done"), "status must be one of queued, running, waiting, completed, failed, cancelled, not 'done'"),
        (lambda client, fn: client.runs(limit="10"), "limit must be a whole number, not '10'"),
        (lambda client, fn: client.runs(function=5), "function must be a Function or the id of one, not 5"),
        (lambda client, fn: client.cancel_runs(status="failed"), "status must be one of queued, running, waiting, not 'failed'"),
        (lambda client, fn: client.cancel_runs(since="yesterday"), "since must be a datetime, not 'yesterday'"),
        (lambda client, fn: client.replay(function=fn, status="running"), "status must be one of completed, failed, cancelled, not 'running'"),
        (lambda client, fn: fn.backfill(since=0), "since must be a datetime, not 0"),
    ],
)  # fmt: skip
def test_a_question_that_can_mean_nothing_is_refused(client: inngest_nb.Inngest, ask: Any, says: str) -> None:
    fn = client.create_function(fn_id="fn", trigger=GO)(Caller().method)
    with pytest.raises(ListingError) as caught:
        ask(client, fn)
    assert caught.value.message.startswith(says)


def test_a_result_is_waited_for_as_long_as_any_duration_says(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> None:
        await ctx.step.sleep("long", "1h")

    run = fn.start()
    for timeout in (0.01, "10ms", datetime.timedelta(milliseconds=10)):
        with pytest.raises(TimeoutError, match=r"is still \w+ after 0\.01 s; it goes on"):
            run.result(timeout)
    with pytest.raises(ValueError, match="timeout must be a duration, not 'long'"):
        run.result("long")


class Caller:
    """Handlers of other kinds than plain functions."""

    async def __call__(self, ctx: inngest_nb.Context) -> str:
        return "called"

    async def method(self, ctx: inngest_nb.Context) -> str:
        return await ctx.step.run("step", self.run)

    async def run(self) -> str:
        return "a method"


def with_more(fn: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fn)
    async def wrapper(*args: Any) -> Any:
        return await fn(*args, "more")

    return wrapper


@with_more
async def decorated(ctx: inngest_nb.Context, more: str) -> str:
    return more


async def partial(before: str, ctx: inngest_nb.Context) -> str:
    return before


@pytest.mark.parametrize(
    ("handler", "gives"),
    [
        (Caller(), "called"),
        (Caller().method, "a method"),
        (decorated, "more"),
        (functools.partial(partial, "before"), "before"),
        (lambda ctx: ctx.step.run("step", lambda: "a lambda"), "a lambda"),
    ],
)
def test_every_kind_of_callable_is_a_handler(client: inngest_nb.Inngest, handler: Any, gives: str) -> None:
    fn = client.create_function(fn_id="fn", trigger=GO)(handler)
    assert fn.start().result(10) == gives
