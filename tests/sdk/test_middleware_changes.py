"""What middleware may change: the context, outputs and errors, values on their way into the journal and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

import inngest_nb as inngest
from inngest_nb.testing import TestEngine
from tests.sdk.hooks import Sealed, opened, run_once, sealed


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
