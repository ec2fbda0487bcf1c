"""Messages about the steps of a run that nobody follows are written several in a row, and nobody can tell."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from inngest_nb.history.filters import Filters
from inngest_nb.history.messages import read_messages
from inngest_nb.hub import Hub, Publish, Subscription, Time
from inngest_nb.hub.browse import Search
from tests.engine.peer import until
from tests.unit.test_hub import open_hub

RUN = "01J0000000000000000000000A"
LIMIT_S = 10.0


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    hub = open_hub(tmp_path)
    yield hub
    await hub.close()


def tell(hub: Hub, *numbers: int) -> None:
    for number in numbers:
        hub.hold(RUN, "app-fn", {"hash": f"h{number}", "step_id": f"s{number}", "attempt": 0, "status": "completed"})


def end(hub: Hub) -> None:
    hub.publish(Publish(RUN, "$run", '{"status":"completed"}', "run", RUN, "app-fn"))


async def messages(subscription: Subscription, count: int) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    async with asyncio.timeout(LIMIT_S):
        while len(heard) < count:
            heard += [orjson.loads(message) for message in (await subscription.next_batch()).messages]
    return heard


def rows(tmp_path: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(tmp_path / "messages.db") as connection:
        return connection.execute('SELECT "offset", kind, step_id FROM messages ORDER BY "offset"').fetchall()


async def test_ten_steps_are_one_row_and_ten_messages(hub: Hub, tmp_path: Path) -> None:
    tell(hub, *range(10))
    end(hub)
    await hub.written()
    assert rows(tmp_path) == [(9, "step", None), (10, "run", None)]
    heard = await messages(hub.subscribe(RUN, since="start"), 11)
    assert [message["offset"] for message in heard] == list(range(11))
    assert [message["step_id"] for message in heard[:10]] == [f"s{n}" for n in range(10)]
    assert [message["data"]["hash"] for message in heard[:10]] == [f"h{n}" for n in range(10)]
    assert heard[3].keys() >= {"channel", "topic", "kind", "run_id", "fn_id", "attempt", "created_at"}


async def test_a_log_is_entered_in_the_middle_of_a_row(hub: Hub) -> None:
    tell(hub, *range(10))
    end(hub)
    await hub.written()
    heard = await messages(hub.subscribe(RUN, since=7), 4)
    assert [message["offset"] for message in heard] == [7, 8, 9, 10]


async def test_a_time_in_the_middle_of_a_row(hub: Hub) -> None:
    tell(hub, 0, 1)
    await asyncio.sleep(0.002)  # the time itself is what is tested
    between = hub._clock.now()
    tell(hub, 2, 3)
    end(hub)
    await hub.written()
    heard = await messages(hub.subscribe(RUN, since=Time(between)), 3)
    assert [message["offset"] for message in heard] == [2, 3, 4]


async def test_who_comes_to_read_is_not_kept_waiting(hub: Hub) -> None:
    tell(hub, 0, 1)
    subscription = hub.subscribe(RUN, since="start")
    tell(hub, 2)
    heard = await messages(subscription, 3)
    assert [(message["offset"], message["step_id"]) for message in heard] == [(0, "s0"), (1, "s1"), (2, "s2")]


async def test_what_is_held_is_written_without_being_asked_for(hub: Hub, tmp_path: Path) -> None:
    tell(hub, 0, 1)
    await until(lambda: bool(rows(tmp_path)), "the row")
    assert rows(tmp_path) == [(1, "step", None)]


async def test_many_are_several_rows(hub: Hub, tmp_path: Path) -> None:
    tell(hub, *range(150))
    end(hub)
    await hub.written()
    assert [offset for offset, *_ in rows(tmp_path)] == [63, 127, 149, 150]
    heard = await messages(hub.subscribe(RUN, since="start"), 151)
    assert [message["offset"] for message in heard] == list(range(151))


async def test_a_message_in_between_keeps_its_place(hub: Hub) -> None:
    tell(hub, 0)
    hub.publish(Publish(RUN, "$step", '{"step_id":"x"}', "step", RUN, "app-fn", "x", 1))
    tell(hub, 1)
    end(hub)
    await hub.written()
    heard = await messages(hub.subscribe(RUN, since="start"), 4)
    assert [message.get("step_id") for message in heard] == ["s0", "x", "s1", None]


async def test_closing_writes_what_is_held(tmp_path: Path) -> None:
    hub = open_hub(tmp_path)
    tell(hub, 0, 1, 2)
    await hub.close()
    again = open_hub(tmp_path)
    assert again.log(RUN).next == 3
    assert again.steps_told(RUN) == {(f"h{n}", 0, "completed") for n in range(3)}
    await again.close()


async def test_browsing_finds_each(hub: Hub) -> None:
    tell(hub, *range(10))
    end(hub)
    await hub.written()
    log = hub.log(RUN)
    assert sorted(await hub.browse.topics(log.id, log.epoch, log.first, log.visible)) == [
        ("$run", "run", 1),
        ("$step", "step", 10),
    ]
    found, reached = await hub.browse.search(log.id, RUN, log.first, log.visible, Search(limit=4))
    assert [orjson.loads(message)["offset"] for message in found] == [7, 8, 9, 10]
    assert reached == 7
    found, _ = await hub.browse.search(log.id, RUN, log.first, log.visible, Search(path="step_id", value="s3"))
    (message,) = map(orjson.loads, found)
    assert (message["offset"], message["step_id"], message["attempt"]) == (3, "s3", 0)
    assert message["data"]["hash"] == "h3"


@pytest.mark.parametrize("parse", [True, False])
async def test_the_history_has_each(hub: Hub, tmp_path: Path, parse: bool) -> None:
    hub.publish(Publish("chat", "t", '"hello"'))
    tell(hub, *range(5))
    await asyncio.sleep(0.002)  # the time itself is what is tested
    between = hub._clock.now()
    tell(hub, *range(5, 10))
    end(hub)
    await hub.written()

    def found(filters: Filters, limit: int | None = None) -> list[tuple[Any, ...]]:
        columns = read_messages(tmp_path / "messages.db", filters, limit, parse=parse)
        heads = [columns.heads[number] for number in columns.head]
        return [(int(offset), head[0], head[5]) for offset, head in zip(columns.offset, heads, strict=True)]

    steps = [(n, RUN, f"s{n}") for n in range(10)]
    assert found({}) == [(0, "chat", None), *steps, (10, RUN, None)]
    assert found({"kind": '["step"]'}) == steps
    assert found({"kind": '["step"]', "since": between}) == steps[5:]
    assert found({"kind": '["step"]', "until": between}) == steps[:5]
    assert found({}, limit=4) == [*steps[7:], (10, RUN, None)]
    columns = read_messages(tmp_path / "messages.db", {"kind": '["step"]'}, None, parse=parse)
    third = columns.data[3] if parse else orjson.loads(columns.data[3])
    assert third == {"hash": "h3", "step_id": "s3", "attempt": 0, "status": "completed"}
