"""Whatever way a step publishes, its attempt is committed or rolled back; what comes too late changes nothing that stands."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

import inngest_nb as nb
from inngest_nb import realtime
from inngest_nb.engine import dispatch
from inngest_nb.engine.engine import Engine
from inngest_nb.realtime.messages import Message, fold_rollbacks
from tests.engine.peer import ScriptedPeer, function, log_of

TRIGGER = nb.TriggerEvent(event="settle/go")
chat = realtime.channel("chat", topics={"tokens": str, "done": dict})
GO = {"name": "app/go", "data": {}}
Say = Callable[[nb.Inngest, nb.Context, str], Awaitable[Any]]


async def by_context(_: nb.Inngest, ctx: nb.Context, text: str) -> None:
    await ctx.publish(chat.tokens, text)


async def by_stream(_: nb.Inngest, ctx: nb.Context, text: str) -> None:
    async def pieces() -> AsyncIterator[str]:
        yield text

    await ctx.stream(chat.tokens, pieces())


async def by_client(client: nb.Inngest, _: nb.Context, text: str) -> None:
    await client.realtime.publish(chat.tokens, text)


async def by_client_in_a_thread(client: nb.Inngest, _: nb.Context, text: str) -> None:
    await asyncio.to_thread(client.realtime.publish_sync, chat.tokens, text)


WAYS: list[Say] = [by_context, by_stream, by_client, by_client_in_a_thread]


def channel_of(client: nb.Inngest) -> list[Message]:
    """The channel up to the end of the run."""
    found = []
    for message in client.realtime.subscribe(channel=chat, since="start"):
        found.append(message)
        if message.kind == "run":
            break
    return found


@pytest.mark.parametrize("say", WAYS)
def test_every_way_to_publish_is_settled(client: nb.Inngest, say: Say) -> None:
    tries: list[int] = []

    @client.create_function(fn_id="say", trigger=TRIGGER, backoff=0.01)
    async def run(ctx: nb.Context) -> None:
        async def speak() -> None:
            tries.append(1)
            await say(client, ctx, f"{len(tries)} ")
            if len(tries) == 1:
                raise RuntimeError("once")

        await ctx.step.run("speak", speak)
        await ctx.step.realtime.publish("done", chat.done, {"tries": len(tries)})

    run.start({}).result(timeout=20)
    log = channel_of(client)
    assert [m.kind for m in log] == ["data", "rollback", "data", "commit", "data", "run"]
    assert [m.data for m in fold_rollbacks(log) if m.kind == "data"] == ["2 ", {"tries": 2}]


def test_what_a_failed_attempt_left_running_is_not_heard_in_the_next(client: nb.Inngest) -> None:
    """A task beside the one that failed, and a thread, go on while the next attempt publishes."""
    tries: list[int] = []
    second_began = threading.Event()

    @client.create_function(fn_id="left", trigger=TRIGGER, backoff=0.01)
    async def run(ctx: nb.Context) -> None:
        left: list[asyncio.Task[None]] = []

        async def straggler() -> None:
            await ctx.publish(chat.tokens, "early ")
            await asyncio.to_thread(second_began.wait, 10)
            await ctx.publish(chat.tokens, "stray ")
            await client.realtime.publish(chat.tokens, "stray ")

        async def speak() -> None:
            tries.append(1)
            if len(tries) == 1:
                left.append(asyncio.get_running_loop().create_task(straggler()))
                await asyncio.sleep(0.02)
                raise RuntimeError("once")
            await ctx.publish(chat.tokens, "good ")
            second_began.set()
            await left[0]
            await ctx.publish(chat.tokens, "end")

        await ctx.step.run("speak", speak)

    run.start({}).result(timeout=20)
    log = channel_of(client)
    assert [m.data for m in log if m.kind == "data"] == ["early ", "good ", "end"]
    assert "".join(m.data for m in fold_rollbacks(log) if m.topic == "tokens") == "good end"


def test_what_a_completed_step_left_running_stands(client: nb.Inngest) -> None:
    @client.create_function(fn_id="late", trigger=TRIGGER)
    async def run(ctx: nb.Context) -> None:
        left: list[asyncio.Task[None]] = []
        kept = asyncio.Event()

        async def straggler() -> None:
            await kept.wait()
            await ctx.publish(chat.tokens, "late")

        async def speak() -> None:
            left.append(asyncio.get_running_loop().create_task(straggler()))

        await ctx.step.run("speak", speak)
        kept.set()
        await left[0]

    run.start({}).result(timeout=20)
    log = channel_of(client)
    assert [m.kind for m in log] == ["data", "run"]


def test_a_step_id_that_is_used_again_is_settled_again(client: nb.Inngest) -> None:
    tries: list[int] = []

    @client.create_function(fn_id="again", trigger=TRIGGER, backoff=0.01)
    async def run(ctx: nb.Context) -> None:
        async def speak() -> None:
            tries.append(1)
            await ctx.publish(chat.tokens, f"{len(tries)} ")
            if len(tries) == 2:
                raise RuntimeError("the second one, once")

        await ctx.step.run("speak", speak)
        await ctx.step.run("speak", speak)

    run.start({}).result(timeout=20)
    assert "".join(m.data for m in fold_rollbacks(channel_of(client)) if m.topic == "tokens") == "1 3 "


async def test_a_worker_that_has_lost_the_run_is_not_heard_any_more(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "GRACE_S", 0.05)
    lost = ScriptedPeer(engine, function(), worker_id="lost")
    await engine.send([GO])
    run = await lost.started()
    publish = {
        "op": "publish",
        "channel": "chat",
        "topic": "t",
        "run_id": run["run_id"],
        "step_id": "gen",
        "attempt": 0,
    }
    lost.say({**publish, "data": '"half "'})
    other = ScriptedPeer(engine, function(), worker_id="other")
    lost.close()
    again = await other.started()
    back = ScriptedPeer(engine, function(), worker_id="lost", live={run["run_id"]: run["lease"]})
    await back.hear("run.stop", reason="lost")
    back.say({**publish, "data": '"stray "'})
    await back.request("publish", {**publish, "data": '"stray "', "created_at": 1})
    other.say({**publish, "data": '"whole"'})
    other.step_done(again, "gen", output="1")
    await other.hear("step.saved")
    await engine.core.hub.written()
    said = [(m["kind"], m["data"] if m["kind"] == "data" else "") for m in log_of(engine, "chat")]
    assert said == [("data", "half "), ("rollback", ""), ("data", "whole"), ("commit", "")]
