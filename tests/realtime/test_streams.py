"""Datastreams: published from an async iterator, read as one, ended whatever happens to the publisher."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import inngest_nb
from inngest_nb import realtime
from inngest_nb.errors import ChannelError, PayloadError, SchemaError
from inngest_nb.realtime import Message

LIMIT_S = 10.0
chat = realtime.channel("chat", topics={"text": str, "n": int})


async def words(*texts: Any, fail: bool = False) -> AsyncIterator[Any]:
    for text in texts:
        await asyncio.sleep(0)
        yield text
    if fail:
        raise ConnectionError("the model hung up")


async def first_stream(client: inngest_nb.Inngest) -> Any:
    async with asyncio.timeout(LIMIT_S):
        async for message in client.realtime.subscribe(channel=chat, since="start"):
            if message.kind == "datastream-start":
                return message.stream
    raise AssertionError("the subscription ended")


async def pieces(stream: Any) -> list[Any]:
    async with asyncio.timeout(LIMIT_S):
        return [piece async for piece in stream]


async def test_a_stream_is_marked_pieces_and_can_be_read_as_one(client: inngest_nb.Inngest) -> None:
    await client.realtime.publish(chat.text, words("a", "b"))
    await client.realtime.publish(chat.text, "behind")
    found: list[Message] = []
    async for message in client.realtime.subscribe(channel=chat, since="start"):
        found.append(message)
        if message.data == "behind":
            break
    stream_id = found[0].data
    assert [(m.kind, m.stream_id, m.data) for m in found] == [
        ("datastream-start", None, stream_id),
        ("data", stream_id, "a"),
        ("data", stream_id, "b"),
        ("datastream-end", None, stream_id),
        ("data", None, "behind"),
    ]
    stream = found[0].stream
    assert stream is not None
    assert stream.id == stream_id
    assert await pieces(stream) == ["a", "b"]
    assert list(stream) == ["a", "b"], "again, and without async"
    assert [m.stream for m in found[1:]] == [None] * 4


async def test_two_streams_at_once_are_told_apart(client: inngest_nb.Inngest) -> None:
    left, right = [str(n) for n in range(50)], [f"r{n}" for n in range(50)]
    await asyncio.gather(
        client.realtime.publish(chat.text, words(*left)), client.realtime.publish(chat.text, words(*right))
    )
    streams: list[Any] = []
    async for message in client.realtime.subscribe(channel=chat, since="start"):
        if message.stream is not None:
            streams.append(message.stream)
        if len(streams) == 2:
            break
    assert sorted([await pieces(stream) for stream in streams]) == sorted([left, right])


async def test_a_stream_is_read_while_it_is_published(client: inngest_nb.Inngest) -> None:
    more: asyncio.Queue[str | None] = asyncio.Queue()

    async def live() -> AsyncIterator[str]:
        while (text := await more.get()) is not None:
            yield text

    publishing = asyncio.create_task(client.realtime.publish(chat.text, live()))
    reading = aiter(await first_stream(client))
    for text in ("a", "b"):
        more.put_nowait(text)
        assert await asyncio.wait_for(anext(reading), LIMIT_S) == text
    more.put_nowait(None)
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(reading), LIMIT_S)
    await publishing


async def test_a_publisher_that_fails_ends_its_stream(client: inngest_nb.Inngest) -> None:
    with pytest.raises(ConnectionError, match="hung up"):
        await client.realtime.publish(chat.text, words("a", fail=True))
    assert await pieces(await first_stream(client)) == ["a"]


async def test_a_piece_that_does_not_fit_is_refused_and_ends_the_stream(client: inngest_nb.Inngest) -> None:
    with pytest.raises(SchemaError, match="Input should be a valid integer"):
        await client.realtime.publish(chat.n, words(1, "x", 3))
    assert await pieces(await first_stream(client)) == [1]


async def test_a_function_publishes_a_stream_and_a_failed_attempt_ends_it(client: inngest_nb.Inngest) -> None:
    tries: list[int] = []

    @client.create_function(fn_id="speak", trigger=inngest_nb.TriggerEvent(event="app/speak"), retries=1, backoff=0)
    async def speak(ctx: inngest_nb.Context) -> Any:
        async def say() -> Any:
            tries.append(1)
            if len(tries) == 1:
                return await ctx.publish(chat.text, words("Hel", fail=True))
            return await ctx.publish(chat.text, words("Hello", "!"))

        return await ctx.step.run("say", say)

    run = speak.start()
    stream_id = await asyncio.to_thread(run.result, LIMIT_S)
    streams: list[Any] = []
    log: list[Message] = []
    async for message in client.realtime.subscribe(channel=chat, topics=["text"], since="start"):
        log.append(message)
        if message.stream is not None:
            streams.append(message.stream)
        if message.kind == "run":
            break
    assert [await pieces(stream) for stream in streams] == [["Hel"], ["Hello", "!"]]
    assert streams[1].id == stream_id
    assert [message.data for message in realtime.fold_rollbacks(log)] == ["Hello", "!"]
    assert {message.run_id for message in log} == {run.id}


async def test_a_stream_without_an_end_ends_with_its_run(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="half", trigger=inngest_nb.TriggerEvent(event="app/half"), retries=0)
    async def half(ctx: inngest_nb.Context) -> None:
        execution = ctx._execution
        assert execution is not None
        execution._post(chat.text, '"s1"', {"kind": "datastream-start"})
        execution._post(chat.text, '"a"', {"stream_id": "s1"})

    run = half.start()
    await asyncio.to_thread(run.result, LIMIT_S)
    assert await pieces(await first_stream(client)) == ["a"]


async def test_what_comes_piece_by_piece_cannot_be_published_in_one(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="one", trigger=inngest_nb.TriggerEvent(event="app/one"), retries=0)
    async def one(ctx: inngest_nb.Context) -> None:
        await ctx.step.realtime.publish("durable", chat.text, words("a"))

    with pytest.raises(inngest_nb.RunFailed, match="async iterator, which is published piece by piece"):
        await asyncio.to_thread(one.start().result, LIMIT_S)
    with pytest.raises(PayloadError, match=r"client\.realtime\.publish"):
        client.realtime.publish_sync(chat.text, words("a"))


def test_peers_publish_no_messages_of_the_engine(client: inngest_nb.Inngest) -> None:
    message = {"channel": "chat", "topic": "$run", "data": '{"status":"completed"}', "created_at": 1, "kind": "run"}
    with pytest.raises(ChannelError, match="a publish is of kind data, datastream-start, datastream-end, not 'run'"):
        client._link().call("publish", message)
