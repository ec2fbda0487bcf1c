"""The hub: one order for all, readers that do not wait for each other, and a seam nobody sees."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
import pytest_asyncio

from inngest_nb.clock import Clock
from inngest_nb.errors import JournalUnavailable, PayloadError
from inngest_nb.hub import MAX_DATA_BYTES, Hub, Publish, Subscription, Time
from inngest_nb.hub import log as log_module

LIMIT_S = 10.0


def open_hub(folder: Path) -> Hub:
    """A hub on a directory."""
    return Hub(folder / "messages.db", clock=Clock(), loop=asyncio.get_running_loop())


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    """A hub of its own."""
    hub = open_hub(tmp_path)
    yield hub
    await hub.close()


def say(hub: Hub, *data: int | str, channel: str = "chat", topic: str = "t", kind: str = "data") -> list[int]:
    """Publish values; their offsets."""
    return [hub.publish(Publish(channel, topic, orjson.dumps(value).decode(), kind)) for value in data]


async def read(subscription: Subscription, count: int) -> list[object]:
    """The data of the next `count` messages."""
    data: list[object] = []
    async with asyncio.timeout(LIMIT_S):
        while len(data) < count:
            batch = await subscription.next_batch()
            assert batch.lost == 0
            data += [orjson.loads(message)["data"] for message in batch.messages]
    assert len(data) == count
    return data


async def test_offsets_count_from_0_in_each_channel(hub: Hub) -> None:
    assert say(hub, "a", "b") == [0, 1]
    assert say(hub, "a", channel="other") == [0]
    assert say(hub, "c") == [2]


async def test_every_reader_sees_the_same_order(hub: Hub) -> None:
    early = [hub.subscribe("chat", since="start") for _ in range(3)]
    reading = [asyncio.create_task(read(subscription, 300)) for subscription in early]
    for number in range(300):
        say(hub, number)
        if number % 7 == 0:
            await asyncio.sleep(0)
    late = hub.subscribe("chat", since="start")
    assert await asyncio.gather(*reading, read(late, 300)) == [list(range(300))] * 4


async def test_now_is_after_what_was_seen_and_misses_nothing_that_comes(hub: Hub) -> None:
    say(hub, 0, 1)
    await hub.written()
    live = hub.subscribe("chat")
    say(hub, 2, 3)
    assert await read(live, 2) == [2, 3]


async def test_a_message_is_shown_when_it_is_on_disk_and_not_before(hub: Hub) -> None:
    subscription = hub.subscribe("chat", since="start")
    reading = asyncio.create_task(subscription.next_batch())
    say(hub, 0)
    assert subscription.visible == 0
    await asyncio.wait_for(reading, LIMIT_S)
    assert [entry.offset for entry in await hub.read(hub.log("chat"), 0, 10)] == [0]


async def test_a_reader_that_stands_still_delays_nobody(hub: Hub) -> None:
    still = hub.subscribe("chat", since="start")
    moving = hub.subscribe("chat", since="start")
    for first in range(0, 5000, 500):
        say(hub, *range(first, first + 500))
        assert await read(moving, 500) == list(range(first, first + 500))
    assert still.cursor == 0
    assert await read(still, 5000) == list(range(5000))


async def test_memory_keeps_the_tail_only(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.subscribe("chat")
    say(hub, *range(log_module.TAIL_MESSAGES + 100))
    await hub.written()
    log = hub.log("chat")
    assert (log.tail_first, len(log.tail)) == (100, log_module.TAIL_MESSAGES)
    monkeypatch.setattr(log_module, "TAIL_BYTES", 100_000)
    say(hub, *("x" * 10_000 for _ in range(30)))
    await hub.written()
    assert len(log.tail) < 15
    assert log.tail_first == log.next - len(log.tail)


async def test_memory_keeps_nothing_that_nobody_follows(hub: Hub) -> None:
    say(hub, 0, 1)
    subscription = hub.subscribe("chat", since="start")
    say(hub, 2, 3)
    log = hub.log("chat")
    assert [entry.offset for entry in log.tail] == [2, 3]
    assert await read(subscription, 4) == [0, 1, 2, 3]
    subscription.close()
    say(hub, 4)
    await hub.written()
    assert (len(log.tail), log.tail_bytes, log.tail_first) == (0, 0, 5)
    assert await read(hub.subscribe("chat", since="start"), 5) == [0, 1, 2, 3, 4]


async def test_disk_and_memory_meet_without_a_seam(hub: Hub) -> None:
    hub.subscribe("chat")
    total = log_module.TAIL_MESSAGES + 777
    say(hub, *range(total))
    await hub.written()
    subscription = hub.subscribe("chat", since="start")
    sizes: list[int] = []
    seen: list[object] = []
    while len(seen) < total:
        batch = await subscription.next_batch(64)
        assert batch.next == subscription.cursor
        sizes.append(len(batch.messages))
        seen += [orjson.loads(message)["data"] for message in batch.messages]
    assert seen == list(range(total))
    assert max(sizes) == 64
    from_disk = hub.subscribe("chat", since=0)
    from_tail = hub.subscribe("chat", since=total - 1)
    one = (await from_disk.next_batch(1)).messages[0]
    last = (await from_tail.next_batch(1)).messages[0]
    assert orjson.loads(one).keys() == orjson.loads(last).keys()


async def test_a_log_goes_on_after_a_restart(tmp_path: Path) -> None:
    hub = open_hub(tmp_path)
    say(hub, 0, 1)
    say(hub, 0, channel="other")
    epoch = hub.log("chat").epoch
    await hub.close()
    hub = open_hub(tmp_path)
    assert say(hub, 2) == [2]
    assert say(hub, 0, channel="third") == [0]
    assert hub.log("chat").epoch == epoch
    assert await read(hub.subscribe("chat", since="start"), 3) == [0, 1, 2]
    assert await read(hub.subscribe("other", since="start"), 1) == [0]
    await hub.close()


async def test_after_a_power_cut_offsets_of_before_are_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inngest_nb.hub.hub.boot_id", lambda: "first boot")
    hub = open_hub(tmp_path)
    say(hub, 0, 1, 2)
    await hub.written()
    epoch = hub.log("chat").epoch
    await hub._writer.close()  # the hub does not get to say that it was closed cleanly
    hub._reader.close()
    monkeypatch.setattr("inngest_nb.hub.hub.boot_id", lambda: "second boot")
    hub = open_hub(tmp_path)
    assert hub.log("chat").epoch == epoch + 1
    batch = await hub.subscribe("chat", since=2, epoch=epoch).next_batch()
    assert (batch.reset, batch.gap_from, batch.next) == (True, 2, 0)
    await hub.close()


async def test_what_was_trimmed_is_told_as_a_gap(hub: Hub) -> None:
    say(hub, *range(10))
    await hub.written()
    hub.log("chat").first = 4
    subscription = hub.subscribe("chat", since=1)
    batch = await subscription.next_batch()
    assert (batch.messages, batch.lost, batch.gap_from, batch.next) == ([], 3, 1, 4)
    assert await read(subscription, 6) == list(range(4, 10))
    assert await read(hub.subscribe("chat", since="start"), 6) == list(range(4, 10))


async def test_since_a_time_begins_with_the_first_message_at_or_after_it(hub: Hub) -> None:
    for at in (1_000, 2_000, 3_000):
        hub.publish(Publish("chat", "t", str(at), created_at=at))
    await hub.written()
    assert await read(hub.subscribe("chat", since=Time(2_000)), 2) == [2000, 3000]
    assert await read(hub.subscribe("chat", since=Time(0)), 3) == [1000, 2000, 3000]
    assert hub.subscribe("chat", since=Time(9_000)).cursor == 3


async def test_topics_are_chosen_and_the_cursor_moves_over_the_others(hub: Hub) -> None:
    for number in range(100):
        say(hub, number, topic="a" if number % 10 == 0 else "b")
    say(hub, "run", topic="$run", kind="run")
    subscription = hub.subscribe("chat", ["a"], since="start")
    assert await read(subscription, 11) == [*range(0, 100, 10), "run"]
    assert subscription.cursor == 101


async def test_data_over_the_limit_is_refused_with_the_size_and_nothing_else_suffers(hub: Hub) -> None:
    with pytest.raises(PayloadError, match=r"524,289 bytes; at most 524,288"):
        hub.publish(Publish("chat", "t", f'"{"x" * (MAX_DATA_BYTES - 1)}"'))
    assert hub.publish(Publish("chat", "t", f'"{"x" * (MAX_DATA_BYTES - 2)}"')) == 0
    with pytest.raises(PayloadError):
        hub.publish(Publish("chat", "t", f'"{"ü" * (MAX_DATA_BYTES // 2)}"'))
    assert say(hub, "next") == [1]


async def test_written_resolves_also_when_there_is_only_a_new_channel(hub: Hub) -> None:
    hub.subscribe("never published to")
    await asyncio.wait_for(hub.written(), LIMIT_S)


async def test_an_epoch_may_be_told_when_a_crash_cannot_take_it_back(hub: Hub, tmp_path: Path) -> None:
    subscription = hub.subscribe("never published to")
    await asyncio.wait_for(subscription.kept(), LIMIT_S)
    with sqlite3.connect(tmp_path / "messages.db") as beside:
        kept = beside.execute("SELECT epoch FROM channels WHERE name = 'never published to'").fetchall()
    beside.close()
    assert kept == [(subscription.log.epoch,)]


async def test_a_log_that_is_on_its_way_to_the_disk_is_not_forgotten(hub: Hub) -> None:
    log = hub.log("new")
    hub._flush()
    for number in range(3000):
        hub.begin(f"run-{number}")
    assert hub.log("new") is log
    hub.publish(Publish("new", "t", "1"))
    await hub.written()
    assert await read(hub.subscribe("new", since="start"), 1) == [1]


async def test_closing_a_subscription_forgets_its_reader(hub: Hub) -> None:
    subscription = hub.subscribe("chat")
    reading = asyncio.create_task(subscription.next_batch())
    await asyncio.sleep(0)
    log = hub.log("chat")
    assert (log.readers, len(log.waiters)) == (1, 1)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    subscription.close()
    assert (log.readers, len(log.waiters)) == (0, 0)


async def test_many_channels_are_not_all_kept_in_memory(hub: Hub) -> None:
    for number in range(3000):
        say(hub, number, channel=f"run-{number}")
        if number % 100 == 99:
            await hub.written()
    assert len(hub._logs) <= 2001
    assert await read(hub.subscribe("run-0", since="start"), 1) == [0]


async def test_a_hub_that_was_closed_opens_nothing_for_who_still_follows(tmp_path: Path) -> None:
    hub = open_hub(tmp_path)
    say(hub, *range(10))
    await hub.written()
    subscription = hub.subscribe("chat", since="start")
    await hub.close()
    with pytest.raises(JournalUnavailable, match="stopped"):
        await subscription.next_batch()
