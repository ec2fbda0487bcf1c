"""Promises 5 and 6 over real sockets: order and completeness for a thousand, for slow ones, through cuts and restarts.

`REALTIME_SCALE=5 pytest …` makes everything five times as much.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.simple_httpclient import HTTPStreamClosedError
from tornado.websocket import WebSocketClientConnection, WebSocketError, websocket_connect

import inngest_nb as nb
from inngest_nb import links, realtime
from tests.engine.peer import until
from tests.support.jupyter import REPOSITORY, TOKEN, JupyterServer
from tests.support.proxy import Fault, Proxy

SCALE = int(os.environ.get("REALTIME_SCALE", "1"))
# Sockets of the clients of these tests that are cut in the middle are left to the collector, whenever it comes.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
IMPORTS = {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'server_extension'}"}
feed = realtime.channel("feed", topics={"n": int})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JupyterServer]:
    with JupyterServer(tmp_path / "jupyter", app="server", environment=IMPORTS) as server:
        yield server


@pytest.fixture
def client(server: JupyterServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[nb.Inngest]:
    """A client in this process, as a kernel of the server has it."""
    monkeypatch.setenv("INNGEST_NB_URL", server.url)
    monkeypatch.setenv("INNGEST_NB_TOKEN", TOKEN)
    yield nb.Inngest(app_id="load", engine="server")
    links.close_links()


async def opened(
    server: JupyterServer, since: Any, *, port: int | None = None, **more: Any
) -> WebSocketClientConnection:
    """A page's socket that follows the feed."""
    url = server.url.replace("http", "ws", 1).replace(str(server.port), str(port or server.port), 1)
    request = HTTPRequest(f"{url}inngest/api/realtime", headers={"Authorization": f"token {TOKEN}"}, connect_timeout=5)
    page = await websocket_connect(request)
    ask = {"op": "subscribe", "id": "s", "channel": "feed", "topics": None, "since": since, **more}
    await page.write_message(orjson.dumps(ask))
    return page


async def frames(page: WebSocketClientConnection) -> AsyncIterator[dict[str, Any]]:
    while (frame := await page.read_message()) is not None:
        said = orjson.loads(frame)
        assert said["op"] in ("subscribed", "messages"), said
        yield said


async def read(page: WebSocketClientConnection, count: int, pause_s: float = 0.0) -> list[int]:
    """The offsets of the first `count` messages."""
    offsets: list[int] = []
    async for frame in frames(page):
        offsets += [message["offset"] for message in frame.get("messages", ())]
        if len(offsets) >= count:
            break
        await asyncio.sleep(pause_s)
    return offsets


async def publish(client: nb.Inngest, count: int, *, at_once: int = 50) -> None:
    """Numbers, so many at a time; each is in the log when this returns."""
    for first in range(0, count, at_once):
        await asyncio.gather(*(client.realtime.publish(feed.n, n) for n in range(first, min(count, first + at_once))))


def never_reads(server: JupyterServer, *channels: str) -> socket.socket:
    """A page that asks for everything and takes nothing: its buffers are tiny, so that the server's fill up."""
    dead = socket.socket()
    dead.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    dead.connect(("127.0.0.1", server.port))
    path = server.url.partition(str(server.port))[2]
    head = [
        f"GET {path}inngest/api/realtime HTTP/1.1", f"Host: 127.0.0.1:{server.port}", f"Authorization: token {TOKEN}",
        "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
    ]  # fmt: skip
    dead.sendall("\r\n".join(head).encode() + b"\r\n\r\n")
    assert dead.recv(12).endswith(b"101")
    for channel in channels or ("feed",):
        ask = orjson.dumps({"op": "subscribe", "id": channel, "channel": channel, "topics": None, "since": "start"})
        dead.sendall(bytes([0x81, 0x80 | len(ask)]) + bytes(4) + ask)
    return dead


def memory_mb(server: JupyterServer) -> float:
    assert server.process is not None
    return float(psutil.Process(server.process.pid).memory_info().rss / 1e6)


async def test_a_thousand_subscribers_beside_a_slow_one_and_one_that_never_reads(
    server: JupyterServer, client: nb.Inngest, record_property: Any
) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    subscribers, count = 1000, 200 * SCALE
    pages: list[WebSocketClientConnection] = []
    for _ in range(0, subscribers, 50):
        pages += await asyncio.gather(*(opened(server, "start") for _ in range(50)))
    slow, dead = await opened(server, "start"), never_reads(server)
    joined = memory_mb(server)
    readers = [asyncio.create_task(read(page, count)) for page in pages]
    slow_reader = asyncio.create_task(read(slow, count, pause_s=1.0))
    async with asyncio.timeout(60 * SCALE):
        await publish(client, count)
        for reader in readers:
            assert await reader == list(range(count))
        grown = memory_mb(server) - joined
        assert await slow_reader == list(range(count))
    record_property(
        "memory", f"{joined:.0f} MB with {subscribers} sockets, {grown:.0f} MB more after {count} messages to each"
    )
    assert grown < 60, f"{grown:.0f} MB for {count} messages"
    dead.close()
    for page in [*pages, slow]:
        page.close()


async def test_one_that_never_reads_costs_no_memory(
    server: JupyterServer, client: nb.Inngest, record_property: Any
) -> None:
    """20 MB for each of five pages, and none is taken."""
    dead = [never_reads(server) for _ in range(5)]
    text = realtime.channel("feed", topics={"n": str})
    before = memory_mb(server)
    for _ in range(100 * SCALE):
        await asyncio.gather(*(client.realtime.publish(text.n, "x" * 20_000) for _ in range(10)))
    grown = memory_mb(server) - before
    record_property("memory", f"{grown:.0f} MB more for {20 * SCALE} MB published to five that never read")
    assert grown < 60, f"{grown:.0f} MB"
    for page in dead:
        page.close()


async def test_one_that_follows_much_and_never_reads_costs_no_memory(
    server: JupyterServer, client: nb.Inngest, record_property: Any
) -> None:
    """Eighty channels with a megabyte each, all of it there before, followed by three that take nothing."""
    channels = [f"large:{n}" for n in range(80 * SCALE)]
    for name in channels:
        ref = realtime.channel(name, topics={"n": str}).n
        await asyncio.gather(*(client.realtime.publish(ref, "x" * 100_000) for _ in range(10)))
    before = memory_mb(server)
    dead = [never_reads(server, *channels) for _ in range(3)]
    page = await opened(server, "now")
    for n in range(50):  # somebody else is served all the while
        await publish(client, 1)
        assert await read(page, 1) == [n]
    grown = memory_mb(server) - before
    record_property("memory", f"{grown:.0f} MB more for three that follow {len(channels)} MB and never read")
    assert grown < 30, f"{grown:.0f} MB"
    page.close()
    for one in dead:
        one.close()


async def _follow_through_cuts(server: JupyterServer, port: int, count: int) -> list[int]:
    """A page that goes on, after each cut, from where it was."""
    seen: list[int] = []
    since, epoch = 0, None
    while len(seen) < count:
        try:
            page = await opened(server, since, port=port, epoch=epoch)
            async for frame in frames(page):
                epoch = frame.get("epoch", epoch)
                seen += [message["offset"] for message in frame.get("messages", ())]
                since = frame["next"]
                if len(seen) >= count:
                    break
            page.close()
        except (OSError, HTTPClientError, HTTPStreamClosedError, StreamClosedError, WebSocketError):
            continue
    return seen


async def test_sockets_that_are_cut_at_random_lose_and_repeat_nothing(
    server: JupyterServer, client: nb.Inngest
) -> None:
    count, cuts = 400, 500 * SCALE
    await publish(client, count)
    plan = lambda rng: Fault(  # noqa: E731
        cut_after=rng.randrange(800, 12_000), with_reset=rng.random() < 0.5, piece=rng.choice([1, 32, 512, 4096])
    )
    async with asyncio.timeout(90 * SCALE), Proxy(server.port, seed=1, plan=plan) as proxy:
        while proxy.cuts < cuts:
            everyone = await asyncio.gather(*(_follow_through_cuts(server, proxy.port, count) for _ in range(6)))
            assert everyone == [list(range(count))] * 6


async def test_a_server_killed_in_the_middle_loses_nothing_that_was_acknowledged(
    server: JupyterServer, client: nb.Inngest
) -> None:
    count, seen = 600 * SCALE, list[Any]()
    subscription = client.realtime.subscribe(channel=feed, since="start")

    async def follow() -> None:
        async for message in subscription:
            assert message.kind == "data", message
            seen.append((message.offset, message.data))
            if len(seen) == count:
                return

    following = asyncio.create_task(follow())
    publishing = asyncio.create_task(publish(client, count, at_once=7))
    async with asyncio.timeout(60 * SCALE):
        for part in (0.2, 0.6):
            await until(lambda part=part: len(seen) >= part * count, "messages")  # type: ignore[misc]
            assert server.process is not None
            server.process.kill()
            await asyncio.to_thread(server.process.wait)
            await asyncio.to_thread(server.start)
        await publishing
        await following
    assert [offset for offset, _ in seen] == list(range(count))
    assert sorted(n for _, n in seen) == list(range(count))
    subscription.close()


async def test_threads_kernels_and_others_publish_at_once(server: JupyterServer, client: nb.Inngest) -> None:
    each = 60 * SCALE
    ref = realtime.channel("mixed", topics={"n": dict}).n
    environment = os.environ | IMPORTS | {"INNGEST_NB_URL": server.url, "INNGEST_NB_TOKEN": TOKEN}
    module = [sys.executable, "-m", "tests.promises.publisher", "mixed"]
    kernels = [
        subprocess.Popen([*module, f"kernel{k}", str(each)], env=environment)  # noqa: ASYNC220  # they take long
        for k in range(2)
    ]

    def in_thread(name: str) -> None:
        for n in range(each):
            client.realtime.publish_sync(ref, {"by": name, "n": n})

    def outside() -> None:
        for n in range(each):
            path = "v1/realtime/publish?channel=mixed&topic=n"
            server.request(path, {"by": "outside", "n": n}, method="POST", headers={"Authorization": f"Bearer {TOKEN}"})

    names = [f"thread{k}" for k in range(4)]
    threads = [threading.Thread(target=in_thread, args=(name,)) for name in names] + [threading.Thread(target=outside)]
    for thread in threads:
        thread.start()
    names += ["kernel0", "kernel1", "outside"]
    log: list[Any] = []
    subscription = client.realtime.subscribe(channel="mixed", since="start")
    async with asyncio.timeout(60 * SCALE):
        async for message in subscription:
            log.append(message)
            if len(log) == each * len(names):
                break
    subscription.close()
    for thread in threads:
        thread.join(10)
    assert [kernel.wait(10) for kernel in kernels] == [0, 0]
    assert [message.offset for message in log] == list(range(len(log)))
    for name in names:
        assert [m.data["n"] for m in log if m.data["by"] == name] == list(range(each)), name


def test_thirty_two_streams_of_a_hundred_tokens_a_second(tmp_path: Path) -> None:
    client = nb.Inngest(app_id="load", engine="embedded", data_dir=tmp_path / "data")
    streams, tokens = 32, 200 * SCALE
    talk = realtime.channel(name=lambda k: f"talk:{k}", topics={"tokens": str})

    @client.create_function(fn_id="talk", trigger=nb.TriggerEvent(event="load/talk"))
    async def run(ctx: nb.Context) -> Any:
        async def pieces() -> AsyncIterator[str]:
            began = time.perf_counter()
            for n in range(tokens):
                await asyncio.sleep(max(0.0, began + n / 100 - time.perf_counter()))
                yield f"{n} "

        return await ctx.step.run("speak", lambda: ctx.stream(talk(k=ctx.event.data["k"]).tokens, pieces()))

    subscriptions = [client.realtime.subscribe(channel=talk(k=k), since="start") for k in range(streams)]
    runs = [run.start({"k": k}) for k in range(streams)]
    expected = [f"{n} " for n in range(tokens)]
    try:
        for one, subscription in zip(runs, subscriptions, strict=True):
            log = []
            for message in subscription:
                log.append(message)
                if message.kind == "run":
                    break
            assert [m.data for m in log if m.kind == "data"] == expected
            assert [m.kind for m in log[tokens:]] == ["commit", "run"]
            assert one.result(10) == "".join(expected)
    finally:
        links.close_links()
