"""Middleware around the sending of events, by clients and within steps."""

from __future__ import annotations

from typing import Any

import pytest

import inngest_nb as inngest
from inngest_nb.errors import AsyncUnsupportedError, EventInvalidError
from inngest_nb.testing import TestEngine
from tests.sdk.hooks import GO, Async, Sealed, recorder


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
