"""Retention as users meet it: subscribers are told of what is gone, runs and steps stay, durable publishes stay single."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import inngest_nb as nb
from inngest_nb import links, realtime
from inngest_nb.hub import trimmer
from inngest_nb.retention import Retention
from tests.engine.peer import until

MOST = 200
TRIGGER = nb.TriggerEvent(event="retention/go")
chat = realtime.channel("chat", topics={"tokens": str, "done": dict})


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[nb.Inngest]:
    monkeypatch.setattr(trimmer, "LOOK_EVERY_S", 0.0)
    yield nb.Inngest(app_id="t", engine="embedded", data_dir=tmp_path / "data", retention=Retention(messages=MOST))
    links.close_links()


def speak(client: nb.Inngest, tokens: int) -> nb.Run:
    @client.create_function(fn_id="speak", trigger=TRIGGER)
    async def speak(ctx: nb.Context) -> None:
        async def say() -> None:
            for n in range(tokens):
                await ctx.publish(chat.tokens, f"{n} ")

        await ctx.step.run("say", say)
        await ctx.step.realtime.publish("done", chat.done, {"tokens": tokens})

    run = speak.start({})
    run.result(timeout=20)
    return run


async def trimmed(client: nb.Inngest) -> int:
    """The first offset of the channel, once it has been trimmed."""
    engine: Any = client._link()
    log = engine.engine.core.hub.log("chat")
    await until(lambda: log.first >= 2000 - MOST, "the log to be trimmed")
    await until(lambda: client.history.messages(channel="chat").offset.min() == log.first, "the rows to be gone")
    return int(log.first)


async def test_a_subscriber_is_told_how_many_are_gone(client: nb.Inngest) -> None:
    await asyncio.to_thread(speak, client, 2000)
    first = await trimmed(client)
    with client.realtime.subscribe(channel=chat, since=5) as messages:
        gap = await anext(aiter(messages))
        assert (gap.kind, gap.topic, gap.offset) == ("gap", "$gap", 5)
        assert gap.data == {"from": 5, "to": first, "lost": first - 5}
    with client.realtime.subscribe(channel=chat, since=5) as messages:
        heard = [message.offset for message in itertools.islice(messages, 3)]
    assert heard == [5, first, first + 1]


async def test_the_history_still_joins_what_is_left_to_runs_and_steps(client: nb.Inngest) -> None:
    run = await asyncio.to_thread(speak, client, 2000)
    first = await trimmed(client)
    left = client.history.messages(channel="chat", kind="data")
    assert left.offset.min() == first
    joined = left.merge(client.history.steps(), on=["run_id", "step_id"])
    assert len(joined) == len(left)
    assert client.history.runs().status.tolist() == ["completed"]
    assert set(left.run_id) == {run.id}
    (text,) = client.history.transcript(channel="chat").text
    assert text.endswith("1998 1999 ")
