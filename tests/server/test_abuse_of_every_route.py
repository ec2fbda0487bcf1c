"""Handshakes and bodies that never end, bodies and frames of ten megabytes, frames that are none: on every route that there is.

Each is refused or ends by itself, changes nothing, and nobody else notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import time
from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio
from inngest_nb_server.compat import port
from inngest_nb_server.host import EngineHost
from jupyter_server.serverapp import ServerApp
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from inngest_nb.protocol import SUBPROTOCOL
from inngest_nb.realtime.tokens import TopicClaim
from tests.engine.peer import function
from tests.server.clients import LIMIT_S, Client, Socket, WorkerSocket, worker
from tests.server.frames import RawSocket
from tests.server.test_server_security import GO, PAGES, example_of, routes_of
from tests.support.jupyter import free_port

TEN_MEGABYTES = 10_000_000
NOTICED_S = 5.0  # what takes others longer than this they have noticed
TOPIC = TopicClaim(channel="quiet", name="t", kind="run")
PUBLISH = "/v1/realtime/publish?channel=quiet&topic=t"
HANDSHAKE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
#: Routes that take no body, and do without one what they do with one.
WITHOUT_BODY = {"runs/([^/]+)/cancel", "runs/([^/]+)/retry"}
#: What is no frame that a client may send.
NO_FRAMES = {
    "of an unknown kind": b"\x83\x80" + bytes(4),
    "with reserved bits": b"\xf1\x80" + bytes(4),
    "a fragment of nothing": b"\x80\x80" + bytes(4),
    "a ping of 64 KiB": b"\x89\xfe\xff\xff" + bytes(4 + 0xFFFF),
    "longer than there is memory": b"\x82\xff\x7f" + b"\xff" * 7 + bytes(4),
    "text that is no UTF-8": b"\x81\x82" + bytes(4) + b"\xff\xfe",
}


class Others:
    """A page, a holder of a token and a kernel who are connected meanwhile, and the run that the kernel has."""

    def __init__(self, client: Client, host: EngineHost, app: ServerApp) -> None:
        self.client, self.host, self.app = client, host, app
        self._numbers = itertools.count()

    async def come(self) -> Others:
        """Connect."""
        self.kernel: WorkerSocket = await worker(self.client, function())
        await self.client.send(GO)
        self.run_id = str((await self.kernel.hear(op="run.start"))["run_id"])
        self.page: Socket = await self.client.open("realtime")
        await self.page.say({"op": "subscribe", "id": "s", "channel": "quiet"})
        await self.page.hear(op="subscribed")
        self.holder = await RawSocket.to(self.socket_url(f"/v1/realtime/connect?token={self.token}"), {})
        return self

    @property
    def token(self) -> str:
        """A token for the quiet channel."""
        return self.host.engine.tokens.mint([TOPIC])

    def socket_url(self, path: str) -> str:
        return self.client.url(path).replace("http", "ws", 1)

    async def notice_nothing(self) -> None:
        """All of them are served at once, and nothing was said in the meantime."""
        begun = time.monotonic()
        said = f"number {next(self._numbers)}"
        assert (await self.client.request("POST", PUBLISH, orjson.dumps(said))).status == 200
        assert await self.page.hear_data("s", 1) == [said]
        assert json.loads(await self.holder.text())["data"] == said
        assert (await self.client.get(f"runs/{self.run_id}"))["run"]["status"] in ("queued", "running")
        assert len(self.host.engine.core.journal.rows("SELECT id FROM events")) == 1
        assert time.monotonic() - begun < NOTICED_S

    async def leave(self) -> None:
        """Disconnect."""
        self.holder.close()
        await self.holder.ended()

    # -- routes ----------------------------------------------------------------------------------

    def routes(self, *, sockets: bool) -> dict[str, str]:
        """Pattern and path of those that upgrade, or of those that do not."""
        kinds = {pattern: issubclass(handler, WebSocketHandler) for pattern, handler in routes_of(self.app).items()}
        wanted = [pattern for pattern, is_socket in kinds.items() if is_socket is sockets]
        return {pattern: example_of(pattern, self.app, self.run_id) for pattern in wanted}

    def credential(self, pattern: str) -> dict[str, str]:
        """What opens a route: a token for those that take nothing else."""
        for_tokens = pattern in ("/v1/realtime/connect", "/v1/realtime/sse")
        return {"Authorization": f"Bearer {self.token}"} if for_tokens else self.client.credential

    async def connection(self, text: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection on which this was said."""
        host, _, port = self.client._address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(text.encode())
        await writer.drain()
        return reader, writer

    def head(self, method: str, path: str, headers: dict[str, str]) -> str:
        """The beginning of a request, without the blank line that ends it."""
        target = "/" + self.client.url(path).split("/", 3)[3]
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join(lines) + "\r\n"


@pytest_asyncio.fixture
async def others(client: Client, host: EngineHost, jp_serverapp: ServerApp) -> AsyncIterator[Others]:
    others = await Others(client, host, jp_serverapp).come()
    yield others
    await others.notice_nothing()
    await others.leave()


async def test_requests_that_never_end_keep_nobody_waiting(others: Others) -> None:
    waiting: list[asyncio.StreamWriter] = []
    for pattern, path in {**others.routes(sockets=False), **others.routes(sockets=True)}.items():
        for headers in ({}, others.credential(pattern)):
            half_a_head = others.head("GET", path, headers)
            half_a_handshake = others.head("GET", path, headers) + HANDSHAKE
            half_a_body = others.head("POST", path, {**headers, "Content-Length": "1000"}) + "\r\n[{"
            texts = (half_a_head, half_a_handshake, half_a_body)
            waiting += [writer for text in texts for _, writer in [await others.connection(text)]]
    assert len(waiting) >= 6 * len(routes_of(others.app))
    await others.notice_nothing()
    for writer in waiting:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for writer in waiting), return_exceptions=True)


async def test_the_port_of_its_own_gives_up_a_request_that_does_not_come(
    others: Others, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port, "_IDLE_S", 0.2)
    own = port.CompatPort(free_port(), logging.getLogger("port"))
    own.open(others.app.web_app.settings)
    try:
        begun = time.monotonic()
        ends = [await _end_of(own, said) for said in (b"", b"GET /health HTTP/1.1\r\nHost: loc")]
        assert ends == [b"", b""]
        assert time.monotonic() - begun > 0.2
    finally:
        await own.close()


async def _end_of(own: port.CompatPort, said: bytes) -> bytes:
    """What a connection hears until it is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", own._port)
    writer.write(said)
    heard = await asyncio.wait_for(reader.read(), LIMIT_S)
    writer.close()
    return heard


@pytest.mark.parametrize("known", [True, False], ids=["with a credential", "without"])
async def test_ten_megabytes_of_body_are_refused_with_a_sentence(others: Others, known: bool) -> None:
    body = b"[" + b"x" * TEN_MEGABYTES
    for pattern, path in others.routes(sockets=False).items():
        for method in ("PUT",) if known and pattern in WITHOUT_BODY else ("POST", "PUT"):
            headers = others.credential(pattern) if known else {}
            answer = await others.client.request(method, path, body, headers)
            if not known:  # 599: the connection ended before the answer was heard, as nobody wants the rest of the body
                assert answer.status in (401, 403, 405, 599), (method, pattern, answer)
                continue
            assert 400 <= answer.status < 500, (method, pattern, answer)
            assert len(answer.raw) < 1_000 or pattern in PAGES, (method, pattern)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "text"])
async def test_a_frame_of_ten_megabytes_ends_its_own_socket(others: Others, binary: bool) -> None:
    for pattern, path in others.routes(sockets=True).items():
        headers = others.credential(pattern) | {"Sec-WebSocket-Protocol": SUBPROTOCOL}
        socket = await RawSocket.to(others.socket_url(path), headers)
        with contextlib.suppress(WebSocketClosedError):
            await socket.write_message(b"x" * TEN_MEGABYTES, binary=binary)
        code, reason = await socket.ended()
        assert code in (1002, 1009, None), (pattern, code, reason)
        await others.notice_nothing()


@pytest.mark.parametrize("frame", NO_FRAMES.values(), ids=NO_FRAMES)
async def test_what_is_no_frame_ends_its_own_socket(others: Others, frame: bytes) -> None:
    for pattern, path in others.routes(sockets=True).items():
        headers = others.credential(pattern) | {"Sec-WebSocket-Protocol": SUBPROTOCOL}
        reader, writer = await others.connection(others.head("GET", path, headers) + HANDSHAKE + "\r\n")
        assert b" 101 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT_S), pattern
        with contextlib.suppress(ConnectionError):
            writer.write(frame)
            await writer.drain()
            await asyncio.wait_for(reader.read(), LIMIT_S)  # to the end of the connection
        writer.close()
