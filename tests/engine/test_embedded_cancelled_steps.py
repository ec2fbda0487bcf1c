"""Steps that the body itself cancels, by a timeout or because another one failed: what asyncio's users expect, now and in replays."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

import inngest_nb
from inngest_nb import links
from inngest_nb.realtime.messages import fold_rollbacks
from tests.engine.embedded import GO, LIMIT_S, chat, failure_of, statuses
from tests.support.waiting import until


def test_a_timeout_around_a_step_is_a_timeout_now_and_after_a_restart(client: inngest_nb.Inngest) -> None:
    entered: list[int] = []

    def define() -> inngest_nb.Function[Any]:
        @client.create_function(fn_id="fn", trigger=GO, retries=0)
        async def fn(ctx: inngest_nb.Context) -> list[str]:
            async def slow() -> None:
                entered.append(1)
                await ctx.publish(chat.notes, "half a text")
                await asyncio.sleep(60)

            try:
                async with asyncio.timeout(0.05):
                    await ctx.step.run("slow", slow)
            except TimeoutError:
                first = await ctx.step.run("instead", lambda: "in time")
            await ctx.step.wait_for_event("then", event="app/then", timeout="1h")
            return [first, await ctx.step.run("last", lambda: "done")]

        return fn

    run = define().start()
    until(lambda: run.status == "waiting")
    links.close_links()
    define()
    client.send_sync(inngest_nb.Event(name="app/then"))
    run = client.run(run.id)
    assert run.result(LIMIT_S) == ["in time", "done"]
    assert len(entered) == 2, "it had not completed, so it was tried again"
    assert [step for step, _, _ in statuses(run)] == ["instead", "then", "last"]
    said = []
    for message in client.realtime.subscribe(channel=chat, since="start"):
        said.append(message)
        if message.kind == "run":
            break
    assert [m.kind for m in said] == ["data", "rollback", "data", "rollback", "run"]
    assert [m.data for m in fold_rollbacks(said) if m.kind == "data"] == []


def test_a_failed_step_in_a_task_group_cancels_its_siblings_and_is_the_only_error(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO, retries=0)
    async def fn(ctx: inngest_nb.Context) -> list[str]:
        async def bad() -> None:
            raise ValueError("bad")

        errors: list[str] = []
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(ctx.step.run("bad", bad))
                group.create_task(ctx.step.run("slow", asyncio.sleep, 60))
                group.create_task(ctx.step.sleep("long", "1h"))
        except* inngest_nb.StepError as found:
            errors += [str(error) for error in found.exceptions]
        return errors

    run = fn.start()
    assert run.result(LIMIT_S) == ["bad"]
    assert [status for _, _, status in statuses(run)] == ["failed", "cancelled"]


def test_a_cancelled_step_in_a_thread_goes_on_unheard(client: inngest_nb.Inngest) -> None:
    leave, left = threading.Event(), threading.Event()

    def slow() -> str:
        leave.wait(LIMIT_S)
        left.set()
        return "too late"

    @client.create_function(fn_id="fn", trigger=GO, retries=0)
    async def fn(ctx: inngest_nb.Context) -> str:
        task = asyncio.create_task(ctx.step.run("slow", slow))
        await ctx.step.run("first", lambda: None)
        task.cancel()
        return await ctx.step.run("second", lambda: "went on")

    run = fn.start()
    assert run.result(LIMIT_S) == "went on"
    leave.set()
    assert left.wait(LIMIT_S)
    assert [step for step, _, _ in statuses(run)] == ["first", "second"]


def test_a_cancelled_error_of_the_step_itself_is_its_failure(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO, retries=0)
    async def fn(ctx: inngest_nb.Context) -> None:
        async def cancelled() -> None:
            raise asyncio.CancelledError

        await ctx.step.run("step", cancelled)

    assert "cancelled from inside" in failure_of(fn.start())["message"]


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_a_step_on_another_loop_is_refused(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> Any:
        return await asyncio.to_thread(lambda: asyncio.run(ctx.step.run("step", time.time)))

    error = failure_of(fn.start())
    assert "step 'step' was called on another event loop than its function runs on" in error["message"]
