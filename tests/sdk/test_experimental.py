"""The step context and its decorator, publishing by name, and the mock."""

from __future__ import annotations

from typing import Any

import pytest

import inngest_nb as inngest
from inngest_nb import experimental
from inngest_nb.errors import InngestError
from inngest_nb.experimental import mocked
from inngest_nb.experimental import realtime as realtime_by_name
from inngest_nb.testing import TestEngine, trigger

GO = inngest.Event(name="app/go")
TRIGGER = inngest.TriggerEvent(event="app/go")


@experimental.step("double")
async def double(value: int, *, by: int = 2) -> int:
    return value * by


@experimental.step("triple")
def triple(value: int) -> int:
    return value * 3


async def test_a_decorated_function_is_a_step_inside_a_run_and_a_plain_one_elsewhere(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=TRIGGER)
    async def fn(ctx: inngest.Context) -> Any:
        return await double(4, by=5)

    @client.create_function(fn_id="sync", trigger=TRIGGER)
    def sync(ctx: inngest.ContextSync) -> Any:
        return triple(4)

    assert [(step.id, step.output) for step in trigger(fn, GO).steps] == [("double", 20)]
    assert [(step.id, step.output) for step in trigger(sync, GO).steps] == [("triple", 12)]
    assert (await double(4), triple(4)) == (8, 12)


def test_the_step_context_is_the_steps_of_the_running_function(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=TRIGGER)
    async def fn(ctx: inngest.Context) -> bool:
        with pytest.raises(InngestError, match="set already"), experimental.set_step_context(ctx.step):
            pass
        return experimental.get_step_context() is ctx.step

    assert trigger(fn, GO).output is True
    with pytest.raises(LookupError):
        experimental.get_step_context()


async def test_publishing_by_name(client: inngest.Inngest, engine: TestEngine) -> None:
    await realtime_by_name.publish(client, "room", "chat", {"text": "hi"})
    realtime_by_name.publish_sync(client, "room", "chat", {"text": "there"})
    subscription = client.realtime.subscribe(channel="room", since="start")
    messages = aiter(subscription)
    got = [(await anext(messages)).data for _ in range(2)]
    subscription.close()
    assert got == [{"text": "hi"}, {"text": "there"}]


async def test_tokens_by_name(client: inngest.Inngest) -> None:
    token = await realtime_by_name.get_subscription_token(client, "room", ["chat"])
    assert {**token, "key": "…"} == {"channel": "room", "topics": ["chat"], "key": "…"}
    again = realtime_by_name.get_subscription_token_sync(client, "room", ["chat"])
    assert again["key"] != token["key"]


def test_the_mock(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=TRIGGER, retries=0)
    def fn(ctx: inngest.ContextSync) -> Any:
        answer = ctx.step.wait_for_event("wait", event="app/answer", timeout=1000)
        if answer is None:
            raise ValueError("nobody")
        return [answer.data, ctx.step.invoke_by_id("call", app_id="x", function_id="y"), len(ctx.events)]

    mock = mocked.Inngest(app_id="test")
    answer = inngest.Event(name="app/answer", data={"a": 1})
    done = mocked.trigger(fn, [GO, GO], mock, step_stubs={"wait": answer, "call": "hi"})
    assert (done.status, done.output, done.error) == (mocked.Status.COMPLETED, [{"a": 1}, "hi", 2], None)
    failed = mocked.trigger(fn, GO, mock, step_stubs={"wait": mocked.Timeout})
    assert (failed.status, failed.output, str(failed.error)) == (mocked.Status.FAILED, None, "nobody")
    with pytest.raises(mocked.UnstubbedStepError, match="step call is not stubbed"):
        mocked.trigger(fn, GO, mock, step_stubs={"wait": answer})
