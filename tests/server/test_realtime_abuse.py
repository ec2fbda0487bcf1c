"""Who has a wrong token, or says what is none, gets a clear refusal and disturbs nobody."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket as sockets
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from inngest_nb_server.compat.realtime.connect import obey
from inngest_nb_server.host import EngineHost
from tornado.websocket import WebSocketClosedError

from inngest_nb.engine.feed import Feed, Frame
from inngest_nb.errors import ChannelError, TokenError
from inngest_nb.hub.positions import Start, parse_since, position_text
from inngest_nb.realtime.tokens import ENV_ID, ISSUER, TopicClaim
from tests.server.clients import Client
from tests.server.frames import RawSocket
from tests.unit.test_tokens import MUTATIONS, encoded, mutated, signed

TOPIC = TopicClaim(channel="c", name="t", kind="run", env_id=ENV_ID)


def minted(host: EngineHost, expires_in: str = "60s") -> str:
    return host.engine.tokens.mint([TOPIC], expires_in)


async def opened(client: Client, token: str) -> RawSocket:
    return await RawSocket.to(client.url(f"/v1/realtime/connect?token={token}").replace("http", "ws", 1), {})


@pytest_asyncio.fixture
async def bystander(client: Client, host: EngineHost) -> AsyncIterator[RawSocket]:
    """Somebody else, who must get the next message whatever happened."""
    socket = await opened(client, minted(host))
    yield socket
    path = "/v1/realtime/publish?channel=c&topic=t"
    assert (await client.request("POST", path, b'"for all"')).status == 200
    assert json.loads(await socket.text())["data"] == "for all"
    socket.close()
    await socket.ended()


async def test_wrong_tokens_open_nothing(client: Client, host: EngineHost, bystander: RawSocket) -> None:
    good, now = minted(host), int(time.time())
    head, body, signature = good.split(".")
    claims = {"iss": ISSUER, "iat": now, "exp": now + 60, "topics": [TOPIC.to_wire()], "publish": True}
    secret = host.engine.tokens._secret.read()
    rescoped = encoded(json.dumps(claims | {"topics": [TOPIC.to_wire() | {"channel": "other"}]}).encode())
    wrong = {
        "forged": signed(claims, secret=b"x" * 32),
        "expired": signed(claims | {"iat": now - 61, "exp": now - 1}, secret=secret),
        "re-scoped": f"{head}.{rescoped}.{signature}",
        "unsigned": encoded(b'{"alg":"none"}') + f".{body}.",
        "cut": good[:-1],
        "empty": "",
    }
    for name, token in wrong.items():
        for route in ("connect", "sse"):
            answer = await client.request("GET", f"/v1/realtime/{route}?token={token}", headers={})
            assert (name, answer.status) == (name, 401)
            assert json.loads(answer.raw) == {"error": "Not authenticated", "data": None, "status": 401}
        headers = {"Authorization": f"Bearer {token}"}
        answer = await client.request("POST", "/v1/realtime/publish?channel=c&topic=t", b"1", headers)
        assert (name, answer.status) == (name, 401)


async def test_of_two_tokens_in_a_query_the_first_counts(client: Client, host: EngineHost) -> None:
    token = minted(host)
    assert await client.refused(f"/v1/realtime/connect?token={token}&token=wrong", {}) == 101
    assert await client.refused(f"/v1/realtime/connect?token=wrong&token={token}", {}) == 401


async def test_a_token_to_read_neither_publishes_nor_makes_others(client: Client, host: EngineHost) -> None:
    headers = {"Authorization": f"Bearer {minted(host)}"}
    for path in ("realtime/publish?channel=c&topic=t", "realtime/publish/tee?channel=c", "realtime/token", "events"):
        method = "GET" if path == "events" else "POST"
        answer = await client.request(method, f"/v1/{path}", b"[]" if method == "POST" else None, headers)
        assert (path, answer.status) == (path, 401)
    assert (await client.request("GET", "runs", headers=headers)).status == 403


async def test_a_token_to_publish_keeps_to_its_topics(client: Client, host: EngineHost) -> None:
    token = host.engine.tokens.mint([TOPIC], publish=True)
    headers = {"Authorization": f"Bearer {token}"}
    allowed = await client.request("POST", "/v1/realtime/publish?channel=c&topic=t", b"1", headers)
    refused = await client.request("POST", "/v1/realtime/publish?channel=c&topic=u", b"1", headers)
    assert (allowed.status, refused.status) == (200, 401)


async def test_a_replaced_secret_ends_every_token(client: Client, host: EngineHost) -> None:
    token = minted(host)
    (host.data_dir / "token.key").unlink()
    assert await client.refused(f"/v1/realtime/connect?token={token}", {}) == 401
    assert await client.refused(f"/v1/realtime/connect?token={minted(host)}", {}) == 101


@pytest.mark.parametrize("size", [32_769, 1_000_000])
async def test_a_frame_that_is_too_long_closes_its_own_socket(
    client: Client, host: EngineHost, bystander: RawSocket, size: int
) -> None:
    socket = await opened(client, minted(host))
    await socket.write_message("x" * size)
    code, reason = await socket.ended()
    assert code == 1009
    assert "32768" in (reason or "")


async def test_ten_megabytes_are_not_even_read(client: Client, host: EngineHost, bystander: RawSocket) -> None:
    socket = await opened(client, minted(host))
    with contextlib.suppress(WebSocketClosedError):
        await socket.write_message(b"x" * 10_000_000, binary=True)
    assert (await socket.ended())[0] in (1009, 1006, None)


async def test_ten_thousand_frames_that_are_refused(client: Client, host: EngineHost, bystander: RawSocket) -> None:
    socket = await opened(client, minted(host))
    with contextlib.suppress(WebSocketClosedError):
        for n in range(10_000):
            await socket.write_message(json.dumps({"kind": "sub", "data": f"no token {n}"}))
    code, reason = await socket.ended()
    assert code in (1008, None)
    assert code is None or "100 requests" in (reason or "")


async def test_ten_thousand_frames_that_are_obeyed(client: Client, host: EngineHost, bystander: RawSocket) -> None:
    socket, token = await opened(client, minted(host)), minted(host)
    for _ in range(10_000):
        await socket.write_message(json.dumps({"kind": "sub", "data": token}))
    await socket.settled()
    assert host.engine.core.hub.log("c").readers == 2
    socket.close()
    await socket.ended()


async def test_handshakes_that_never_end_keep_nobody_waiting(client: Client, bystander: RawSocket) -> None:
    host, port = client._address.split(":")
    half = [await asyncio.to_thread(sockets.create_connection, (host, int(port))) for _ in range(200)]
    for connection in half:
        connection.sendall(f"GET {client._base_url}v1/realtime/connect HTTP/1.1\r\nHost: {host}\r\nUpgr".encode())
    answer = await client.request("GET", "/v1/realtime/connect", headers={})
    assert answer.status == 401
    for connection in half:
        connection.close()


# -- seeded mutations of what clients say ------------------------------------------------------------


async def test_a_mutated_frame_is_obeyed_refused_or_ignored(client: Client, host: EngineHost) -> None:
    async def send(channel: str, epoch: int, frames: list[Frame]) -> None:
        pass

    feed = Feed(host.engine.core.hub, host.engine.tokens, send, start=Start(), ended=lambda reason: None)
    rng, refused = random.Random(4), 0
    said = [
        json.dumps({"kind": "sub", "data": minted(host)}),
        json.dumps({"kind": "unsub", "data": [TOPIC.to_wire()]}),
    ]
    for n in range(MUTATIONS):
        try:
            obey(feed, mutated(rng, said[n % 2]))
        except (TokenError, ChannelError):
            refused += 1
    feed.close()
    assert refused > 1000
    assert feed._begun <= {"c"}


def test_a_mutated_start_is_read_or_refused() -> None:
    rng, read = random.Random(5), 0
    said = ["now", "start", "17", "3.17", "2026-11-21T10:02:27.001243Z", position_text({"a b": (1, 2), "ż&=": (3, 4)})]
    for n in range(MUTATIONS):
        try:
            parse_since(mutated(rng, said[n % len(said)])).of("a b")
            read += 1
        except ChannelError:
            pass
    assert read > 1000


def test_positions_are_read_as_they_were_written() -> None:
    positions = {"a b": (1, 2), "ż&=🎉": (1795274728291168, 4), "": (5, 0)}
    start = parse_since(position_text(positions))
    assert {channel: start.of(channel) for channel in positions} == {c: (o, e) for c, (e, o) in positions.items()}
    assert start.of("another") == ("now", None)
