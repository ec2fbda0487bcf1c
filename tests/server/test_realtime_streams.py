"""Streams of text pieces, raw text, Server-Sent Events, and what was measured of Inngest's server in bounded experiments."""

from __future__ import annotations

import asyncio
import contextlib
import socket as sockets
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from inngest_nb_server.host import EngineHost
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from inngest_nb.realtime.tokens import TopicClaim
from tests.engine.peer import until
from tests.server.clients import LIMIT_S, Client
from tests.server.frames import RawSocket
from tests.server.recordings import Comparison, cases
from tests.server.test_realtime_recordings import EXPERIMENTS, EXTRAS

CASES = cases("realtime.json")


class Streams:
    """Sockets and Server-Sent Events of one token, and publishes piece by piece."""

    def __init__(self, client: Client, host: EngineHost) -> None:
        self.client, self.host = client, host
        self._open: list[RawSocket] = []
        self._http = AsyncHTTPClient(force_instance=True, max_buffer_size=2**26)

    def token(self, *topics: tuple[str, str]) -> str:
        return self.host.engine.tokens.mint([TopicClaim(channel=c, name=n, kind="run") for c, n in topics])

    async def socket(self, *topics: tuple[str, str], query: str = "") -> RawSocket:
        url = self.client.url(f"/v1/realtime/connect?token={self.token(*topics)}{query}")
        self._open.append(await RawSocket.to(url.replace("http", "ws", 1), {}))
        return self._open[-1]

    async def publish(self, path: str, pieces: list[bytes], content_type: str = "text/stream") -> int:
        async def produce(write: Any) -> None:
            for piece in pieces:
                await write(piece)
                await asyncio.sleep(0)

        headers = self.client.credential | {"Content-Type": content_type}
        request = HTTPRequest(self.client.url(path), "POST", headers, body_producer=produce, request_timeout=LIMIT_S)  # type: ignore[arg-type]
        return (await self._http.fetch(request, raise_error=False)).code

    async def say(self, channel: str, topic: str, *values: Any) -> None:
        for value in values:
            path = f"/v1/realtime/publish?channel={channel}&topic={topic}"
            assert (await self.client.request("POST", path, orjson.dumps(value))).status == 200

    async def events(self, query: str, headers: dict[str, str] | None = None) -> asyncio.Queue[bytes]:
        """Server-Sent Events as they come, one by one."""
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        rest = b""

        def received(chunk: bytes) -> None:
            nonlocal rest
            *whole, rest = (rest + chunk).split(b"\n\n")
            for event in whole:
                queue.put_nowait(event)

        url = self.client.url(f"/v1/realtime/sse?{query}")
        request = HTTPRequest(url, headers=headers or {}, streaming_callback=received, request_timeout=LIMIT_S)
        fetching = asyncio.ensure_future(self._http.fetch(request, raise_error=False))
        fetching.add_done_callback(lambda done: done.cancelled() or done.exception())
        assert await take(queue) == b":"
        return queue

    async def close(self) -> None:
        for socket in self._open:
            socket.close()
            await socket.ended()
        self._http.close()


async def take(queue: asyncio.Queue[bytes]) -> bytes:
    async with asyncio.timeout(LIMIT_S):
        return await queue.get()


@pytest_asyncio.fixture
async def streams(client: Client, host: EngineHost) -> AsyncIterator[Streams]:
    streams = Streams(client, host)
    yield streams
    await streams.close()


# -- streams -------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [c for c in CASES if c.startswith("datastream-") and c not in EXPERIMENTS])
async def test_a_stream_has_the_recorded_frames_for_who_asks_and_is_plain_data_for_others(
    streams: Streams, case: str
) -> None:
    publish, connect = CASES[case]["exchanges"]
    topic = (publish["request"]["path"].split("channel=")[1].split("&")[0], "t")
    asking, stock = await streams.socket(topic, query="&datastreams=1"), await streams.socket(topic)
    comparison = Comparison()
    path = comparison.fill(publish["request"]["path"], "01KA0000000000000000000000")
    content_type = publish["request"]["headers"]["content-type"]
    assert await streams.publish(path, [piece.encode() for piece in publish["writes"]], content_type) == 200
    recorded = [frame["json"] for frame in connect["frames"] if frame["op"] == "text"]
    text = "".join(publish["writes"])
    if len(recorded) == 1:  # another content type is one message
        assert orjson.loads(await asking.text())["data"] == text
        return
    start, *pieces, end = recorded
    _same(comparison, start, await asking.text())
    got = ""
    while got != text:
        piece = orjson.loads(await asking.text())
        comparison.bound.setdefault("<stream-id#1>", piece["stream_id"])
        names = [name for name in piece if name in pieces[0]]
        assert names == list(pieces[0])
        assert piece["kind"] == "chunk"
        assert {"channel", "topic", "created_at", "env_id"} <= piece.keys()
        got += piece["data"]
    _same(comparison, end, await asking.text())
    plain = ""
    while plain != text:
        message = orjson.loads(await stock.text())
        assert message["kind"] == "data"
        assert "stream_id" not in message
        plain += message["data"]


def _same(comparison: Comparison, recorded: dict[str, Any], text: str) -> None:
    message = orjson.loads(EXTRAS.sub("}", text))
    stream_id = comparison.bound.setdefault("<stream-id#1>", message["data"])
    assert comparison.differences(recorded | {"data": stream_id}, message) == []


async def test_a_piece_is_there_before_the_stream_ends(streams: Streams) -> None:
    socket = await streams.socket(("c", "t"))
    heard = asyncio.Event()

    async def produce(write: Any) -> None:
        await write(b"first")
        async with asyncio.timeout(LIMIT_S):
            await heard.wait()
        await write(b"second")

    headers = streams.client.credential | {"Content-Type": "text/stream"}
    url = streams.client.url("/v1/realtime/publish?channel=c&topic=t")
    request = HTTPRequest(url, "POST", headers, body_producer=produce)  # type: ignore[arg-type]
    sending = asyncio.ensure_future(streams._http.fetch(request))
    assert orjson.loads(await socket.text())["data"] == "first"
    heard.set()
    assert orjson.loads(await socket.text())["data"] == "second"
    assert (await sending).code == 200


async def test_characters_that_are_cut_apart_arrive_whole(streams: Streams) -> None:
    socket, text = await streams.socket(("c", "t")), "x中é🎉" * 100
    body = text.encode()
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    assert await streams.publish("/v1/realtime/publish?channel=c&topic=t", pieces) == 200
    got = ""
    while got != text:
        got += orjson.loads(await socket.text())["data"]
        assert "\ufffd" not in got


async def test_a_stream_of_many_pieces_is_not_cut_off(streams: Streams) -> None:
    socket = await streams.socket(("c", "t"))
    pieces = [f"x{n:04d}".encode() for n in range(1100)]
    assert await streams.publish("/v1/realtime/publish?channel=c&topic=t", pieces) == 200
    got = ""
    while len(got) < 5500:
        got += orjson.loads(await socket.text())["data"]
    assert got.encode() == b"".join(pieces)


async def test_a_stream_whose_publisher_vanishes_ends(streams: Streams) -> None:
    socket = await streams.socket(("c", "t"), query="&datastreams=1")
    host, port = streams.client._address.split(":")
    raw = await asyncio.to_thread(sockets.create_connection, (host, int(port)))
    path = streams.client._base_url + "v1/realtime/publish?channel=c&topic=t"
    token = streams.client.credential["Authorization"]
    raw.sendall(
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\nContent-Type: text/stream\r\n"
        "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n".encode()
    )
    kinds = [orjson.loads(await socket.text())["kind"] for _ in range(2)]
    raw.close()
    kinds.append(orjson.loads(await socket.text())["kind"])
    assert kinds == ["datastream-start", "chunk", "datastream-end"]


async def test_own_subscribers_see_pieces_as_data_with_the_id_of_their_stream(
    streams: Streams, host: EngineHost
) -> None:
    assert await streams.publish("/v1/realtime/publish?channel=c&topic=t&metadata=[1]", [b"one"]) == 200
    hub = host.engine.core.hub
    log = [entry.publish for entry in await hub.read(hub.log("c"), 0, 10)]
    (stream_id,) = {orjson.loads(log[0].data), log[1].stream_id, orjson.loads(log[2].data)}
    assert stream_id
    assert [(m.kind, m.metadata) for m in log] == [
        ("datastream-start", "[1]"),
        ("data", None),
        ("datastream-end", "[1]"),
    ]


# -- tee -----------------------------------------------------------------------------------------


async def test_tee_reaches_followers_of_stream_only_and_is_said_to_be_too_much(
    streams: Streams, client: Client
) -> None:
    followed, other = await streams.socket(("c", "$stream")), await streams.socket(("c", "t"))
    path = "/v1/realtime/publish/tee?channel=c"
    assert await streams.publish(path, [b"event: x\n", b'data: {"a":1}\n\n'], "text/event-stream") == 200
    got = ""
    while got != 'event: x\ndata: {"a":1}\n\n':
        got += await followed.text()
    answer = await client.request("POST", path, b"y" * 1_100_000)
    assert answer.status == 413
    assert b"at most 1,024,000" in answer.raw
    await streams.say("c", "t", "next")
    assert orjson.loads(await other.text())["data"] == "next"


# -- Server-Sent Events --------------------------------------------------------------------------


async def test_events_as_recorded_for_tee_and_a_bad_token(streams: Streams, client: Client) -> None:
    (exchange,) = CASES["sse-tee"]["exchanges"]
    queue = await streams.events(f"token={streams.token(('teec', '$stream'))}&ack=0")
    assert (await take(queue)).partition(b"data: ")[2].startswith(b'{"kind":"subscribed"')
    text = exchange["stream"][1]["bytes"]
    assert await streams.publish("/v1/realtime/publish/tee?channel=teec", [text.encode()], "text/event-stream") == 200
    assert await take(queue) + b"\n\n" == text.encode()
    (exchange,) = CASES["sse-bad-token"]["exchanges"]
    answer = await client.request("GET", exchange["request"]["path"], headers={})
    assert (answer.status, answer.body) == (exchange["response"]["status"], exchange["response"]["json"])


async def test_the_headers_of_events_are_the_recorded_ones(streams: Streams) -> None:
    (exchange,) = CASES["sse-tee"]["exchanges"]
    headers: dict[str, str] = {}

    def header(line: str) -> None:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()

    request = HTTPRequest(
        streams.client.url(f"/v1/realtime/sse?token={streams.token(('c', 't'))}"),
        header_callback=header, streaming_callback=lambda chunk: None, request_timeout=0.5,
    )  # fmt: skip
    with contextlib.suppress(HTTPClientError):
        await streams._http.fetch(request)
    recorded = exchange["response"]["headers"]
    assert {name: headers.get(name) for name in recorded} == recorded


async def test_last_event_id_resumes_every_channel_without_gap_or_repetition(streams: Streams) -> None:
    topics = [("a", "t"), ("b & c", "t")]
    query = f"token={streams.token(*topics)}&since=start"
    await streams.say("a", "t", 0, 1, 2)
    await streams.say("b%20%26%20c", "t", 10, 11)
    first = await streams.events(query)
    seen: list[int] = []
    last_id = b""
    while len(seen) < 4:
        last_id, data = _event(await take(first))
        if data["kind"] == "data":
            seen.append(data["data"])
    again = await streams.events(f"token={streams.token(*topics)}", {"Last-Event-ID": last_id.decode()})
    await streams.say("a", "t", 3)
    while len(seen) < 6:
        _, data = _event(await take(again))
        if data["kind"] == "data":
            seen.append(data["data"])
    assert sorted(seen) == [0, 1, 2, 3, 10, 11]


def _event(text: bytes) -> tuple[bytes, Any]:
    first, second = text.split(b"\n")
    return first.removeprefix(b"id: "), orjson.loads(second.removeprefix(b"data: "))


async def test_who_stops_listening_is_forgotten(streams: Streams, host: EngineHost) -> None:
    queue = await streams.events(f"token={streams.token(('c', 't'))}")
    await take(queue)
    log = host.engine.core.hub.log("c")
    assert log.readers == 1
    streams._http.close()
    host_, port = streams.client._address.split(":")
    raw = await asyncio.to_thread(sockets.create_connection, (host_, int(port)))
    path = f"{streams.client._base_url}v1/realtime/sse?token={streams.token(('c', 't'))}"
    raw.sendall(f"GET {path} HTTP/1.1\r\nHost: {host_}\r\n\r\n".encode())
    await until(lambda: log.readers == 2, "a second reader")
    raw.close()
    await until(lambda: log.readers <= 1, "the end of the one that left")


# -- experiments ---------------------------------------------------------------------------------


async def test_the_order_of_publishes_is_the_order_of_frames(streams: Streams) -> None:
    followers = [await streams.socket(("c", "t")) for _ in range(3)]
    await asyncio.gather(*(streams.say("c", "t", *range(start, start + 20)) for start in range(0, 200, 20)))
    orders = [[orjson.loads(await f.text())["data"] for _ in range(200)] for f in followers]
    assert orders[0] == orders[1] == orders[2]
    for start in range(0, 200, 20):
        of_one = [n for n in orders[0] if start <= n < start + 20]
        assert of_one == list(range(start, start + 20))


async def test_every_subscriber_sees_the_same(streams: Streams) -> None:
    first, second, gone = [await streams.socket(("c", "t")) for _ in range(3)]
    gone.close()
    await streams.say("c", "t", 0, 1, 2)
    assert [await first.text() for _ in range(3)] == [await second.text() for _ in range(3)]


async def test_who_follows_when_the_last_one_leaves_misses_nothing(streams: Streams) -> None:
    for round_ in range(27):
        socket = await streams.socket(("c", "t"))
        await streams.say("c", "t", *range(5))
        assert [orjson.loads(await socket.text())["data"] for _ in range(5)] == list(range(5)), round_
        socket.close()
        await socket.ended()


async def test_what_was_published_meanwhile_is_there_for_who_asks(streams: Streams) -> None:
    socket = await streams.socket(("c", "t"))
    await streams.say("c", "t", 1)
    last = orjson.loads(await socket.text())
    socket.close()
    await streams.say("c", "t", 2)
    stock = await streams.socket(("c", "t"))
    resumed = await streams.socket(("c", "t"), query=f"&since={last['epoch']}.{last['offset'] + 1}")
    await streams.say("c", "t", 3)
    assert orjson.loads(await stock.text())["data"] == 3
    assert [orjson.loads(await resumed.text())["data"] for _ in range(2)] == [2, 3]


async def test_who_does_not_read_delays_nobody(streams: Streams) -> None:
    host, port = streams.client._address.split(":")
    stalled = await asyncio.to_thread(sockets.create_connection, (host, int(port)))
    path = f"{streams.client._base_url}v1/realtime/connect?token={streams.token(('c', 't'))}"
    stalled.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    same, other = await streams.socket(("c", "t")), await streams.socket(("d", "t"))
    await until(lambda: streams.host.engine.core.hub.log("c").readers == 2, "the one that will not read")
    for n in range(40):
        await streams.say("c", "t", "x" * 200_000)
        await streams.say("d", "t", n)
        assert len(orjson.loads(await same.text())["data"]) == 200_000
        assert orjson.loads(await other.text())["data"] == n
    late = await streams.socket(("c", "t"))
    await streams.say("c", "t", "late")
    assert orjson.loads(await late.text())["data"] == "late"
    stalled.close()
