"""Following a channel with nothing but a token, over a real Jupyter server that is killed, revokes and refuses."""

from __future__ import annotations

import asyncio
import datetime
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import inngest_nb
from inngest_nb import links, realtime
from inngest_nb.errors import ChannelError, LinkError, TokenError, TokenExpired
from tests.support.kernels import KernelServer
from tests.support.waiting import until

pytestmark = pytest.mark.kernel
news = realtime.channel("news", topics={"n": int, "secret": str})
QUICKLY: Any = {"reconnect_min_ms": 20, "reconnect_max_ms": 200}
LIMIT_S = 60.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelServer]:
    with KernelServer(tmp_path_factory.mktemp("jupyter") / "server") as server:
        yield server


@pytest.fixture
def client(server: KernelServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[inngest_nb.Inngest]:
    """Who may mint and publish: a process with the server's own token."""
    for name, value in server.leads_here.items():
        monkeypatch.setenv(name, value)
    yield inngest_nb.Inngest(app_id="app", engine="server")
    links.close_links()


@pytest.fixture
def fresh(client: inngest_nb.Inngest) -> Callable[[], Any]:
    """What fetches a token for one topic, and counts."""
    calls: list[str] = []

    async def fetch() -> realtime.SubscriptionToken:
        calls.append("fetched")
        return await client.realtime.token(channel=news, topics=["n"])

    fetch.calls = calls  # type: ignore[attr-defined]
    return fetch


def publish(client: inngest_nb.Inngest, *numbers: int) -> None:
    for number in numbers:
        client.realtime.publish_sync(news.n, number)


def offset(client: inngest_nb.Inngest) -> int:
    """Where the channel ends now: the tests share a server."""
    _, following = client._link().call("extent", {"channel": "news"})
    return int(following)


def take(messages: Any, count: int) -> list[Any]:
    return [next(messages).data for _ in range(count)]


def test_a_process_with_a_token_for_one_topic_sees_that_topic_and_nothing_else(
    server: KernelServer, client: inngest_nb.Inngest
) -> None:
    begin = offset(client)
    token = client.realtime.token_sync(channel=news, topics=["n"])
    client.realtime.publish_sync(news.secret, "not for you")
    publish(client, 1, 2)
    program = """
import json, sys
from inngest_nb import realtime
for message in realtime.subscribe(token=json.loads(sys.argv[1]), since=int(sys.argv[2])):
    print(message.offset - int(sys.argv[2]), message.topic, message.data, flush=True)
    if message.data == 2:
        break
"""
    command = [sys.executable, "-c", program, json.dumps(token.to_wire()), str(begin)]
    folders = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, check=False, env=folders, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.stdout.splitlines() == ["1 n 1", "2 n 2"], done.stderr


async def test_awaited_it_sees_what_is_published_from_then_on(client: inngest_nb.Inngest) -> None:
    token = await client.realtime.token(channel=news, topics=["n"])
    async with realtime.subscribe(channel=news, token=token) as subscription:
        await client.realtime.publish(news.n, 7)
        assert (await anext(aiter(subscription))).data == 7


def test_since_may_be_a_time(client: inngest_nb.Inngest, fresh: Any) -> None:
    publish(client, 100)
    between = datetime.datetime.now(datetime.UTC)
    publish(client, 101, 102)
    assert take(iter(realtime.subscribe(channel=news, token=fresh, since=between)), 2) == [101, 102]


def test_it_goes_on_where_the_server_died_with_a_fresh_token_each_time(
    server: KernelServer, client: inngest_nb.Inngest, fresh: Any
) -> None:
    count, begin = 1_500, offset(client)
    subscription = realtime.subscribe(channel=news, token=fresh, since=begin, **QUICKLY)
    seen: list[tuple[Any, int | None]] = []

    def read() -> None:
        for message in subscription:
            seen.append((message.data, message.offset))
            if len(seen) == count:
                return

    threads = [threading.Thread(target=read), threading.Thread(target=publish, args=(client, *range(count)))]
    for thread in threads:
        thread.start()
    for reached in (200, 700):
        until(lambda reached=reached: len(seen) >= reached, within_s=LIMIT_S)  # type: ignore[misc]
        server.kill()
        server.start()
    until(lambda: len(seen) == count, within_s=LIMIT_S)
    for thread in threads:
        thread.join(LIMIT_S)
    assert seen == [(number, begin + number) for number in range(count)]
    assert len(fresh.calls) >= 3


def test_a_slow_reader_of_a_socket_loses_nothing(client: inngest_nb.Inngest, fresh: Any) -> None:
    begin, count = offset(client), 3_000
    subscription = realtime.subscribe(channel="news", topics=["n"], token=fresh, since=begin).ready()
    for number in range(count):
        client._link().post({"op": "publish", "channel": "news", "topic": "n", "data": str(number), "created_at": 1})
    publish(client, -1)
    (inbox,) = subscription._inboxes
    until(lambda: len(inbox._items) >= 1_024, within_s=LIMIT_S)
    assert len(inbox._items) < 2_048  # what had been sent before it was asked to stop
    assert take(iter(subscription), count + 1) == [*range(count), -1]
    subscription.close()


# -- refusals ------------------------------------------------------------------------------------


def test_a_token_that_was_changed_is_refused_and_not_tried_again(
    server: KernelServer, client: inngest_nb.Inngest
) -> None:
    key = client.realtime.token_sync(channel=news, topics=["n"]).key
    forged = key[:-8] + ("AAAAAAAA" if key[-8:] != "AAAAAAAA" else "BBBBBBBB")
    subscription = realtime.subscribe(channel=news, topics=["n"], token=forged, api_base_url=server.url)
    with pytest.raises(TokenError, match=r"refused the token \(401\): it was made elsewhere"):
        subscription.ready()
    with pytest.raises(TokenError, match="Give a function"):
        next(iter(subscription))


def test_an_expired_token_says_so(client: inngest_nb.Inngest) -> None:
    token = client.realtime.token_sync(channel=news, topics=["n"], expires_in="1s")
    claims = realtime.tickets.ticket_of(token).claims()
    until(lambda: time.time() >= claims["exp"])
    errors: list[Exception] = []
    subscription = realtime.subscribe(channel=news, token=token, on_message=print, on_error=errors.append)
    with pytest.raises(TokenExpired, match="it expired"):
        subscription.ready()
    until(lambda: len(errors) == 1)
    assert isinstance(errors[0], TokenExpired)


def test_a_static_token_that_ends_while_the_server_is_away_ends_the_loop(
    server: KernelServer, client: inngest_nb.Inngest
) -> None:
    token = client.realtime.token_sync(channel=news, topics=["n"], expires_in="1s")
    messages = iter(realtime.subscribe(channel=news, token=token, **QUICKLY).ready())
    publish(client, 5)
    assert next(messages).data == 5
    server.kill()
    server.start()  # which takes longer than a second
    with pytest.raises(TokenExpired, match="Give a function that fetches a new one"):
        next(messages)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"channel": "olds"}, "is for 'news', not for channel 'olds'"),
        ({"channel": news, "topics": ["secret"]}, "does not allow topic 'secret' of 'news'; it allows 'n'"),
    ],
)
def test_a_token_for_something_else_is_told_before_connecting(
    client: inngest_nb.Inngest, asked: Any, problem: str
) -> None:
    token = client.realtime.token_sync(channel=news, topics=["n"])
    with pytest.raises(TokenError, match=problem):
        realtime.subscribe(token=token, **asked).ready()


def test_a_server_that_is_not_there_is_no_refusal() -> None:
    subscription = realtime.subscribe(channel=news, token="opaque", api_base_url="http://127.0.0.1:9", **QUICKLY)
    with pytest.raises(LinkError, match="was not open after"):
        subscription.ready(0.5)
    subscription.close()
    once = realtime.subscribe(channel=news, token="opaque", api_base_url="http://127.0.0.1:9", reconnect=False)
    with pytest.raises(LinkError, match="cannot be reached"):
        once.ready()


def test_a_server_without_the_api_is_told(server: KernelServer) -> None:
    subscription = realtime.subscribe(channel=news, token="opaque", api_base_url=f"{server.url}/nowhere")
    with pytest.raises(ChannelError, match="has no realtime API"):
        subscription.ready()


def test_what_is_no_token_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INNGEST_NB_URL", raising=False)
    for wrong in (5, "", {"jwt": "x"}):
        with pytest.raises(ChannelError, match="a token is a text or has a key"):
            realtime.subscribe(channel=news, token=wrong)
    with pytest.raises(ChannelError, match="subscribe needs a channel"):
        realtime.subscribe(token="opaque")
    with pytest.raises(ChannelError, match="where is the token from"):
        realtime.subscribe(channel=news, token="opaque").ready()
    with pytest.raises(ChannelError, match="returned nothing"):
        realtime.subscribe(channel=news, token=lambda: None, api_base_url="http://127.0.0.1:9").ready()


# -- the hook ------------------------------------------------------------------------------------


async def test_the_hook_with_a_token_factory_across_a_death_of_the_server(
    server: KernelServer, client: inngest_nb.Inngest, fresh: Any
) -> None:
    hook = inngest_nb.use_realtime(news, ["n"], token=fresh, **QUICKLY)
    statuses: list[str] = []
    hook.observe(lambda change: statuses.append(change["new"]), "connection_status")
    await asyncio.to_thread(until, lambda: hook.connection_status == "open", within_s=LIMIT_S)
    await asyncio.to_thread(publish, client, 1)
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(until, lambda: "connecting" in statuses, within_s=LIMIT_S)
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(publish, client, 2)
    await asyncio.to_thread(until, lambda: len(hook.messages.all) == 2, within_s=LIMIT_S)
    assert [message.data for message in hook.messages.all] == [1, 2]
    assert hook.error is None
    assert statuses[:3] == ["open", "closed", "connecting"]
    assert statuses[-1] == "open"
    hook.close()


async def test_the_hook_learns_channel_and_topics_from_its_token(client: inngest_nb.Inngest) -> None:
    hook = inngest_nb.use_realtime(token=lambda: client.realtime.token(channel=news, topics=["n"]))
    await asyncio.to_thread(until, lambda: hook.connection_status == "open", within_s=LIMIT_S)
    await client.realtime.publish(news.secret, "not for you")
    await client.realtime.publish(news.n, 3)
    await asyncio.to_thread(until, lambda: bool(hook.messages.all), within_s=LIMIT_S)
    assert [message.data for message in hook.messages.all] == [3]
    hook.close()


async def test_the_hook_shows_a_refusal_and_does_not_try_for_ever(
    client: inngest_nb.Inngest, server: KernelServer
) -> None:
    calls: list[int] = []

    def garbage() -> str:
        calls.append(1)
        return "garbage"

    hook = inngest_nb.use_realtime("news", ["n"], token=garbage, api_base_url=server.url, **QUICKLY)
    await asyncio.to_thread(until, lambda: hook.connection_status == "error" and len(calls) == 2, within_s=LIMIT_S)
    await asyncio.to_thread(until, lambda: isinstance(hook.error, TokenError), within_s=LIMIT_S)
    hook.token = lambda: client.realtime.token(channel=news, topics=["n"])
    await asyncio.to_thread(until, lambda: hook.connection_status == "open", within_s=LIMIT_S)
    assert len(calls) == 2
    hook.close()


async def test_a_token_function_that_raises_is_an_error_that_is_shown_and_tried_again(
    client: inngest_nb.Inngest,
) -> None:
    outcomes: list[Any] = [LookupError("not logged in"), LookupError("not logged in")]

    async def fetch() -> Any:
        if outcomes:
            raise outcomes.pop()
        return await client.realtime.token(channel=news, topics=["n"])

    hook = inngest_nb.use_realtime(news, ["n"], token=fetch, **QUICKLY)
    shown: list[str] = []
    hook.observe(lambda change: shown.append(str(change["new"])), "error")
    await asyncio.to_thread(until, lambda: hook.connection_status == "open", within_s=LIMIT_S)
    assert "no token for 'news': LookupError: not logged in" in shown
    hook.close()


async def test_a_datastream_over_a_socket_is_one_iterator(client: inngest_nb.Inngest, fresh: Any) -> None:
    async def numbers() -> Any:
        for number in range(5):
            yield number

    subscription = await realtime.subscribe(channel=news, topics=["n"], token=fresh)
    await client.realtime.publish(news.n, numbers())
    messages = aiter(subscription)
    start = await asyncio.wait_for(anext(messages), LIMIT_S)
    assert start.kind == "datastream-start"
    assert start.stream is not None
    assert [piece async for piece in start.stream] == list(range(5))
    rest = [await asyncio.wait_for(anext(messages), LIMIT_S) for _ in range(6)]
    assert [message.kind for message in rest] == ["data"] * 5 + ["datastream-end"]
    assert {message.stream_id for message in rest[:5]} == {start.data}
    subscription.close()
