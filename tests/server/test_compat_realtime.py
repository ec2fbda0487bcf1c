"""Inngest's realtime API for the holders of tokens: what they see, what they do not, and how they go on."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from inngest_nb_server.host import EngineHost
from tornado.httpclient import HTTPClientError

import inngest_nb as nb
from inngest_nb import links
from inngest_nb.hub import Publish
from inngest_nb.realtime.tokens import TopicClaim
from tests.engine.peer import until
from tests.server.clients import Client, Socket, browser
from tests.server.frames import RawSocket


async def token(client: Client, *topics: str, channel: str = "chat", expires_in: str = "60s") -> str:
    """A token for some topics of a channel."""
    asked = [{"channel": channel, "name": name, "kind": "run"} for name in topics]
    answer = await client.request("POST", f"/v1/realtime/token?expires_in={expires_in}", orjson.dumps(asked))
    assert answer.status == 201, answer
    return str(answer.body["jwt"])


async def follow(client: Client, token: str, query: str = "") -> Socket:
    """A socket with nothing but a token, once it follows."""
    socket = await client.open(f"/v1/realtime/connect?token={token}{query}", {})
    await socket.hear(kind="subscribed")
    return socket


async def publish(client: Client, data: Any, topic: str = "t", channel: str = "chat") -> None:
    answer = await client.request("POST", f"/v1/realtime/publish?channel={channel}&topic={topic}", orjson.dumps(data))
    assert answer.status == 200, answer


async def test_a_token_shows_its_topics_of_its_channel_and_nothing_else(client: Client, host: EngineHost) -> None:
    socket = await follow(client, await token(client, "t", "u"))
    for topic, channel in (("t", "chat"), ("secret", "chat"), ("t", "chat2"), ("T", "chat"), ("u", "chat")):
        await publish(client, f"{channel}/{topic}", topic, channel)
    host.engine.core.hub.publish(Publish("chat", "$step", "{}", "step"))
    await publish(client, "end", "u")
    heard = [await socket.hear(kind="data") for _ in range(3)]
    assert [(frame["channel"], frame["topic"], frame["data"]) for frame in heard] == [
        ("chat", "t", "chat/t"),
        ("chat", "u", "chat/u"),
        ("chat", "u", "end"),
    ]
    assert [frame["offset"] for frame in heard] == [0, 3, 5]
    assert socket._heard == []


async def test_who_asks_for_batches_gets_lists_and_raw_text_as_it_is(client: Client, host: EngineHost) -> None:
    hub = host.engine.core.hub
    for n in range(3):
        hub.publish(Publish("chat", "t", str(n)))
    hub.publish(Publish("chat", "t", orjson.dumps("raw [1").decode(), "raw"))
    hub.publish(Publish("chat", "t", "3"))
    await hub.written()
    path = f"/v1/realtime/connect?token={await token(client, 't')}&since=start&batches=1"
    socket = await RawSocket.to(client.url(path).replace("http", "ws", 1), {})
    (begin,) = orjson.loads(await socket.text())
    assert (begin["kind"], begin["data"]["offset"]) == ("subscribed", 0)
    assert [message["data"] for message in orjson.loads(await socket.text())] == [0, 1, 2]
    assert await socket.text() == "raw [1"
    assert [message["data"] for message in orjson.loads(await socket.text())] == [3]
    socket.close()


async def test_since_resumes_without_gap_or_repetition(client: Client) -> None:
    for n in range(5):
        await publish(client, n)
    key = await token(client, "t")
    everything = await follow(client, key, "&since=start")
    heard = [await everything.hear(kind="data") for _ in range(5)]
    assert [frame["data"] for frame in heard] == [0, 1, 2, 3, 4]
    later = await follow(client, key, f"&since={heard[1]['epoch']}.{heard[1]['offset'] + 1}")
    assert [(await later.hear(kind="data"))["data"] for _ in range(3)] == [2, 3, 4]
    other = await follow(client, key, "&since=99.2")
    assert (await other.hear(kind="gap"))["data"] == {
        "epoch": heard[0]["epoch"],
        "from": 2,
        "to": 0,
        "lost": 0,
        "reset": True,
    }
    assert (await other.hear(kind="data"))["data"] == 0


async def test_sub_and_unsub_change_what_a_socket_follows(client: Client) -> None:
    socket = await follow(client, await token(client, "t"))
    await socket.say({"kind": "sub", "data": await token(client, "t", channel="other")})
    await socket.hear(kind="subscribed", channel="other")
    await publish(client, 1, channel="other")
    assert (await socket.hear(kind="data"))["channel"] == "other"
    claim = TopicClaim(channel="chat", name="t", kind="run", env_id="00000000-0000-4000-b000-000000000000")
    await socket.say({"kind": "unsub", "data": [claim.to_wire() | {"env_id": None}]})  # not exactly: stays
    await publish(client, 2)
    assert (await socket.hear(kind="data"))["data"] == 2
    await socket.say({"kind": "unsub", "data": [claim.to_wire()]})
    await socket.say({"kind": "sub", "data": "no token"})  # the answer tells that the frame before was acted on
    assert "not a token" in (await socket.hear(kind="refused"))["data"]["error"]
    await publish(client, 3)
    await publish(client, 4, channel="other")
    assert (await socket.hear(kind="data"))["data"] == 4


async def two_that_follow(client: Client) -> tuple[str, Socket, Socket]:
    """A token that soon ends, and two sockets that were open before: on a slow machine it lives longer."""
    for life in (1, 3, 9, 27):
        key = await token(client, "t", expires_in=f"{life}s")
        try:
            return key, await follow(client, key), await follow(client, key, "&recheck=1")
        except (HTTPClientError, AssertionError):  # it ended before, or right after
            continue
    raise AssertionError("no token lived long enough")


async def ended(client: Client, key: str) -> None:
    """Wait until a token opens nothing any more."""
    async with asyncio.timeout(30):
        while await client.refused(f"/v1/realtime/connect?token={key}", {}) != 401:
            pass


async def test_a_socket_that_is_checked_again_ends_with_its_token(client: Client) -> None:
    key, kept, checked = await two_that_follow(client)
    code, reason = await checked.closed()
    assert code == 1008
    assert "expired" in (reason or "")
    await publish(client, 1)
    assert (await kept.hear(kind="data"))["data"] == 1
    assert await client.refused(f"/v1/realtime/connect?token={key}", {}) == 401


async def test_a_new_token_keeps_a_checked_socket_open(client: Client) -> None:
    first = await token(client, "t", "u", expires_in="5s")
    socket = await follow(client, first, "&recheck=1")
    await socket.say({"kind": "sub", "data": await token(client, "t")})
    await ended(client, first)
    await ended(client, first)  # one more request: what was due in the server's loop has happened
    await publish(client, "gone", "u")
    await publish(client, "here")
    assert (await socket.hear(kind="data"))["data"] == "here"


async def test_a_kernel_hands_out_tokens_of_its_server(
    client: Client, host: EngineHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INNGEST_NB_URL", client.url("/"))
    monkeypatch.setenv("INNGEST_NB_TOKEN", client.credential["Authorization"].removeprefix("token "))
    kernel = nb.Inngest(app_id="kernel", engine="server")
    try:
        made = await asyncio.to_thread(lambda: kernel.realtime.token_sync(channel="chat", topics=["t"]))
    finally:
        await asyncio.to_thread(links.close_links)
    assert made.api_base_url == client.url("/")
    assert host.engine.tokens.verify(made.key).channels() == {"chat": {"t"}}
    socket = await follow(client, made.key)
    await publish(client, 1)
    assert (await socket.hear(kind="data"))["data"] == 1


async def test_a_page_gets_tokens_with_its_own_identity(client: Client, host: EngineHost) -> None:
    page = browser(await client.log_in())
    asked = orjson.dumps({"channel": "chat", "topics": ["t"], "expires_in": "5m"})
    answer = await client.request("POST", "realtime/token", asked, page)
    assert answer.status == 200
    assert answer.body["api_base_url"] == client.url("/")
    assert host.engine.tokens.verify(answer.body["key"]).channels() == {"chat": {"t"}}
    for wrong in (
        b"[]",
        b"{}",
        b'{"channel":"","topics":["t"]}',
        b'{"channel":"c","topics":[1]}',
        b'{"channel":"c","topics":[""]}',
    ):
        refused = await client.request("POST", "realtime/token", wrong, page)
        assert (refused.status, refused.body["code"]) == (400, "channel_invalid")


@pytest.mark.parametrize("kind", ["connect", "sse"])
async def test_a_start_that_is_none_is_refused(client: Client, kind: str) -> None:
    key = await token(client, "t")
    answer = await client.request("GET", f"/v1/realtime/{kind}?token={key}&since=yesterday", headers={})
    assert answer.status == 400
    assert "since must be" in answer.body["error"]


async def test_a_closed_socket_follows_nothing(client: Client, host: EngineHost) -> None:
    socket = await follow(client, await token(client, "t"))
    log = host.engine.core.hub.log("chat")
    assert log.readers == 1
    socket.close()
    await until(lambda: log.readers == 0, "the end of its cursor")
