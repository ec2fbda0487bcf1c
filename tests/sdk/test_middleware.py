"""The hooks of middleware: their order, their moments, and what they may change."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

import inngest_nb as inngest
from inngest_nb.errors import AsyncUnsupportedError, EventInvalidError
from inngest_nb.middleware import Output, UninitializedMiddleware
from inngest_nb.testing import Result, TestEngine, trigger

GO = inngest.Event(name="app/go", data={"n": 1})


def recorder(name: str, log: list[str]) -> type[inngest.MiddlewareSync]:
    """A middleware that notes every call of a hook."""

    class Recorder(inngest.MiddlewareSync):
        def __init__(self, client: inngest.Inngest, raw_request: object) -> None:
            super().__init__(client, raw_request)
            log.append(f"{name}.new")

        def transform_input(
            self, ctx: inngest.Context | inngest.ContextSync, function: inngest.Function[Any], steps: inngest.StepMemos
        ) -> None:
            log.append(f"{name}.transform_input({steps.size})")

        def before_execution(self) -> None:
            log.append(f"{name}.before_execution")

        def after_execution(self) -> None:
            log.append(f"{name}.after_execution")

        def transform_output(self, result: inngest.TransformOutputResult) -> None:
            log.append(f"{name}.transform_output({result.step.id if result.step else None})")

        def before_response(self) -> None:
            log.append(f"{name}.before_response")

        def before_send_events(self, events: list[inngest.Event]) -> None:
            log.append(f"{name}.before_send_events")

        def after_send_events(self, result: inngest.SendEventsResult) -> None:
            log.append(f"{name}.after_send_events")

    return Recorder


def run_once(
    client: inngest.Inngest, body: Callable[..., Any], *middleware: UninitializedMiddleware, **options: Any
) -> Result:
    """Make a function of a body and take one run of it to its end."""
    settings = {"retries": 0, **options, "fn_id": "fn", "trigger": inngest.TriggerEvent(event="app/go")}
    return trigger(client.create_function(middleware=list(middleware), **settings)(body), GO).result()


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


def test_transform_input_may_change_the_context_and_add_to_it(client: inngest.Inngest) -> None:
    class Enrich(inngest.Middleware):
        async def transform_input(
            self, ctx: inngest.Context | inngest.ContextSync, function: inngest.Function[Any], steps: inngest.StepMemos
        ) -> None:
            ctx.event = inngest.Event(name="app/changed", data={"id": function.local_id})
            ctx.database = "connected"  # type: ignore[union-attr]

    async def body(ctx: inngest.Context) -> list[Any]:
        return [ctx.event.name, ctx.event.data, ctx.database, len(ctx.events)]  # type: ignore[attr-defined]

    assert run_once(client, body, Enrich).output == ["app/changed", {"id": "fn"}, "connected", 1]


def test_transform_output_may_change_what_steps_and_the_function_return(client: inngest.Inngest) -> None:
    class Wrap(inngest.MiddlewareSync):
        def transform_output(self, result: inngest.TransformOutputResult) -> None:
            if result.has_output():
                result.output = {"wrapped": result.output}

    async def body(ctx: inngest.Context) -> Any:
        return await ctx.step.run("one", lambda: 1)

    result = run_once(client, body, Wrap)
    assert result.step("one").output == {"wrapped": 1}
    assert result.output == {"wrapped": {"wrapped": 1}}


def test_transform_output_sees_errors_and_may_replace_them(client: inngest.Inngest) -> None:
    seen: list[tuple[str | None, str]] = []

    class Rename(inngest.MiddlewareSync):
        def transform_output(self, result: inngest.TransformOutputResult) -> None:
            if result.error is not None:
                seen.append((result.step.id if result.step else None, type(result.error).__name__))
                result.error = LookupError("replaced")

    async def body(ctx: inngest.Context) -> None:
        def fail() -> None:
            raise ValueError("original")

        try:
            await ctx.step.run("one", fail)
        except inngest.StepError as exc:
            raise RuntimeError(f"{exc.name} {exc.message}") from exc

    result = run_once(client, body, Rename)
    assert seen == [("one", "ValueError"), (None, "RuntimeError")]
    assert result.step("one").error is not None
    assert result.error is not None
    assert (result.error["name"], result.error["message"]) == ("LookupError", "replaced")


def test_transform_output_may_turn_a_failure_into_a_result(client: inngest.Inngest) -> None:
    class Forgive(inngest.MiddlewareSync):
        def transform_output(self, result: inngest.TransformOutputResult) -> None:
            result.error, result.output = None, "forgiven"

    async def body(ctx: inngest.Context) -> None:
        raise ValueError("broken")

    assert run_once(client, body, Forgive).output == "forgiven"


class Sealed(inngest.MiddlewareSync):
    """Nothing that is kept can be read: events, steps and results are encoded."""

    def transform_input(
        self, ctx: inngest.Context | inngest.ContextSync, function: inngest.Function[Any], steps: inngest.StepMemos
    ) -> None:
        for event in (ctx.event, *ctx.events):
            event.data = opened(event.data)
        for output in steps.values():
            output.data = opened(output.data)
            if isinstance(output.data, dict) and "data" in output.data:  # an event that was waited for
                output.data["data"] = opened(output.data["data"])

    def transform_output(self, result: inngest.TransformOutputResult) -> None:
        if result.has_output():
            result.output = sealed(result.output)

    def before_send_events(self, events: list[inngest.Event]) -> None:
        for event in events:
            event.data = sealed(event.data)


def sealed(value: Any) -> dict[str, str]:
    return {"sealed": base64.b64encode(json.dumps(value).encode()).decode()}


def opened(value: Any) -> Any:
    is_sealed = isinstance(value, dict) and set(value) == {"sealed"}
    return json.loads(base64.b64decode(value["sealed"])) if is_sealed else value


@pytest.mark.parametrize("again", [False, True], ids=["first pass", "after a retry"])
def test_a_codec_gives_the_body_the_same_values_now_and_after_a_replay(
    client: inngest.Inngest, engine: TestEngine, again: bool
) -> None:
    client.add_middleware(Sealed)
    failures = iter([RuntimeError("once")] if again else [])

    @client.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="app/never"))
    def child(ctx: inngest.ContextSync) -> Any:
        return {"child": ctx.event.data}

    @client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="app/go"), retries=1)
    async def parent(ctx: inngest.Context) -> list[Any]:
        one = await ctx.step.run("one", lambda: {"one": 1})
        answer = await ctx.step.wait_for_event("answer", event="app/answer", timeout="1h")
        assert answer is not None
        called = await ctx.step.invoke("called", function=child, data={"x": 1})
        if failure := next(failures, None):
            raise failure
        return [one, answer.data, called["child"]["x"], ctx.event.data]

    client.send_sync(inngest.Event(name="app/go", data={"secret": 1}))
    engine.settle()
    client.send_sync(inngest.Event(name="app/answer", data={"secret": 2}))
    (run,) = engine.runs(parent)
    result = engine.finish(run)
    assert opened(result.output) == [{"one": 1}, {"secret": 2}, 1, {"secret": 1}]
    kept = json.dumps([result.output, [step.output for step in result.steps], run.event.data])
    assert "secret" not in kept
    assert result.step("one").output == sealed({"one": 1})


def test_a_step_that_is_retried_sends_what_the_body_gave(client: inngest.Inngest, engine: TestEngine) -> None:
    """Hooks change copies: a second attempt does not encode twice."""
    refusals = iter([OSError("once")])

    class FailOnce(inngest.MiddlewareSync):
        def before_send_events(self, events: list[inngest.Event]) -> None:
            if refusal := next(refusals, None):
                raise refusal

    client.add_middleware(Sealed)
    client.add_middleware(FailOnce)

    @client.create_function(fn_id="sends", trigger=inngest.TriggerEvent(event="app/go"))
    async def sends(ctx: inngest.Context) -> None:
        await ctx.step.send_event("send", inngest.Event(name="app/sent", data={"a": 1}))

    got: list[Any] = []

    @client.create_function(fn_id="gets", trigger=inngest.TriggerEvent(event="app/sent"))
    async def gets(ctx: inngest.Context) -> None:
        got.append(ctx.event.data)

    engine.send(GO)
    (run,) = engine.runs(sends)
    assert engine.finish(run).step("send").attempt == 1
    engine.settle()
    assert got == [{"a": 1}]


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


class Async(inngest.Middleware):
    """Does nothing, but awaits."""


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


async def test_send_calls_the_hooks_of_the_client(client: inngest.Inngest) -> None:
    log: list[str] = []
    client.add_middleware(recorder("a", log), recorder("b", log))
    hooks = ["a.before_send_events", "b.before_send_events", "b.after_send_events", "a.after_send_events"]
    await client.send(GO)
    assert log == ["a.new", "b.new", *hooks]
    log.clear()
    client.send_sync([GO])
    assert log == ["a.new", "b.new", *hooks]
    log.clear()
    await client.send(GO, skip_middleware=True)
    client.send_sync(GO, skip_middleware=True)
    assert log == []


async def test_send_hooks_may_add_events_and_see_the_result(client: inngest.Inngest) -> None:
    results: list[inngest.SendEventsResult] = []

    class Twice(inngest.MiddlewareSync):
        def before_send_events(self, events: list[inngest.Event]) -> None:
            events.append(inngest.Event(name="app/added"))

        def after_send_events(self, result: inngest.SendEventsResult) -> None:
            results.append(result)

    client.add_middleware(Twice)
    given = [GO]
    ids = await client.send(given)
    assert len(ids) == 2
    assert given == [GO]
    assert (results[0].ids, results[0].error) == (ids, None)
    with pytest.raises(EventInvalidError):
        client.send_sync(inngest.Event(name="inngest/reserved"))
    assert results[1].ids == []
    assert results[1].error is not None
    assert "reserved" in results[1].error


def test_send_sync_refuses_async_middleware(client: inngest.Inngest) -> None:
    client.add_middleware(Async)
    with pytest.raises(AsyncUnsupportedError, match="Async is async"):
        client.send_sync(GO)


def test_step_memos_can_be_looked_at_and_taken_out() -> None:
    memos = inngest.StepMemos({"a": Output(data=1)})
    assert (memos.size, [output.data for output in memos.values()]) == (1, [1])
    taken = memos.pop("a")
    assert isinstance(taken, Output)
    assert taken.data == 1
    assert not isinstance(memos.pop("a"), Output)
