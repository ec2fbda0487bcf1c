"""What goes wrong in functions, and what their user sees of it."""

from __future__ import annotations

import asyncio
import datetime
import sys
import threading
from typing import Any

import pytest

import inngest_nb
from tests.engine.embedded import GO, LIMIT_S, failure_of, statuses
from tests.support.waiting import until


def test_a_step_is_retried_and_then_raises_what_it_raised(client: inngest_nb.Inngest) -> None:
    attempts: list[int] = []

    @client.create_function(fn_id="fn", trigger=GO, retries=2, backoff=0)
    async def fn(ctx: inngest_nb.Context) -> dict[str, Any]:
        def fail() -> None:
            attempts.append(1)
            raise KeyError("lost")

        try:
            await ctx.step.run("fetch", fail)
        except inngest_nb.StepError as exc:
            return {"name": exc.name, "message": exc.message, "stack": exc.stack}
        return {}

    run = fn.start()
    caught = run.result(LIMIT_S)
    assert (caught["name"], caught["message"], len(attempts)) == ("KeyError", "'lost'", 3)
    assert "in fail" in caught["stack"]
    assert "inngest_nb/worker" not in caught["stack"]
    assert [status for _, _, status in statuses(run)] == ["retrying", "retrying", "failed"]


def test_a_step_error_that_is_not_caught_fails_the_run_as_itself(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO, retries=0)
    async def fn(ctx: inngest_nb.Context) -> None:
        await ctx.step.run("fetch", lambda: 1 / 0)

    error = failure_of(fn.start())
    assert (error["name"], error["message"]) == ("ZeroDivisionError", "division by zero")


def test_the_body_is_entered_again_and_remembers(client: inngest_nb.Inngest) -> None:
    done: list[str] = []

    @client.create_function(fn_id="fn", trigger=GO, retries=1, backoff=0)
    async def fn(ctx: inngest_nb.Context) -> int:
        await ctx.step.run("once", lambda: done.append("step"))
        done.append(f"body {ctx.attempt}")
        if ctx.attempt == 0:
            raise ValueError("the first time")
        return ctx.attempt

    # progress gives the attempts back, so the failure is the first of what follows the step
    run = fn.start()
    assert run.result(LIMIT_S) == 1
    assert done == ["step", "body 0", "body 1"]


def test_an_error_that_must_not_be_retried_ends_the_run(client: inngest_nb.Inngest) -> None:
    entered: list[int] = []

    @client.create_function(fn_id="body", trigger=GO)
    async def in_body(ctx: inngest_nb.Context) -> None:
        entered.append(1)
        raise inngest_nb.NonRetriableError("no use")

    @client.create_function(fn_id="step", trigger=GO)
    async def in_step(ctx: inngest_nb.Context) -> None:
        async def refuse() -> None:
            entered.append(1)
            raise inngest_nb.NonRetriableError("no use")

        await ctx.step.run("refuse", refuse)

    for function in (in_body, in_step):
        entered.clear()
        error = failure_of(function.start())
        assert (error["name"], error["message"], len(entered)) == ("NonRetriableError", "no use", 1)


def test_an_error_may_say_when_to_try_again(client: inngest_nb.Inngest) -> None:
    attempts: list[int] = []

    @client.create_function(fn_id="fn", trigger=GO, backoff=3600)
    async def fn(ctx: inngest_nb.Context) -> int:
        def sometimes() -> int:
            attempts.append(1)
            if len(attempts) == 1:
                raise inngest_nb.RetryAfterError("busy", retry_after=1)  # clipped to the second that Inngest takes
            return len(attempts)

        return await ctx.step.run("fetch", sometimes)

    run = fn.start()
    assert run.result(LIMIT_S) == 2
    frame = run.steps().sort_values("attempt")
    pause = frame["started_at"].iloc[1] - frame["ended_at"].iloc[0]
    assert datetime.timedelta(milliseconds=950) < pause < datetime.timedelta(seconds=5)


def test_on_failure_hears_of_it(client: inngest_nb.Inngest) -> None:
    heard: list[dict[str, Any]] = []
    told = threading.Event()

    async def on_failure(ctx: inngest_nb.Context) -> None:
        heard.append(dict(ctx.event.data))
        told.set()

    @client.create_function(fn_id="fn", trigger=GO, retries=0, on_failure=on_failure)
    async def fn(ctx: inngest_nb.Context) -> None:
        raise ValueError("boom")

    run = fn.start({"n": 1})
    failure_of(run)
    assert told.wait(LIMIT_S)
    assert heard[0]["run_id"] == run.id
    assert heard[0]["error"]["message"] == "boom"
    assert heard[0]["event"]["data"] == {"n": 1}


def test_a_step_within_a_step_is_refused(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> None:
        async def outer() -> None:
            await ctx.step.run("inner", lambda: 1)

        await ctx.step.run("outer", outer)

    error = failure_of(fn.start())
    for part in ("'inner'", "'outer'", "'app-fn'"):
        assert part in error["message"]


@pytest.mark.parametrize("then", ["hears of its step", "meets another step"])
def test_a_branch_that_outlives_a_failed_body_ends(client: inngest_nb.Inngest, then: str) -> None:
    branches: list[asyncio.Task[Any] | None] = []
    other: list[str] = []
    second = asyncio.Event()

    @client.create_function(fn_id="fn", trigger=GO, retries=1, backoff=0)
    async def fn(ctx: inngest_nb.Context) -> str:
        async def slowly() -> None:
            await second.wait()

        async def branch() -> None:
            branches.append(asyncio.current_task())
            await (ctx.step.run("slow", slowly) if then == "hears of its step" else slowly())
            await ctx.step.run("other", lambda: other.append("executed"))

        async def fails() -> None:
            raise ValueError("the first time")

        if ctx.attempt == 0:
            await asyncio.gather(branch(), fails())
        second.set()
        return "done"

    assert fn.start().result(LIMIT_S) == "done"
    until(lambda: all(task is not None and task.done() for task in branches))
    assert (len(branches), other) == (1, [])


def test_one_id_twice_at_the_same_time_is_refused(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> None:
        async def slowly() -> None:
            await asyncio.sleep(0.01)

        await asyncio.gather(ctx.step.run("same", slowly), ctx.step.run("same", slowly))

    error = failure_of(fn.start())
    assert error["name"] == "StepDuplicateError"
    assert "'same'" in error["message"]
    assert "'app-fn'" in error["message"]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"rows": [1, {"when": datetime.datetime.now(datetime.UTC)}]}, "$.rows[1].when"),
        ({"set": {1, 2}}, "$.set"),
        ([float("inf")], "$[0]"),
        ({(1, 2): 3}, "key of type tuple"),
    ],
    ids=["datetime", "set", "infinity", "key"],
)
@pytest.mark.parametrize("where", ["step", "function"])
def test_what_is_not_json_is_named_by_its_path(client: inngest_nb.Inngest, value: Any, path: str, where: str) -> None:
    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> Any:
        if where == "function":
            return value
        return await ctx.step.run("load", lambda: value)

    error = failure_of(fn.start())
    assert path in error["message"]
    assert ("'load'" if where == "step" else "'app-fn'") in error["message"]


def test_an_output_that_is_too_large_is_refused_with_its_size(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> None:
        await ctx.step.run("load", lambda: "x" * 4_000_000)

    error = failure_of(fn.start())
    assert "'load' returned 4,000,002 bytes" in error["message"]


@pytest.mark.parametrize("if_exp", ["asnc.data.x == 1", "async.data.x ==", "event.data.x = 1", "", "nonsense("])
def test_a_condition_that_cannot_be_understood_fails_the_run(client: inngest_nb.Inngest, if_exp: str) -> None:
    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> None:
        await ctx.step.wait_for_event("ask", event="app/answer", if_exp=if_exp, timeout="1h")

    error = failure_of(fn.start())
    assert error["name"] == "ExpressionError"
    for part in ("'ask'", "app-fn", repr(if_exp)):
        assert part in error["message"]


def _interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        pytest.param(lambda: sys.exit(3), "SystemExit", id="exit"),
        pytest.param(_interrupt, "KeyboardInterrupt", id="interrupt"),
        pytest.param(lambda: next(iter(())), "StopIteration", id="stop iteration"),
    ],
)
def test_what_usually_ends_a_process_fails_only_the_run(client: inngest_nb.Inngest, handler: Any, said: str) -> None:
    @client.create_function(fn_id="bad", trigger=GO, retries=0)
    async def bad(ctx: inngest_nb.Context) -> None:
        await ctx.step.run("bad", handler)

    @client.create_function(fn_id="good", trigger=GO)
    async def good(ctx: inngest_nb.Context) -> str:
        return await ctx.step.run("good", lambda: "good")

    assert said in str(failure_of(bad.start(), within=2))
    assert good.start().result(LIMIT_S) == "good"


def test_cancelling_stops_a_body(client: inngest_nb.Inngest) -> None:
    started, ended = threading.Event(), threading.Event()

    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> None:
        async def for_ever() -> None:
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        await ctx.step.run("for ever", for_ever)

    run = fn.start()
    assert started.wait(LIMIT_S)
    run.cancel("enough")
    assert run.status == "cancelled"
    assert ended.wait(LIMIT_S)
    with pytest.raises(inngest_nb.RunCancelled, match="enough"):
        run.result(LIMIT_S)
