"""The hooks of middleware: their order, their moments, and where they run."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import inngest_nb as inngest
from inngest_nb.middleware import Output
from inngest_nb.testing import TestEngine
from tests.sdk.hooks import Async, recorder, run_once


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
def test_the_order_of_a_call(client: inngest.Inngest, sync: bool) -> None:
    log: list[str] = []
    client.add_middleware(recorder("a", log))

    def sync_body(ctx: inngest.ContextSync) -> None:
        log.append("body")
        ctx.step.run("one", lambda: log.append("one"))
        ctx.step.send_event("two", inngest.Event(name="app/other"))

    async def body(ctx: inngest.Context) -> None:
        log.append("body")
        await ctx.step.run("one", lambda: log.append("one"))
        await ctx.step.send_event("two", inngest.Event(name="app/other"))

    assert run_once(client, sync_body if sync else body, recorder("b", log)).status == "completed"
    assert log == [
        "a.new", "b.new",
        "a.transform_input(0)", "b.transform_input(0)", "a.before_execution", "b.before_execution",
        "body",
        "one", "b.transform_output(one)", "a.transform_output(one)",
        "a.before_send_events", "b.before_send_events", "b.after_send_events", "a.after_send_events",
        "b.transform_output(two)", "a.transform_output(two)",
        "b.after_execution", "a.after_execution", "b.transform_output(None)", "a.transform_output(None)",
        "a.before_response", "b.before_response",
    ]  # fmt: skip


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
def test_before_execution_comes_when_the_last_memo_has_been_used(client: inngest.Inngest, sync: bool) -> None:
    log: list[str] = []
    failures = iter([RuntimeError("once")])

    def between(place: str) -> None:
        log.append(place)
        if place == "after two" and (failure := next(failures, None)):
            raise failure

    def sync_body(ctx: inngest.ContextSync) -> None:
        between("start")
        ctx.step.run("one", lambda: 1)
        between("after one")
        ctx.step.run("two", lambda: 2)
        between("after two")

    async def body(ctx: inngest.Context) -> None:
        between("start")
        await ctx.step.run("one", lambda: 1)
        between("after one")
        await ctx.step.run("two", lambda: 2)
        between("after two")

    result = run_once(client, sync_body if sync else body, recorder("a", log), retries=1)
    assert result.status == "completed"
    second = log[log.index("a.new", 1) :]
    assert second == [
        "a.new", "a.transform_input(2)", "start", "after one", "a.before_execution", "after two",
        "a.after_execution", "a.transform_output(None)", "a.before_response",
    ]  # fmt: skip


def test_in_replays_every_step_is_a_call_as_in_production(client: inngest.Inngest) -> None:
    log: list[str] = []

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("one", lambda: 1)
        await ctx.step.run("two", lambda: 2)

    assert run_once(client, body, recorder("a", log), replay="always").status == "completed"
    ends = ["a.after_execution", "a.before_response"]
    assert log == [
        "a.new", "a.transform_input(0)", "a.before_execution", "a.transform_output(one)", *ends,
        "a.new", "a.transform_input(1)", "a.before_execution", "a.transform_output(two)", *ends,
        "a.new", "a.transform_input(2)", "a.before_execution",
        "a.after_execution", "a.transform_output(None)", "a.before_response",
    ]  # fmt: skip


def test_a_raising_body_has_no_after_execution(client: inngest.Inngest) -> None:
    log: list[str] = []

    async def body(ctx: inngest.Context) -> None:
        raise ValueError("broken")

    assert run_once(client, body, recorder("a", log)).status == "failed"
    assert log[-3:] == ["a.before_execution", "a.transform_output(None)", "a.before_response"]


async def test_a_run_that_is_cancelled_ends_its_call(client: inngest.Inngest, engine: TestEngine) -> None:
    log: list[str] = []
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Closing(inngest.MiddlewareSync):
        def before_response(self) -> None:
            loop.call_soon_threadsafe(ended.set)

    @client.create_function(
        fn_id="waits", trigger=inngest.TriggerEvent(event="app/go"), middleware=[recorder("a", log), Closing]
    )
    async def waits(ctx: inngest.Context) -> None:
        await ctx.step.sleep("long", "7d")

    run = waits.start()
    engine.settle()
    run.cancel()
    await asyncio.wait_for(ended.wait(), 10)
    assert log[-2:] == ["a.after_execution", "a.before_response"]


def test_a_hook_that_raises_fails_the_attempt(client: inngest.Inngest) -> None:
    class Broken(inngest.MiddlewareSync):
        def before_response(self) -> None:
            raise OSError("no connection")

    async def body(ctx: inngest.Context) -> int:
        return 1

    result = run_once(client, body, Broken)
    assert result.error is not None
    assert (result.error["name"], result.error["message"]) == ("OSError", "no connection")


def test_hooks_of_sync_functions_share_their_thread(client: inngest.Inngest) -> None:
    threads: set[int] = set()

    class Note(inngest.MiddlewareSync):
        def transform_input(
            self, ctx: inngest.Context | inngest.ContextSync, function: inngest.Function[Any], steps: inngest.StepMemos
        ) -> None:
            threads.add(threading.get_ident())

        def before_execution(self) -> None:
            threads.add(threading.get_ident())

        def transform_output(self, result: inngest.TransformOutputResult) -> None:
            threads.add(threading.get_ident())

    def body(ctx: inngest.ContextSync) -> None:
        threads.add(threading.get_ident())
        ctx.step.run("one", lambda: threads.add(threading.get_ident()))

    assert run_once(client, body, Note).status == "completed"
    assert len(threads) == 1


def test_async_middleware_cannot_surround_a_sync_function(client: inngest.Inngest) -> None:
    entered: list[int] = []

    def body(ctx: inngest.ContextSync) -> None:
        entered.append(1)

    result = run_once(client, body, Async, retries=4)
    assert result.error is not None
    assert result.error["code"] == "async_unsupported"
    assert "Async" in result.error["message"]
    assert not entered


def test_sync_middleware_surrounds_both_and_factories_are_taken(client: inngest.Inngest) -> None:
    made: list[tuple[inngest.Inngest, object]] = []

    def factory(owner: inngest.Inngest, raw_request: object) -> inngest.MiddlewareSync:
        made.append((owner, raw_request))
        return inngest.MiddlewareSync(owner, raw_request)

    async def body(ctx: inngest.Context) -> int:
        return 1

    assert run_once(client, body, factory).output == 1
    assert made == [(client, None)]


def test_step_memos_can_be_looked_at_and_taken_out() -> None:
    memos = inngest.StepMemos({"a": Output(data=1)})
    assert (memos.size, [output.data for output in memos.values()]) == (1, [1])
    taken = memos.pop("a")
    assert isinstance(taken, Output)
    assert taken.data == 1
    assert not isinstance(memos.pop("a"), Output)
