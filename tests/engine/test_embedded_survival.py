"""Whatever code of users does, its run ends with a clear error and the next one runs."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import pytest

import inngest_nb
from inngest_nb.engine.waiting import Waiting
from inngest_nb.engine.waits import Waits
from tests.engine.embedded import GO, LIMIT_S, failure_of
from tests.support.waiting import until

UNREADABLE = b"caf\xe9".decode(errors="surrogateescape")  # a name of a file that is not UTF-8


class Mute(Exception):
    """One that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Halt(BaseException):
    """One that `except Exception` does not see."""


def raising(error: BaseException) -> NoReturn:
    raise error


async def raising_later(error: BaseException) -> NoReturn:
    raise error


async def one() -> int:
    return 1


Body = Callable[[inngest_nb.Context, BaseException], Awaitable[Any]]


async def in_body(ctx: inngest_nb.Context, error: BaseException) -> None:
    raise error


async def in_step(ctx: inngest_nb.Context, error: BaseException) -> None:
    await ctx.step.run("step", raising, error)


async def in_async_step(ctx: inngest_nb.Context, error: BaseException) -> None:
    await ctx.step.run("step", raising_later, error)


async def in_task(ctx: inngest_nb.Context, error: BaseException) -> None:
    await asyncio.create_task(raising_later(error))


async def in_gather(ctx: inngest_nb.Context, error: BaseException) -> None:
    await asyncio.gather(raising_later(error), one())


async def in_branch(ctx: inngest_nb.Context, error: BaseException) -> None:
    await ctx.group.parallel((functools.partial(raising_later, error), one))


async def in_step_of_branch(ctx: inngest_nb.Context, error: BaseException) -> None:
    await ctx.group.parallel((lambda: ctx.step.run("step", raising_later, error), lambda: ctx.step.run("other", one)))


@pytest.mark.parametrize(
    ("error", "name", "message"),
    [
        (SystemExit(3), "SystemExit", "3"),
        (KeyboardInterrupt(), "KeyboardInterrupt", ""),
        (Halt("enough"), "Halt", "enough"),
        (GeneratorExit(), "GeneratorExit", ""),
        (Mute(), "Mute", "<Mute cannot be shown: its str() failed>"),
        (ValueError(UNREADABLE), "ValueError", "caf\\udce9"),
        (FileNotFoundError(2, "No such file", UNREADABLE), "FileNotFoundError", "[Errno 2] No such file: 'caf\\udce9'"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
@pytest.mark.parametrize(
    "body",
    [in_body, in_step, in_async_step, in_task, in_gather, in_branch, in_step_of_branch],
    ids=lambda it: it.__name__,
)
def test_whatever_is_raised_wherever_is_the_error_of_its_run(
    client: inngest_nb.Inngest, body: Body, error: BaseException, name: str, message: str
) -> None:
    @client.create_function(fn_id="raises", trigger=GO, retries=0)
    async def raises(ctx: inngest_nb.Context) -> None:
        await body(ctx, error)

    @client.create_function(fn_id="next", trigger=GO)
    async def following(ctx: inngest_nb.Context) -> int:
        return await ctx.step.run("one", one)

    found = failure_of(raises.start())
    assert (found["name"], found["message"]) == (name, message)
    assert "inngest_nb/worker" not in found["stack"]
    assert following.start().result(LIMIT_S) == 1


def test_a_task_that_exits_alone_and_a_loop_that_is_stopped_disturb_nobody(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="stops", trigger=GO, retries=0)
    async def stops(ctx: inngest_nb.Context) -> int:
        loop = asyncio.get_running_loop()
        loop.call_soon(raising, SystemExit(1))
        loop.call_soon(loop.stop)
        return await ctx.step.run("one", one)

    assert stops.start().result(LIMIT_S) == 1
    assert stops.start().result(LIMIT_S) == 1


def test_an_endless_message_is_cut(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO, retries=0)
    async def fn(ctx: inngest_nb.Context) -> None:
        await ctx.step.run("step", raising, ValueError("x" * 5_000_000))

    message = failure_of(fn.start())["message"]
    assert message == "x" * 64_000 + "… (4,936,000 characters more)"


def test_frames_of_the_engine_are_left_out_of_causes_as_well(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO, retries=0)
    async def fn(ctx: inngest_nb.Context) -> None:
        try:
            await ctx.step.run("step", raising, KeyError("lost"))
        except inngest_nb.StepError as exc:
            raise LookupError("not found") from exc

    stack = failure_of(fn.start())["stack"]
    assert "LookupError: not found" in stack
    assert "direct cause" in stack
    assert "/inngest_nb/worker/" not in stack


def test_a_result_is_not_waited_for_where_it_could_not_come(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="child", trigger=GO)
    async def child(ctx: inngest_nb.Context) -> str:
        return "done"

    @client.create_function(fn_id="blocks", trigger=GO, retries=0)
    async def blocks(ctx: inngest_nb.Context) -> Any:
        return child.start().result()

    @client.create_function(fn_id="awaits", trigger=GO)
    async def awaits(ctx: inngest_nb.Context) -> Any:
        return [await child.start(), await ctx.step.run("in a thread", lambda: child.start().result())]

    assert "write await run" in failure_of(blocks.start())["message"]
    assert awaits.start().result(LIMIT_S) == ["done", "done"]


def test_a_report_that_the_engine_cannot_act_on_ends_its_run_alone(
    client: inngest_nb.Inngest, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = Waiting.begun

    def faulty(self: Waiting, run: Any, message: Any) -> None:
        if message["step_id"] == "bad":
            raise LookupError("a fault of ours")
        begun(self, run, message)

    monkeypatch.setattr(Waiting, "begun", faulty)

    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> str:
        await ctx.step.sleep(ctx.event.data["step"], 1)
        return "slept"

    error, fine = failure_of(fn.start({"step": "bad"})), fn.start({"step": "good"})
    assert error["code"] == "report_not_taken"
    assert "what was reported of step 'bad': LookupError: a fault of ours" in error["message"]
    assert fine.result(LIMIT_S) == "slept"


def test_a_wait_that_cannot_be_ended_does_not_hold_up_the_others(
    client: inngest_nb.Inngest, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoiled: list[str] = []
    is_over = Waiting._is_over

    def faulty(self: Waiting, wait: tuple[str, str]) -> None:
        if not spoiled:
            spoiled.append(wait[0])
            raise LookupError("a fault of ours")
        is_over(self, wait)

    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> str | None:
        event = await ctx.step.wait_for_event("answer", event="app/answer", timeout="1h")
        return None if event is None else event.name

    runs = [fn.start() for _ in range(3)]
    until(lambda: all(run.status == "waiting" for run in runs))
    monkeypatch.setattr(Waiting, "_is_over", faulty)
    client.send_sync(inngest_nb.Event(name="app/answer"))
    until(lambda: bool(spoiled))
    others = [run for run in runs if run.id not in spoiled]
    assert [run.result(LIMIT_S) for run in others] == ["app/answer", "app/answer"]


def test_a_wait_whose_condition_cannot_be_had_does_not_keep_its_event_from_the_others(
    client: inngest_nb.Inngest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    condition, spoiled = Waits._condition, set[str]()

    def faulty(self: Waits, kept: Any) -> Any:
        if kept.run_id in spoiled:
            raise TypeError("a fault of ours")
        return condition(self, kept)

    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> str | None:
        event = await ctx.step.wait_for_event(
            "answer", event="app/answer", timeout="1h", if_exp="async.data.ok == true"
        )
        return None if event is None else event.name

    runs = [fn.start() for _ in range(3)]
    until(lambda: all(run.status == "waiting" for run in runs))
    spoiled.add(runs[0].id)
    monkeypatch.setattr(Waits, "_condition", faulty)
    assert client.send_sync(inngest_nb.Event(name="app/answer", data={"ok": True}))
    assert [run.result(LIMIT_S) for run in runs[1:]] == ["app/answer", "app/answer"]
    assert f"of run {runs[0].id} is passed over" in caplog.text
    spoiled.clear()
    client.send_sync(inngest_nb.Event(name="app/answer", data={"ok": True}))
    assert runs[0].result(LIMIT_S) == "app/answer"
