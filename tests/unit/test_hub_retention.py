"""Retention: the oldest messages go, readers are told, space comes back, and an offset never names two messages."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from inngest_nb.clock import Clock
from inngest_nb.hub import Hub, Publish, Subscription, trimmer
from inngest_nb.retention import Retention
from tests.engine.peer import until

OpenHub = Callable[..., Hub]


class MovedClock(Clock):
    """Real time, moved."""

    ahead_us = 0

    def now(self) -> int:
        return super().now() + self.ahead_us


@pytest_asyncio.fixture
async def open_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Hubs on one file, which look for what to trim whenever something is written."""
    monkeypatch.setattr(trimmer, "LOOK_EVERY_S", 0.0)
    hubs: list[Hub] = []

    def make(**retention: Any) -> Hub:
        limits: dict[str, Any] = {"messages": None, "bytes": None} | retention
        loop = asyncio.get_running_loop()
        hubs.append(Hub(tmp_path / "messages.db", clock=MovedClock(), loop=loop, retention=Retention(**limits)))
        return hubs[-1]

    yield make
    for hub in hubs:
        if hub._writer._thread.is_alive():
            await hub.close()


async def publish(hub: Hub, count: int, channel: str = "c", data: str = "1") -> None:
    for n in range(count):
        hub.publish(Publish(channel, "t", data))
        if n % 500 == 499:
            await hub.written()
    await hub.written()


def rows(hub: Hub, sql: str = "SELECT count(*) FROM messages", *about: Any) -> int:
    return int(hub._reader.execute(sql, about).fetchone()[0])


async def follow(subscription: Subscription, upto: int, pace: Callable[[], Awaitable[None]]) -> list[tuple[int, int]]:
    """The stretches that were read; a gap must begin where the one before it ends, and say how long it is."""
    stretches: list[tuple[int, int]] = []
    at = subscription.cursor
    async with asyncio.timeout(30):
        while at < upto:
            batch = await subscription.next_batch()
            if batch.lost:
                assert (batch.gap_from, batch.lost) == (at, batch.next - at)
            else:
                offsets = [orjson.loads(message)["offset"] for message in batch.messages]
                assert offsets == list(range(at, batch.next))
                stretches.append((at, batch.next))
            at = batch.next
            await pace()
    return stretches


async def test_the_newest_messages_of_a_channel_are_kept(open_hub: OpenHub) -> None:
    hub = open_hub(messages=1000)
    await publish(hub, 5000)
    await publish(hub, 30, channel="quiet")
    log = hub.log("c")
    await until(lambda: log.first >= 3900 and rows(hub) <= 1130, "the log to be trimmed")
    assert log.first <= 4000
    assert rows(hub, "SELECT count(*) FROM messages m JOIN channels c ON c.id = channel_id WHERE name = 'quiet'") == 30
    late = hub.subscribe("c", since=17)
    batch = await late.next_batch()
    assert (batch.gap_from, batch.lost, batch.next, batch.messages) == (17, log.first - 17, log.first, [])
    assert sum(end - begin for begin, end in await follow(late, 5000, lambda: asyncio.sleep(0))) == 5000 - log.first


async def test_a_limit_that_was_lowered_holds_for_logs_of_before(open_hub: OpenHub) -> None:
    hub = open_hub()
    await publish(hub, 3000)
    await hub.close()
    hub = open_hub(messages=500)
    await publish(hub, 1, channel="other")
    await until(lambda: rows(hub) <= 552, "the log to be trimmed")
    assert hub.publish(Publish("c", "t", "1")) == 3000
    assert hub.log("c").first == 2500


async def test_the_oldest_go_first_when_the_file_is_full_and_space_comes_back(
    open_hub: OpenHub, tmp_path: Path
) -> None:
    hub = open_hub(bytes=1_000_000)
    for n in range(8):
        await publish(hub, 500, channel=f"c{n}", data='"' + "x" * 500 + '"')
    file = tmp_path / "messages.db"
    await until(
        lambda: rows(hub, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()") <= 1e6, "room"
    )
    assert rows(hub) > 500, "not more than was needed"
    first_kept = int(hub._reader.execute("SELECT min(name) FROM channels").fetchone()[0][1:])
    assert first_kept >= 4
    assert hub.log("c7").first == 0
    await hub.close()
    assert file.stat().st_size <= 1_000_000


async def test_what_is_too_old_goes_also_while_nothing_is_published(open_hub: OpenHub) -> None:
    hub = open_hub(age="1s")
    clock: Any = hub._clock
    await publish(hub, 700)
    await publish(hub, 10, channel="followed")
    follower = hub.subscribe("followed", since=3)
    epoch = hub.log("c").epoch
    clock.ahead_us = 2_000_000
    await until(lambda: rows(hub) == 0, "the age to be noticed")
    assert rows(hub, "SELECT count(*) FROM channels") == 1, (
        "a log of which nothing is left is gone, but for readers of it"
    )
    assert hub.publish(Publish("followed", "t", "1")) == 10
    assert (await follower.next_batch()).lost == 7
    assert hub.publish(Publish("c", "t", "1")) == 0
    again = await hub.subscribe("c", since=700, epoch=epoch).next_batch()
    assert (again.reset, again.gap_from, again.next) == (True, 700, 0)


async def test_a_recreated_log_has_another_epoch(open_hub: OpenHub, tmp_path: Path) -> None:
    hub = open_hub()
    await publish(hub, 3)
    epoch = hub.log("c").epoch
    await hub.close()
    (tmp_path / "messages.db").unlink()
    hub = open_hub()
    assert hub.log("c").epoch != epoch


async def test_nothing_goes_of_a_log_that_is_held(open_hub: OpenHub) -> None:
    hub = open_hub(messages=10)
    with hub.holding("c"):
        await publish(hub, 200)
        await publish(hub, 200, channel="other")
        await until(lambda: hub.log("other").first == 190, "another log to be trimmed")
        assert hub.log("c").first == 0
    await until(lambda: hub.log("c").first == 190, "this one to be trimmed")


@pytest.mark.parametrize("seed", range(6))
async def test_readers_of_every_pace_see_each_message_or_are_told(open_hub: OpenHub, seed: int) -> None:
    rng = random.Random(seed)
    hub = open_hub(messages=rng.choice((200, 3000)))
    readers = [
        asyncio.create_task(follow(hub.subscribe("c", since="start"), 12_000, partial(asyncio.sleep, pause)))
        for pause in (0, 0.0005, 0.003, 0.02)
    ]
    await publish(hub, 12_000)
    for reader in readers:
        assert (await reader)[-1][1] == 12_000
    await until(lambda: hub.log("c").first > 8000, "trimming")


async def test_a_disk_that_fails_meanwhile_is_tried_again(open_hub: OpenHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = open_hub(bytes=100_000)
    failed: list[int] = []
    real = hub._open_reader

    def fail_once(path: Any) -> sqlite3.Connection:
        if not failed:
            failed.append(1)
            raise sqlite3.OperationalError("unable to open database file")
        return real(path)

    monkeypatch.setattr(hub, "_open_reader", fail_once)
    await publish(hub, 3000)
    await publish(hub, 1, channel="other")
    await until(lambda: rows(hub) < 2500, "trimming")


@pytest.mark.parametrize("wrong", [{"messages": 0}, {"bytes": "1 GB"}, {"age": "soon"}, {"age": 0}, {"messages": True}])
def test_wrong_limits_are_refused_with_their_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"retention: {next(iter(wrong))}"):
        Retention(**wrong)
