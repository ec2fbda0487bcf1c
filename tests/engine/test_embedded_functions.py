"""Functions as users write them, on the embedded engine."""

from __future__ import annotations

import asyncio
import datetime
import functools
import logging
import operator
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import inngest_nb
from inngest_nb import links
from inngest_nb.errors import EventInvalidError, FunctionConfigInvalidError, RunNotFoundError, SchemaError
from tests.engine.embedded import GO, LIMIT_S, Token, chat, deadline, failure_of, statuses

# -- clients -------------------------------------------------------------------------------------


def test_what_is_made_before_the_client_is_used_means_its_engine(client: inngest_nb.Inngest) -> None:
    found = links.current_link()
    assert found is client._link()


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
    check = deadline()
    while waits().empty:
        check()
    client.send_sync(inngest_nb.Event(name="app/answer", data={"yes": True}))
    assert run.result(LIMIT_S) == {"yes": True}


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
    check = deadline()
    while client.history.waits().empty:
        check()
    links.close_links()
    again = inngest_nb.Inngest(app_id="app", engine="embedded", data_dir=tmp_path / "data")
    define(again)
    again.send_sync(inngest_nb.Event(name="app/answer", data={"n": 7}))
    assert again.run(run.id).result(LIMIT_S) == 7
    assert calls == ["dear"]


def test_closing_leaves_no_thread_behind(client: inngest_nb.Inngest) -> None:
    before = set(threading.enumerate())

    @client.create_function(fn_id="fn", trigger=GO)
    def fn(ctx: inngest_nb.ContextSync) -> int:
        return ctx.step.run("one", lambda: 1)

    assert fn.start().result(LIMIT_S) == 1
    links.close_links()
    check = deadline()
    while [thread for thread in threading.enumerate() if thread.name.startswith("inngest-nb") and thread not in before]:
        check()


def test_a_program_that_just_ends_ends_in_silence(tmp_path: Path) -> None:
    program = """
import inngest_nb as nb
client = nb.Inngest(app_id="ends", engine="embedded", data_dir="state")
function = client.create_function(fn_id="f", trigger=nb.TriggerEvent(event="app/f"))(lambda ctx: 1)
print(function.start().result(30))
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("1\n", "")


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


def test_a_data_dir_in_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for data_dir in ("~/runs", tmp_path / "home" / "runs"):
        home = inngest_nb.Inngest(app_id="app", engine="embedded", data_dir=data_dir)
        assert home._link().data_dir == (tmp_path / "home" / "runs").resolve()
    links.close_links()
