"""Subscriptions over a real Jupyter server that is killed under them and started again on the same files."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import inngest_nb
from inngest_nb import links
from inngest_nb.links.server import ServerLink
from tests.support.kernels import KernelServer
from tests.support.waiting import until

pytestmark = pytest.mark.kernel
MESSAGES = 3_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KernelServer]:
    with KernelServer(tmp_path / "jupyter") as server:
        yield server


@pytest.fixture
def client(server: KernelServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[inngest_nb.Inngest]:
    """A client in this process, led to the server."""
    for name, value in server.leads_here.items():
        monkeypatch.setenv(name, value)
    yield inngest_nb.Inngest(app_id="app", engine="server")
    links.close_links()


def publish(client: inngest_nb.Inngest, numbers: Iterator[int]) -> None:
    """Publish one after the other; a publish that finds no server waits for it."""
    for number in numbers:
        client.realtime.publish_sync(inngest_nb.realtime.channel("news", topics={"n": int}).n, number)


def test_readers_of_every_kind_see_each_message_once_across_deaths_of_the_server(
    server: KernelServer, client: inngest_nb.Inngest
) -> None:
    news = inngest_nb.realtime.channel("news", topics={"n": int})
    seen: dict[str, list[tuple[int, int]]] = {"callback": [], "for": [], "async for": []}

    def take(kind: str, message: inngest_nb.realtime.Message) -> bool:
        assert message.offset is not None
        seen[kind].append((message.offset, message.data))
        return len(seen[kind]) == MESSAGES

    def loop() -> None:
        for message in subscription:
            if take("for", message):
                return

    async def async_loop() -> None:
        async for message in subscription:
            if random.random() < 0.01:
                await asyncio.sleep(0.02)  # a reader that is slower than the channel
            if take("async for", message):
                return

    subscription = client.realtime.subscribe(channel=news, since="start").ready()
    client.realtime.subscribe(channel=news, since="start", on_message=lambda message: take("callback", message))
    threads = [threading.Thread(target=loop), threading.Thread(target=lambda: asyncio.run(async_loop()))]
    threads.append(threading.Thread(target=publish, args=(client, iter(range(MESSAGES)))))
    for thread in threads:
        thread.start()
    for reached in (300, 900, 1_500):
        until(lambda reached=reached: len(seen["callback"]) >= reached, within_s=60)  # type: ignore[misc]
        server.kill()
        server.start()
    until(lambda: all(len(found) == MESSAGES for found in seen.values()), within_s=60)
    for thread in threads:
        thread.join(10)
    for kind, found in seen.items():
        assert found == [(number, number) for number in range(MESSAGES)], kind


def test_what_happens_to_the_connection_is_told(server: KernelServer, client: inngest_nb.Inngest) -> None:
    told: list[str] = []
    listener = inngest_nb.realtime.following.Listener(
        on_open=lambda following, epoch: told.append("open"),
        on_connecting=lambda: told.append("connecting"),
        on_lost=lambda error: told.append("lost" if error is None else f"lost: {type(error).__name__}"),
        on_end=lambda error: told.append("end"),
    )
    client._link().follow("news", None, "now", listener)
    until(lambda: told == ["open"])
    server.kill()
    until(lambda: len(told) >= 4)
    server.start()
    until(lambda: told[-1] == "open", within_s=60)
    assert told[:4] == ["open", "lost", "connecting", "lost: LinkError"]
    assert told[-2:] == ["connecting", "open"]
    links.close_links()
    assert told[-1] == "end"


def test_hooks_without_a_token_return_at_their_own_pace(server: KernelServer, client: inngest_nb.Inngest) -> None:
    """One connection, two hooks: one that tries again and again, and one that waits for a second and a half."""
    news = inngest_nb.realtime.channel("news", topics={"n": int})
    quick = inngest_nb.use_realtime(news, reconnect_min_ms=20, reconnect_max_ms=100, client=client)
    patient = inngest_nb.use_realtime(news, reconnect_min_ms=1_500, reconnect_max_ms=6_000, client=client)
    seen: dict[str, list[tuple[float, str]]] = {"quick": [], "patient": []}
    for name, hook in (("quick", quick), ("patient", patient)):
        hook.observe(lambda change, name=name: seen[name].append((time.monotonic(), change.new)), "connection_status")
    until(lambda: quick.connection_status == patient.connection_status == "open")
    seen["quick"].clear()
    seen["patient"].clear()
    server.kill()
    until(lambda: len([status for _, status in seen["quick"] if status == "connecting"]) >= 5)
    server.start()
    until(lambda: quick.connection_status == patient.connection_status == "open", within_s=30)
    assert [status for _, status in seen["patient"][:2]] == ["closed", "connecting"]
    assert seen["patient"][1][0] - seen["patient"][0][0] > 1.4, "it waited"
    client.realtime.publish_sync(news.n, 1)
    for hook in (quick, patient):
        until(lambda hook=hook: [message.data for message in hook.messages.all if message.kind == "data"] == [1])  # type: ignore[misc]
    quick.close()
    patient.close()


def test_who_follows_a_channel_without_messages_is_told_of_no_gap_after_a_kill(
    server: KernelServer, client: inngest_nb.Inngest
) -> None:
    """The log of a channel is on disk before anybody hears of its epoch: a new one would be a gap."""
    news = inngest_nb.realtime.channel("news", topics={"n": int})
    token = client.realtime.token_sync(channel=news, expires_in="10m")
    hooks = [
        inngest_nb.use_realtime(news, client=client, reconnect_min_ms=20, reconnect_max_ms=200),
        inngest_nb.use_realtime(news, token=token, reconnect_min_ms=20, reconnect_max_ms=200),
    ]
    for _ in range(3):
        until(lambda: all(hook.connection_status == "open" for hook in hooks), within_s=30)
        server.kill()
        until(lambda: all(hook.connection_status != "open" for hook in hooks))
        server.start()
    until(lambda: all(hook.connection_status == "open" for hook in hooks), within_s=30)
    client.realtime.publish_sync(news.n, 1)
    for hook in hooks:
        until(lambda hook=hook: bool(hook.messages.all))  # type: ignore[misc]
        assert [(message.kind, message.data) for message in hook.messages.all] == [("data", 1)]
        hook.close()


def test_a_hook_that_does_not_reconnect_does_when_it_is_wanted_again(
    server: KernelServer, client: inngest_nb.Inngest
) -> None:
    news = inngest_nb.realtime.channel("news", topics={"n": int})
    token = client.realtime.token_sync(channel=news, expires_in="10m")
    hooks = [inngest_nb.use_realtime(news, token=given, client=client, reconnect=False) for given in (None, token)]
    for number, changes in enumerate([[("enabled", False), ("enabled", True)], [("reconnect", True)]]):
        until(lambda: all(hook.connection_status == "open" for hook in hooks), within_s=30)
        server.kill()
        until(lambda: all(hook.connection_status == "closed" for hook in hooks))
        server.start()
        client.realtime.publish_sync(news.n, number)
        assert [hook.connection_status for hook in hooks] == ["closed", "closed"], "nobody asked"
        for hook in hooks:
            for name, value in changes:
                setattr(hook, name, value)
        until(lambda: all(hook.connection_status == "open" for hook in hooks), within_s=30)
        until(lambda number=number: all(len(hook.messages.all) == number + 1 for hook in hooks))  # type: ignore[misc]
    for hook in hooks:
        assert [message.data for message in hook.messages.all] == [0, 1]
        hook.close()


def test_messages_of_a_stream_share_frames_and_a_lone_one_does_not_wait(
    client: inngest_nb.Inngest, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = client._link()
    assert isinstance(link, ServerLink)
    assert link._socket is not None
    frames: list[str] = []
    write = link._socket.write_message

    def noted(frame: str | bytes) -> object:
        frames.append(frame if isinstance(frame, str) else frame.decode())
        return write(frame)

    monkeypatch.setattr(link._socket, "write_message", noted)
    news = inngest_nb.realtime.channel("news", topics={"n": int})
    subscription = client.realtime.subscribe(channel=news).ready()
    frames.clear()
    begun = time.monotonic()
    for n in range(500):
        link.post({"op": "publish", "channel": "news", "topic": "n", "data": str(n)})
        while time.monotonic() < begun + n / 1000:
            time.sleep(0)
    assert [message.data for message in itertools.islice(subscription, 500)] == list(range(500))
    took = time.monotonic() - begun
    assert len(frames) <= took / 0.004 + 2, "at most one in four milliseconds"
    frames.clear()
    link.post({"op": "publish", "channel": "news", "topic": "n", "data": "0"})
    link.call("extent", {"channel": "news"})  # urgent: takes along what waits
    assert '"publish"' in frames[0]
    assert '"extent"' in "".join(frames)
