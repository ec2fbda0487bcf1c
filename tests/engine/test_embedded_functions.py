"""Functions as users write them, on the embedded engine."""

from __future__ import annotations

import asyncio
import datetime
import functools
import logging
import operator
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import inngest_nb
from inngest_nb import links, realtime
from inngest_nb.errors import EventInvalidError, FunctionConfigInvalidError, RunFailed, RunNotFoundError, SchemaError

LIMIT_S = 10.0
GO = inngest_nb.TriggerEvent(event="app/go")


class Token(BaseModel):
    """A piece of text."""

    token: str


chat = realtime.channel(name="chat", topics={"tokens": Token, "notes": str})()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[inngest_nb.Inngest]:
    """A client of an engine of its own."""
    yield inngest_nb.Inngest(app_id="app", engine="embedded", data_dir=tmp_path / "data")
    links.close_links()


def failure_of(run: inngest_nb.Run, *, within: float = LIMIT_S) -> dict[str, Any]:
    """The error of a run that must fail."""
    with pytest.raises(RunFailed) as caught:
        run.result(within)
    assert run.status == "failed"
    assert run.output == run.error == caught.value.error
    return caught.value.error


def statuses(run: inngest_nb.Run) -> list[tuple[str, int, str]]:
    """Step, attempt and status of everything in a run's history."""
    frame = run.steps().sort_values(["index", "attempt"])
    return list(zip(frame["step_id"], frame["attempt"], frame["status"], strict=True))


# -- handlers ------------------------------------------------------------------------------------


def test_an_async_handler_with_async_and_sync_steps(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> dict[str, Any]:
        async def double(number: int) -> int:
            return number * 2

        first = await ctx.step.run("async", double, ctx.event.data["n"])
        second = await ctx.step.run("sync", lambda: threading.current_thread() is threading.main_thread())
        return {"first": first, "main": second, "id": ctx.run_id, "attempt": ctx.attempt}

    run = fn.start({"n": 21})
    assert run.result(LIMIT_S) == {"first": 42, "main": False, "id": run.id, "attempt": 0}
    assert run.status == "completed"
    assert run.event.data == {"n": 21}
    assert run.event.name == "app/go"


def test_a_sync_handler(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO)
    def fn(ctx: inngest_nb.ContextSync) -> list[Any]:
        one = ctx.step.run("one", lambda: 1)
        ctx.step.sleep("nap", datetime.timedelta(milliseconds=5))
        ctx.publish(chat.notes, "between")
        return [one, ctx.step.realtime.publish("pub", chat.tokens, Token(token="x"))]

    run = fn.start()
    assert run.result(LIMIT_S) == [1, {"token": "x"}]
    assert statuses(run) == [("one", 0, "completed"), ("nap", 0, "completed"), ("pub", 0, "completed")]


def test_an_event_starts_what_it_triggers_and_its_data_come_whole(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=inngest_nb.TriggerEvent(event="app/*", expression="event.data.n > 1"))
    async def fn(ctx: inngest_nb.Context) -> Any:
        return ctx.event.data

    events = [inngest_nb.Event(name="app/x", data={"n": n, "text": "żółć"}) for n in (1, 2)]
    refused, accepted = client.send_sync(events)
    assert client.runs(event_id=refused) == []
    (run,) = client.runs(event_id=accepted)
    assert run.result(LIMIT_S) == {"n": 2, "text": "żółć"}


async def test_await_in_a_running_loop_and_result_in_a_thread(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> str:
        return await ctx.step.run("one", lambda: "done")

    run = fn.start()
    assert await asyncio.wait_for(_awaited(run), LIMIT_S) == "done"
    assert await run == "done"  # again
    assert await asyncio.to_thread(run.result, LIMIT_S) == "done"


async def _awaited(run: inngest_nb.Run) -> Any:
    return await run


def test_a_result_that_does_not_come_in_time_leaves_the_run_alone(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> Any:
        answer = await ctx.step.wait_for_event("ask", event="app/answer", timeout="1h")
        return answer and answer.data

    run = fn.start()
    with pytest.raises(TimeoutError, match=r"is still .* after 0\.01 s; it goes on"):
        run.result(0.01)
    waits = client.history.waits
    deadline = _deadline()
    while waits().empty:
        deadline()
    client.send_sync(inngest_nb.Event(name="app/answer", data={"yes": True}))
    assert run.result(LIMIT_S) == {"yes": True}


def _deadline() -> Any:
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=LIMIT_S)

    def check() -> None:
        assert datetime.datetime.now(datetime.UTC) < end, "it did not happen in time"

    return check


def test_running_the_defining_cell_again_replaces_the_function(client: inngest_nb.Inngest) -> None:
    def define(answer: str) -> inngest_nb.Function[Any]:
        @client.create_function(fn_id="fn", trigger=GO)
        async def fn(ctx: inngest_nb.Context) -> str:
            return answer

        return fn

    old, new = define("old"), define("new")
    assert (old.start().result(LIMIT_S), new.start().result(LIMIT_S)) == ("new", "new")
    (event_id,) = client.send_sync(inngest_nb.Event(name="app/go"))
    (run,) = client.runs(event_id=event_id)
    assert run.result(LIMIT_S) == "new"


def test_an_unknown_run_and_bad_starts_are_refused_where_the_user_is(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> None: ...

    with pytest.raises(RunNotFoundError, match="nope"):
        client.run("nope")
    with pytest.raises(EventInvalidError, match="must be an object"):
        fn.start([1])  # type: ignore[arg-type]
    with pytest.raises((EventInvalidError, TypeError), match="JSON"):
        fn.start({"x": object()})
    with pytest.raises(EventInvalidError, match="no name"):
        client.send_sync(inngest_nb.Event(name=""))
    with pytest.raises(EventInvalidError, match="reserved"):
        client.send_sync(inngest_nb.Event(name="inngest/x"))
    with pytest.raises(FunctionConfigInvalidError, match="retries"):
        client.create_function(fn_id="bad", trigger=GO, retries=21)(fn.handler)
    assert client.runs() == []


# -- errors --------------------------------------------------------------------------------------


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
        pytest.param(
            lambda: next(iter(())),
            "StopIteration",
            marks=pytest.mark.xfail(reason="no future of asyncio carries it: the step never ends"),
            id="stop iteration",
        ),
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


# -- steps side by side, in loops, and other tools -------------------------------------------------


def test_steps_side_by_side(client: inngest_nb.Inngest) -> None:
    barrier = threading.Barrier(3)

    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> list[Any]:
        def meet(number: int) -> int:
            barrier.wait(LIMIT_S)  # only together
            return number

        gathered = await asyncio.gather(*(ctx.step.run(f"meet {n}", meet, n) for n in range(3)))
        branches = tuple(functools.partial(ctx.step.run, f"again {n}", meet, n) for n in range(3))
        grouped = await ctx.group.parallel(branches)
        return [gathered, list(grouped)]

    assert fn.start().result(LIMIT_S) == [[0, 1, 2], [0, 1, 2]]


def test_a_loop_may_use_one_id(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO, retries=1, backoff=0)
    async def fn(ctx: inngest_nb.Context) -> list[int]:
        values = [await ctx.step.run("page", operator.mul, n, 10) for n in range(4)]
        if ctx.attempt == 0:
            raise ValueError("once more, from what is remembered")
        return values

    run = fn.start()
    assert run.result(LIMIT_S) == [0, 10, 20, 30]
    assert statuses(run) == [("page", 0, "completed")] * 4


def test_sending_events_from_a_run(client: inngest_nb.Inngest) -> None:
    heard: list[Any] = []
    told = threading.Event()

    @client.create_function(fn_id="other", trigger=inngest_nb.TriggerEvent(event="app/other"))
    async def other(ctx: inngest_nb.Context) -> None:
        heard.append(ctx.event.data["n"])
        if len(heard) == 2:
            told.set()

    @client.create_function(fn_id="fn", trigger=GO, retries=1, backoff=0)
    async def fn(ctx: inngest_nb.Context) -> list[str]:
        events = [inngest_nb.Event(name="app/other", data={"n": n}) for n in range(2)]
        ids = await ctx.step.send_event("tell", events)
        if ctx.attempt == 0:
            raise ValueError("once more, without sending again")
        return ids

    ids = fn.start().result(LIMIT_S)
    assert told.wait(LIMIT_S)
    assert sorted(heard) == [0, 1]
    assert [len(client.runs(event_id=event_id)) for event_id in ids] == [1, 1]


def test_a_stream_is_published_piece_by_piece_and_collected(client: inngest_nb.Inngest) -> None:
    async def words() -> AsyncIterator[str]:
        for word in ("Hel", "lo ", "there"):
            yield word

    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> str:
        async def generate() -> str:
            return await ctx.stream(chat.tokens, words(), to=lambda word: {"token": word})

        return await ctx.step.run("generate", generate)

    run = fn.start()
    assert run.result(LIMIT_S) == "Hello there"
    messages = run.messages()
    assert [data["token"] for data in messages[messages["topic"] == "tokens"]["data"]] == ["Hel", "lo ", "there"]


def test_data_that_do_not_fit_their_topic_are_refused_before_anything_is_sent(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO, retries=0)
    async def fn(ctx: inngest_nb.Context) -> None:
        await ctx.publish(chat.tokens, {"tokn": "x"})

    error = failure_of(fn.start())
    assert error["name"] == "SchemaError"
    assert "token" in error["message"]
    with pytest.raises(SchemaError, match="token"):
        client.realtime.publish_sync(chat.tokens, {"token": 5})
    messages = client.history.messages()
    assert messages[messages["channel"] == "chat"].query("kind == 'data'").empty


def test_what_ran_before_is_silent_when_it_is_passed_again(
    client: inngest_nb.Inngest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "inngest_nb")

    @client.create_function(fn_id="fn", trigger=GO, retries=1, backoff=0)
    async def fn(ctx: inngest_nb.Context) -> str:
        ctx.logger.info("before, attempt %d", ctx.attempt)
        await ctx.publish(chat.notes, f"before, attempt {ctx.attempt}")
        await ctx.step.run("one", lambda: 1)
        ctx.logger.info("after, attempt %d", ctx.attempt)
        await ctx.publish(chat.notes, f"after, attempt {ctx.attempt}")
        if ctx.attempt == 0:
            raise ValueError("once more")
        return "done"

    run = fn.start()
    assert run.result(LIMIT_S) == "done"
    told = ["before, attempt 0", "after, attempt 0", "after, attempt 1"]
    assert [record.getMessage() for record in caplog.records if "attempt" in record.getMessage()] == told
    messages = run.messages().query("kind == 'data'")
    assert list(messages["data"]) == told


# -- the link ------------------------------------------------------------------------------------


def test_a_run_goes_on_in_the_next_process_life(client: inngest_nb.Inngest, tmp_path: Path) -> None:
    calls: list[str] = []

    def define(client: inngest_nb.Inngest) -> inngest_nb.Function[Any]:
        @client.create_function(fn_id="fn", trigger=GO)
        async def fn(ctx: inngest_nb.Context) -> Any:
            await ctx.step.run("dear", lambda: calls.append("dear"))
            answer = await ctx.step.wait_for_event("ask", event="app/answer", timeout="1h")
            return answer and answer.data["n"]

        return fn

    run = define(client).start()
    deadline = _deadline()
    while client.history.waits().empty:
        deadline()
    links.close_links()
    again = inngest_nb.Inngest(app_id="app", engine="embedded", data_dir=tmp_path / "data")
    define(again)
    again.send_sync(inngest_nb.Event(name="app/answer", data={"n": 7}))
    assert again.run(run.id).result(LIMIT_S) == 7
    assert calls == ["dear"]


def test_closing_leaves_no_thread_behind(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO)
    def fn(ctx: inngest_nb.ContextSync) -> int:
        return ctx.step.run("one", lambda: 1)

    assert fn.start().result(LIMIT_S) == 1
    links.close_links()
    deadline = _deadline()
    while [thread for thread in threading.enumerate() if thread.name.startswith("inngest-nb")]:
        deadline()


def test_memory_keeps_nothing() -> None:
    client = inngest_nb.Inngest(app_id="app", engine="embedded", data_dir=":memory:")

    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> int:
        return 1

    assert fn.start().result(LIMIT_S) == 1
    folder = client._link().data_dir
    assert folder.exists()
    links.close_links()
    assert not folder.exists()
