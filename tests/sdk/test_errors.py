"""What errors of user code become, in a step and in the body; compared with what the official SDK was recorded doing."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

import inngest_nb as inngest
from inngest_nb.testing import Result, TestClock, TestEngine, trigger

GO = inngest.Event(name="app/go")
TRIGGER = inngest.TriggerEvent(event="app/go")


def outcome(client: inngest.Inngest, body: Any, **options: Any) -> Result:
    settings = {"retries": 0, "fn_id": "fn", "trigger": TRIGGER, **options}
    return trigger(client.create_function(**settings)(body), GO).result()


def test_the_output_of_a_failed_run(client: inngest.Inngest) -> None:
    async def body(ctx: inngest.Context) -> None:
        raise RuntimeError(f"attempt {ctx.attempt}")

    error = outcome(client, body, retries=1).error
    assert error is not None
    assert list(error) == ["code", "name", "message", "stack"]
    assert (error["code"], error["name"], error["message"]) == ("unknown", "RuntimeError", "attempt 1")
    assert "in body" in error["stack"]
    assert "inngest_nb/worker" not in error["stack"]  # the frames are the user's


def test_an_uncaught_step_error_is_the_original(client: inngest.Inngest) -> None:
    async def body(ctx: inngest.Context) -> None:
        def fail() -> None:
            raise ValueError("always")

        await ctx.step.run("bad", fail)

    error = outcome(client, body, retries=1).error
    assert error is not None
    assert (error["code"], error["name"], error["message"]) == ("step_errored", "ValueError", "always")
    assert "in fail" in error["stack"]


def test_a_caught_step_error_has_the_original_in_its_attributes(client: inngest.Inngest) -> None:
    async def body(ctx: inngest.Context) -> Any:
        def fail() -> None:
            raise ValueError("always")

        try:
            await ctx.step.run("bad", fail)
        except inngest.StepError as exc:
            return [exc.name, exc.message, str(exc), "in fail" in (exc.stack or ""), exc.is_retriable, exc.code]

    assert outcome(client, body).output == ["ValueError", "always", "always", True, False, "step_errored"]


def test_a_step_error_that_is_raised_in_another_step_stays_what_it_was(client: inngest.Inngest) -> None:
    async def body(ctx: inngest.Context) -> Any:
        def fail() -> None:
            raise inngest.StepError("inner", "KeyError", None)

        try:
            await ctx.step.run("bad", fail)
        except inngest.StepError as exc:
            return [exc.name, exc.message]

    result = outcome(client, body, retries=4)
    assert result.output == ["KeyError", "inner"]
    assert result.step("bad").attempt == 0  # it had used up its attempts already


def test_non_retriable_in_the_body_ends_the_run(client: inngest.Inngest) -> None:
    attempts: list[int] = []

    async def body(ctx: inngest.Context) -> None:
        attempts.append(ctx.attempt)
        raise inngest.NonRetriableError("stop here", quiet=True)

    error = outcome(client, body, retries=3).error
    assert error is not None
    assert (error["code"], error["name"], error["message"]) == ("non_retriable_error", "NonRetriableError", "stop here")
    assert attempts == [0]


def test_non_retriable_in_a_step_ends_the_run_as_well(client: inngest.Inngest) -> None:
    async def body(ctx: inngest.Context) -> str:
        def fail() -> None:
            raise inngest.NonRetriableError("stop here")

        try:
            await ctx.step.run("bad", fail)
        except inngest.StepError:
            return "went on"
        return "succeeded"

    result = outcome(client, body, retries=3)
    assert result.error is not None
    assert list(result.error) == ["code", "name", "message", "stack"]
    assert (result.error["code"], result.error["message"]) == ("non_retriable_error", "stop here")


@pytest.mark.parametrize(
    ("wanted", "seconds"),
    [
        (3000, 3.0),
        (datetime.timedelta(minutes=2), 120.0),
        (500, 1.0),
        (datetime.timedelta(days=3), 86_400.0),
    ],
)
@pytest.mark.parametrize("place", ["step", "body"])
def test_retry_after_replaces_the_backoff(place: str, wanted: Any, seconds: float) -> None:
    clock = TestClock()
    times: list[float] = []

    def fail_once() -> str:
        times.append(clock.now() / 1e6)
        if len(times) == 1:
            raise inngest.RetryAfterError("later", wanted)
        return "done"

    with TestEngine(clock=clock) as engine:
        client = inngest.Inngest(app_id="app")

        @client.create_function(fn_id="fn", trigger=TRIGGER, retries=1)
        async def fn(ctx: inngest.Context) -> str:
            return fail_once() if place == "body" else await ctx.step.run("step", fail_once)

        assert engine.finish(engine.start(fn, GO)).output == "done"
    assert times[1] - times[0] == pytest.approx(seconds, abs=1e-3)


def test_retry_after_says_when() -> None:
    moment = datetime.datetime(2030, 1, 2, tzinfo=datetime.UTC)
    assert inngest.RetryAfterError("m", moment).retry_after == moment
    soon = inngest.RetryAfterError("m", 60_000).retry_after - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(seconds=58) < soon <= datetime.timedelta(seconds=60)


def test_nested_steps_are_refused_and_can_be_caught(client: inngest.Inngest) -> None:
    async def body(ctx: inngest.Context) -> Any:
        async def outer() -> None:
            await ctx.step.run("inner", lambda: 1)

        try:
            await ctx.step.run("outer", outer)
        except inngest.StepError as exc:
            return exc.message

    result = outcome(client, body, retries=3)
    assert "Nested steps are not supported" in result.output
    assert result.step("outer").attempt == 0


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan"), b"bytes", {"a": {"b": object()}}])
def test_what_is_not_json_is_refused_with_the_place(client: inngest.Inngest, value: Any) -> None:
    async def in_step(ctx: inngest.Context) -> Any:
        try:
            await ctx.step.run("bad", lambda: value)
        except inngest.StepError as exc:
            return [exc.name, exc.message]

    async def in_body(ctx: inngest.Context) -> Any:
        return value

    name, message = outcome(client, in_step).output
    assert name == "OutputUnserializableError"
    assert "'bad' returned unserializable data" in message
    error = outcome(client, in_body).error
    assert error is not None
    assert error["code"] == "output_unserializable"


def test_attempts_of_a_step_and_of_the_code_after_it_are_counted_apart(client: inngest.Inngest) -> None:
    seen: list[tuple[str, int]] = []

    async def body(ctx: inngest.Context) -> None:
        attempts = iter(range(10))

        def step() -> None:
            if next(attempts) < 2:
                raise ValueError("not yet")

        seen.append(("start", ctx.attempt))
        await ctx.step.run("flaky", step)
        seen.append(("after", ctx.attempt))
        if len(seen) < 6:
            raise RuntimeError("again")

    result = outcome(client, body, retries=2)
    assert result.status == "completed"
    assert result.step("flaky").attempt == 2
    assert [place for place, _ in seen].count("after") == 3  # a full budget after the step


def test_handlers_of_two_kinds_are_refused(client: inngest.Inngest) -> None:
    with pytest.raises(inngest.errors.FunctionConfigInvalidError, match=r"fn.*both be async or both be sync"):

        @client.create_function(fn_id="fn", trigger=TRIGGER, on_failure=lambda ctx: None)
        async def fn(ctx: inngest.Context) -> None: ...


def test_a_failing_failure_handler_fails_alone(client: inngest.Inngest) -> None:
    calls: list[int] = []

    async def handler(ctx: inngest.Context) -> None:
        calls.append(ctx.attempt)
        raise ValueError("in the handler")

    async def body(ctx: inngest.Context) -> None:
        raise ValueError("in the body")

    result = outcome(client, body, on_failure=handler, retries=2)
    assert result.on_failure is not None
    assert result.on_failure.error is not None
    assert result.on_failure.error["message"] == "in the handler"
    assert result.on_failure.on_failure is None
    assert calls == [0]  # no retries
    assert result.error is not None
    assert result.error["message"] == "in the body"


def test_wrong_options_name_the_function_and_the_field(client: inngest.Inngest) -> None:
    refused = inngest.errors.FunctionConfigInvalidError
    for options, said in (
        ({"retries": 21}, "retries"),
        ({"concurrency": [inngest.Concurrency(limit=1)] * 3}, "concurrency"),
        ({"cancel": [inngest.Cancel(event="a")] * 6}, "cancel"),
        ({"debounce": "soon"}, "debounce"),
        ({"timeouts": inngest.Timeouts(start=1500)}, "timeouts, start"),
        ({"idempotency": 7}, "idempotency"),
        ({"backoff": "slow"}, "backoff"),
        ({"trigger": []}, "trigger"),
    ):
        settings: Any = {"fn_id": "wrong", "trigger": TRIGGER, **options}
        with pytest.raises(refused, match=f"'wrong'.*{said}"):
            client.create_function(**settings)(lambda ctx: None)
