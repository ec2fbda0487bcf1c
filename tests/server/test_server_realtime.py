"""The browsers' socket: subscriptions, resuming, and frames that are not understood."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from inngest_nb_server.host import EngineHost
from tornado.websocket import WebSocketClosedError

from inngest_nb.engine.subscriptions import MAX_SUBSCRIPTIONS
from inngest_nb.hub import Publish
from tests.engine.peer import until
from tests.server.clients import Client, Socket

Say = Callable[..., None]


@pytest.fixture
def say(host: EngineHost) -> Say:
    """Publish values on a channel."""

    def publish(channel: str, *data: Any, topic: str = "t", kind: str = "data") -> None:
        for value in data:
            text = f'"{value}"' if isinstance(value, str) else str(value)
            host.engine.core.hub.publish(Publish(channel, topic, text, kind))

    return publish


async def subscribed(client: Client, channel: str, **options: Any) -> Socket:
    """A socket that follows a channel as "s1"."""
    socket = await client.open("realtime")
    await socket.say({"op": "subscribe", "id": "s1", "channel": channel, "topics": None, "since": "start", **options})
    return socket


async def written(host: EngineHost) -> None:
    """Wait until what was published is in the log."""
    await host.engine.core.hub.written()


async def test_since_start_is_everything_and_what_comes(client: Client, host: EngineHost, say: Say) -> None:
    say("chat", 0, 1, 2)
    await written(host)
    socket = await subscribed(client, "chat")
    told = await socket.hear(op="subscribed")
    assert told == {"op": "subscribed", "id": "s1", "channel": "chat", "epoch": told["epoch"], "first": 0, "next": 0}
    assert await socket.hear_data("s1", 3) == [0, 1, 2]
    say("chat", 3)
    (message,) = await socket.hear_messages("s1", 1)
    assert set(message) == {"channel", "topic", "kind", "data", "created_at", "offset"}
    assert (message["offset"], message["data"]) == (3, 3)


async def test_since_an_offset_and_since_now(client: Client, host: EngineHost, say: Say) -> None:
    say("chat", *range(5))
    await written(host)
    resumed = await subscribed(client, "chat", since=3)
    live = await subscribed(client, "chat", since="now")
    assert (await live.hear(op="subscribed"))["next"] == 5
    assert await resumed.hear_data("s1", 2) == [3, 4]
    say("chat", 5)
    assert await live.hear_data("s1", 1) == [5]
    assert await resumed.hear_data("s1", 1) == [5]


async def test_reconnecting_with_next_sees_everything_once(client: Client, host: EngineHost, say: Say) -> None:
    seen: list[int] = []
    since: str | int = "start"
    for round_ in range(5):
        say("chat", *range(round_ * 100, round_ * 100 + 100))
        await written(host)
        socket = await subscribed(client, "chat", since=since)
        frame = await socket.hear(op="messages")
        seen += [message["data"] for message in frame["messages"]]
        since = frame["next"]
        socket.close()
    socket = await subscribed(client, "chat", since=since)
    while len(seen) < 500:
        frame = await socket.hear(op="messages")
        assert len(frame["messages"]) <= 256
        seen += [message["data"] for message in frame["messages"]]
    assert seen == list(range(500))


async def test_old_and_new_messages_meet_without_a_seam(client: Client, host: EngineHost, say: Say) -> None:
    say("chat", *range(3000))  # more than memory keeps: the first come from disk
    await written(host)
    socket = await subscribed(client, "chat")
    say("chat", *range(3000, 3100))
    assert await socket.hear_data("s1", 3100) == list(range(3100))


async def test_topics_choose_but_lifecycle_always_comes(client: Client, host: EngineHost, say: Say) -> None:
    say("chat", "a0", topic="a")
    say("chat", "b1", topic="b")
    say("chat", "r2", topic="$run", kind="run")
    say("chat", "s3", topic="$step", kind="step")
    say("chat", "x4", topic="$step", kind="rollback")
    say("chat", "c5", topic="$step", kind="commit")
    say("chat", "a6", topic="a")
    await written(host)
    some = await subscribed(client, "chat", topics=["a"])
    assert await some.hear_data("s1", 5) == ["a0", "r2", "x4", "c5", "a6"]
    everything = await subscribed(client, "chat", topics=None)
    assert len(await everything.hear_data("s1", 7)) == 7


async def test_another_epoch_is_a_gap_and_then_everything(client: Client, host: EngineHost, say: Say) -> None:
    say("chat", *range(3))
    await written(host)
    epoch = host.engine.core.hub.log("chat").epoch
    socket = await subscribed(client, "chat", since=2, epoch=epoch + 1)
    assert await socket.hear(op="gap") == {"op": "gap", "id": "s1", "from": 2, "to": 0, "lost": 0, "reset": True}
    assert await socket.hear_data("s1", 3) == [0, 1, 2]
    same = await subscribed(client, "chat", since=2, epoch=epoch)
    assert await same.hear_data("s1", 1) == [2]


async def test_unsubscribing_ends_one_subscription(client: Client, host: EngineHost, say: Say) -> None:
    socket = await subscribed(client, "chat")
    await socket.say({"op": "subscribe", "id": "s2", "channel": "chat", "topics": None, "since": "start"})
    await socket.hear(op="subscribed", id="s2")
    await socket.say({"op": "unsubscribe", "id": "s1"})
    await socket.say({"op": "unsubscribe", "id": "unknown"})
    await socket.say({"op": "subscribe", "id": "s3", "channel": "chat", "topics": None, "since": "start"})
    await socket.hear(op="subscribed", id="s3")
    say("chat", 1)
    await socket.hear_data("s2", 1)
    await socket.hear_data("s3", 1)
    assert not [message for message in socket._heard if message.get("id") == "s1" and message["op"] == "messages"]
    assert host.engine.core.hub.log("chat").readers == 2
    socket.close()
    await until(lambda: host.engine.core.hub.log("chat").readers == 0, "the end of its subscriptions")


async def test_subscribing_again_with_one_id_replaces(client: Client, host: EngineHost, say: Say) -> None:
    socket = await subscribed(client, "old")
    await socket.say({"op": "subscribe", "id": "s1", "channel": "new", "topics": None, "since": "start"})
    await socket.hear(op="subscribed", channel="new")
    say("old", "old")
    say("new", "new")
    assert await socket.hear_data("s1", 1) == ["new"]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (b"", "not understood"),
        (b"{", "not understood"),
        (b"\xff", "not understood"),
        (b"null", "not understood"),
        (b"[]", "not understood"),
        (b'"subscribe"', "not understood"),
        (b"{}", "not understood"),
        (b'{"op":"publish","id":"x"}', "not understood"),
        (b'{"op":["subscribe"],"id":"x"}', "not understood"),
        (b"[" * 60_000, "not understood"),
        (b'{"op":"subscribe","id":"x"}', "channel name"),
        (b'{"op":"subscribe","id":"x","channel":5}', "channel name"),
        (b'{"op":"subscribe","id":"x","channel":""}', "channel name"),
        (b'{"op":"subscribe","id":"x","channel":"c","topics":"a"}', "topics"),
        (b'{"op":"subscribe","id":"x","channel":"c","topics":[1]}', "topics"),
        (b'{"op":"subscribe","id":"x","channel":"c","since":"yesterday"}', "since"),
        (b'{"op":"subscribe","id":"x","channel":"c","since":-1}', "since"),
        (b'{"op":"subscribe","id":"x","channel":"c","since":true}', "since"),
        (b'{"op":"subscribe","id":"x","channel":"c","since":1.5}', "since"),
        (b'{"op":"subscribe","id":"x","channel":"c","since":{"us":"a"}}', "since"),
        (b'{"op":"subscribe","id":"x","channel":"c","since":{"us":18446744073709551615}}', "since"),
        (b'{"op":"subscribe","id":"x","channel":"c","since":{}}', "since"),
        (b'{"op":"subscribe","id":"x","channel":"' + b"c" * 65_000 + b'","since":"start"}' + b" " * 2000, "bytes"),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_frame_that_is_not_understood_is_refused_and_changes_nothing(
    client: Client, say: Say, frame: bytes, said: str
) -> None:
    socket, other = await subscribed(client, "chat"), await subscribed(client, "chat")
    await socket.connection.write_message(frame, binary=frame == b"\xff")
    assert said in (await socket.hear(op="error"))["error"]
    say("chat", 1)
    assert await socket.hear_data("s1", 1) == [1]
    assert await other.hear_data("s1", 1) == [1]


async def test_a_huge_frame_closes_only_its_own_socket(client: Client, host: EngineHost, say: Say) -> None:
    socket, other = await subscribed(client, "chat"), await subscribed(client, "chat")
    await other.hear(op="subscribed")
    with contextlib.suppress(WebSocketClosedError):
        await socket.connection.write_message(b" " * 64_000_000)
    code, _ = await socket.closed()
    assert code in (1009, 1006, None)
    say("chat", 1)
    assert await other.hear_data("s1", 1) == [1]
    await until(lambda: host.engine.core.hub.log("chat").readers == 1, "the end of the other's subscription")


async def test_ten_thousand_subscriptions_are_refused_one_by_one_and_others_do_not_notice(
    client: Client, host: EngineHost, say: Say
) -> None:
    greedy, other = await client.open("realtime"), await subscribed(client, "chat")
    await other.hear(op="subscribed")
    ask = b'{"op":"subscribe","id":"%d","channel":"many","topics":null,"since":"start"}'

    async def flood() -> None:
        for n in range(10_000):
            await greedy.connection.write_message(ask % n)

    flooding = asyncio.create_task(flood())
    answers: Counter[str] = Counter()
    async with asyncio.timeout(60):
        while answers.total() < 10_000:
            said = orjson.loads(await greedy.connection.read_message() or b"")
            answers[said["op"]] += 1
            if answers.total() % 1000 == 0:
                say("chat", answers.total())
                assert await other.hear_data("s1", 1) == [answers.total()]
    await flooding
    assert answers == {"subscribed": MAX_SUBSCRIPTIONS, "error": 10_000 - MAX_SUBSCRIPTIONS}


async def test_a_socket_that_vanishes_disturbs_nobody(client: Client, host: EngineHost, say: Say) -> None:
    gone, other = await subscribed(client, "chat"), await subscribed(client, "chat")
    await gone.hear(op="subscribed")
    await other.hear(op="subscribed")
    gone.connection.stream.close()  # without a closing handshake
    gone.close()
    say("chat", *range(1000))
    assert await other.hear_data("s1", 1000) == list(range(1000))
    await until(lambda: host.engine.core.hub.log("chat").readers == 1, "the end of its subscription")


async def test_a_connection_follows_no_more_than_its_share(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inngest_nb.engine.subscriptions.MAX_SUBSCRIPTIONS", 2)
    socket = await subscribed(client, "a")
    for name in ("s2", "s3"):
        await socket.say({"op": "subscribe", "id": name, "channel": "a", "topics": None, "since": "now"})
    assert "unsubscribe" in (await socket.hear(op="error", id="s3"))["error"]
    await socket.say({"op": "subscribe", "id": "s2", "channel": "b", "topics": None, "since": "now"})
    await socket.hear(op="subscribed", channel="b")
