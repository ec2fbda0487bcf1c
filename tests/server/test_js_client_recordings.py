"""What Inngest's own client for JavaScript was recorded to ask of a server for realtime, asked of ours."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from inngest_nb_server.host import EngineHost

from tests.server.clients import Client
from tests.server.recordings import cases
from tests.server.test_realtime_recordings import Replay

CASES = cases("js_client.json")
#: What differs on purpose, and why.
DIFFERENT = {"react-hook-burst": "that server sent twenty messages in another order than they were published in"}
#: Of the others no request for realtime was recorded: registration and executor calls have their tests in tests/sdk/official,
#: what the client itself refuses is its own, and `send-bad` is in events_api.json too.
WITHOUT = {
    "register", "register-no-checkpointing", "register-again", "token-server-down", "subscribe-no-key-no-app",
    "subscribe-no-websocket", "send-bad", "react-hook-no-token", "fn-step-publish-invalid", "fn-two-steps",
    "fn-step-publish-invalid-no-checkpointing", "fn-two-steps-no-checkpointing", "fn-sleep-no-checkpointing",
    "fn-flaky-no-checkpointing",
}  # fmt: skip


def _realtime(case: str) -> list[dict[str, Any]]:
    """What the client asked; that it had no key was no obstacle there, as that server was open."""
    asked = [
        e for e in CASES[case]["exchanges"] if e["via"] == "sdk->server" and "/v1/realtime/" in e["request"]["path"]
    ]
    for exchange in asked:
        headers = exchange["request"]["headers"]
        exchange["request"]["headers"] = {n: v for n, v in headers.items() if (n, v) != ("authorization", "Bearer")}
    return asked


REPLAYED = [case for case in CASES if case not in {*WITHOUT, *DIFFERENT}]


def _replay(client: Client, host: EngineHost, case: str) -> Replay:
    replay = Replay(client, host, case, CASES)
    replay.exchanges = _realtime(case)
    return replay


@pytest_asyncio.fixture
async def replay(client: Client, host: EngineHost, request: pytest.FixtureRequest) -> AsyncIterator[Replay]:
    with contextlib.closing(_replay(client, host, request.param)) as replay:
        yield replay


def _of(replay: Replay, path: str) -> list[dict[str, Any]]:
    return [exchange for exchange in replay.exchanges if path in exchange["request"]["path"]]


@pytest.mark.parametrize("replay", REPLAYED, indirect=True)
async def test_as_recorded(replay: Replay) -> None:
    for exchange in _of(replay, "/token"):
        replay.check(exchange["response"], await replay.ask(exchange["request"]))
    publishes = _of(replay, "/publish")
    for exchange in _of(replay, "/connect"):
        earlier = [publish for publish in publishes if publish["t"] < exchange["t"]]  # while nobody followed
        publishes = [publish for publish in publishes if publish not in earlier]
        await replay._publish_until(earlier, [])
        socket = await replay.connect(exchange)
        if socket is not None:
            await replay.frames(socket, exchange, publishes)
    await replay._publish_until(publishes, [])
    assert not publishes


async def test_a_burst_comes_in_the_order_of_its_publishes(client: Client, host: EngineHost) -> None:
    replay = _replay(client, host, "react-hook-burst")
    (connect,) = _of(replay, "/connect")
    texts = [frame for frame in connect["frames"] if frame["op"] == "text"]
    others = [frame for frame in connect["frames"] if frame["op"] != "text"]
    published = [exchange["request"]["json"] for exchange in _of(replay, "/publish")]
    assert [frame["json"]["data"] for frame in texts] != published
    for frame, data in zip(texts, published, strict=True):
        frame["json"]["data"] = data
    socket = await replay.connect(connect)
    assert socket is not None
    await replay.frames(socket, {**connect, "frames": [*others[:2], *texts, *others[2:]]}, _of(replay, "/publish"))


def test_every_case_is_replayed_or_has_a_reason() -> None:
    assert {*WITHOUT, *DIFFERENT} <= set(CASES)
    assert all(_realtime(case) for case in REPLAYED)
    assert not any(_realtime(case) for case in WITHOUT)
