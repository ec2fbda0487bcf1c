"""Lists of runs with their counts, the feed of their changes, browsing of channels, and the engine as a whole."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

import pytest
from inngest_nb_server.host import EngineHost

from tests.engine.peer import ScriptedPeer, function, until
from tests.server.clients import Client

GO = {"name": "app/go", "data": {"n": 1}}


@pytest.fixture
def peer(host: EngineHost) -> ScriptedPeer:
    """A worker in the server's process."""
    return ScriptedPeer(host.engine, function(), function("app-other", "app/other"))


async def page(client: Client, query: str = "") -> dict[str, Any]:
    """A page of runs."""
    found: dict[str, Any] = await client.get(f"overview/runs?{query}")
    return found


def ids(found: dict[str, Any]) -> list[str]:
    """The runs of a page, in order."""
    return [row["run"]["run_id"] for row in found["rows"]]


async def test_an_empty_list_has_all_its_parts(client: Client) -> None:
    empty = await page(client)
    assert (empty["rows"], empty["total"], empty["upto"]) == ([], 0, None)
    assert {count for name, count in empty["counts"].items() if name != "minutes"} == {0}
    assert empty["counts"]["minutes"] == [[0, 0]] * 60


async def test_groups_counts_and_rows_agree(client: Client, peer: ScriptedPeer) -> None:
    await client.send(GO, GO, {"name": "app/other"}, GO)
    done, failed, busy = [await peer.started() for _ in range(3)]
    asking = await peer.started("app-other")
    await peer.finish(done, 1)
    peer.failed(failed, retriable=False)
    await peer.hear("step.saved", hash=peer.step_done(asking, "fetch", output="1"))
    peer.step_wait(asking, "confirm", index=1, event="app/confirmation")
    peer.report(asking, "run.idle")

    async def asked() -> bool:
        return bool((await page(client))["counts"]["asking"])

    while not await asked() or (await page(client))["counts"]["failed"] == 0:
        await peer.settled()
    found = await page(client)
    assert found["total"] == 4
    assert ids(found) == sorted(ids(found), reverse=True)
    assert ids(await page(client, "order=steps"))[0] == asking["run_id"], "the only one with two steps"
    assert ids(await page(client, "order=steps&up=1"))[-1] == asking["run_id"]
    counts = found["counts"]
    assert (counts["all"], counts["running"], counts["asking"], counts["failed"], counts["recent"]) == (4, 1, 1, 1, 4)
    assert counts["minutes"][-1][0] + counts["minutes"][-2][0] == 4
    for group, run in {"running": busy, "asking": asking, "failed": failed, "completed": done}.items():
        assert ids(await page(client, f"group={group}")) == [run["run_id"]]
    (row,) = (await page(client, "group=asking"))["rows"]
    assert [(step["step_id"], step["status"]) for step in row["steps"]] == [
        ("fetch", "completed"),
        ("confirm", "waiting"),
    ]
    assert row["steps"][1]["wait"]["event"] == "app/confirmation"
    (row,) = (await page(client, "group=failed"))["rows"]
    assert row["run"]["error"]["message"] == "boom"
    assert "stack" not in row["run"]["error"]
    (question,) = (await client.get("overview/questions"))["questions"]
    assert (question["run_id"], question["step_id"]) == (asking["run_id"], "confirm")


async def test_search_order_and_place(client: Client, peer: ScriptedPeer) -> None:
    for n in range(3):
        await client.send({"name": "app/go", "data": {"word": f"needle_{n}"}})
    await client.send({"name": "app/other"})
    await peer.started("app-other")
    all_ = ids(await page(client))
    assert ids(await page(client, "q=OTHER")) == all_[:1]
    assert ids(await page(client, f"q={all_[2][-6:]}")) == [all_[2]]
    assert ids(await page(client, "q=needle_1")) == []
    assert ids(await page(client, "q=needle_1&payload=1")) == [all_[2]]
    assert ids(await page(client, "q=needle%25&payload=1")) == []  # no pattern of SQL
    assert ids(await page(client, "order=trigger&up=1")) == [*all_[1:], all_[0]]
    assert ids(await page(client, "order=run")) == all_
    assert ids(await page(client, "order=run&up=1")) == all_[::-1]
    assert ids(await page(client, "offset=1&limit=2")) == all_[1:3]
    assert ids(await page(client, f"upto={all_[1]}")) == all_[1:]
    assert ids(await page(client, "function=app-other")) == all_[:1]
    assert (await page(client, "function=app-other"))["counts"]["all"] == 1


async def test_a_time_holds_for_rows_and_counts(client: Client, peer: ScriptedPeer) -> None:
    await client.send(GO)
    await peer.finish(await peer.started())
    (first,) = (await page(client))["rows"]
    at = int(first["run"]["queued_at"])
    await until(lambda: time.time() * 1000 > at + 2, "another millisecond")
    await client.send(GO)
    newest, oldest = ids(await page(client))
    for query, wanted in {
        f"from={at + 1}": [newest],
        f"to={at}": [oldest],
        f"from={at}": [newest, oldest],
        "to=1": [],
    }.items():
        found = await page(client, query)
        counts = found["counts"]
        assert ids(found) == wanted
        assert (found["total"], counts["all"], counts["recent"]) == (len(wanted),) * 3
        assert counts["running"] == (newest in wanted)


@pytest.mark.parametrize(
    "query", ["from=x", "group=x", "order=id;drop", "offset=-1", "limit=x", "offset=1e3", "limit=٣"]
)
async def test_a_list_that_is_not_understood_is_refused(client: Client, query: str) -> None:
    answer = await client.request("GET", f"overview/runs?{quote(query, safe='=')}")
    assert answer.status == 400
    assert answer.body["code"] == "listing_invalid"


async def test_the_feed_tells_what_changes_after_a_page(client: Client, peer: ScriptedPeer) -> None:
    socket = await client.open("realtime")
    await socket.say({"op": "subscribe", "id": "a", "channel": "$runs", "topics": None, "since": "now"})
    subscribed = await socket.hear(op="subscribed")
    found = await page(client)
    assert (found["next"], found["epoch"]) == (subscribed["next"], subscribed["epoch"])
    await client.send(GO)
    run = await peer.started()
    await peer.finish(run, {"secret": "of the result"})
    states: list[str] = []
    while not states or states[-1] != "completed":
        frame = await socket.hear(op="messages")
        states += [message["data"]["status"] for message in frame["messages"]]
        assert "of the result" not in str(frame)
    assert (await page(client))["next"] == frame["next"]


async def test_who_missed_changes_is_told(client: Client, peer: ScriptedPeer, host: EngineHost) -> None:
    await client.send(GO)
    await peer.finish(await peer.started())
    epoch = host.engine.core.lifecycle.runs.epoch
    socket = await client.open("realtime")
    await socket.say({"op": "subscribe", "id": "a", "channel": "$runs", "topics": None, "since": 0, "epoch": epoch})
    assert (await socket.hear(op="gap"))["to"] == host.engine.core.lifecycle.runs.next


async def test_nobody_else_speaks_on_the_feed(client: Client, peer: ScriptedPeer) -> None:
    refused = await peer.request("publish", {"channel": "$runs", "topic": "t", "data": "1", "created_at": 1})
    assert "engine's own" in str(refused)


async def test_a_channel_is_browsed_backwards(client: Client, peer: ScriptedPeer, host: EngineHost) -> None:
    for n in range(10):
        peer.say(
            {"op": "publish", "channel": "chat", "topic": "ab"[n % 2], "data": f'{{"n":{n},"deep":{{"is":"N{n}"}}}}'}
        )
    await until(lambda: host.engine.core.hub.log("chat").visible == 10, "the messages")

    async def offsets(query: str) -> list[int]:
        found = await client.get(f"channels/chat/browse?{query}")
        assert (found["first"], found["next"]) == (0, 10)
        return [message["offset"] for message in found["messages"]]

    assert await offsets("limit=3") == [7, 8, 9]
    assert await offsets("limit=3&before=7") == [4, 5, 6]
    assert await offsets("topics=b&limit=2") == [7, 9]
    assert await offsets("topics=a,b&before=2") == [0, 1]
    assert await offsets("text=n5") == [5]
    assert await offsets("path=deep.is&value=N3") == [3]
    assert await offsets("path=n&value=4") == [4]
    assert await offsets("kind=run") == []
    assert (await client.request("GET", "channels/chat/browse?path=%24%5B%22x")).status == 400
    counted = await client.get("channels/chat/topics")
    assert counted["topics"] == [{"topic": "a", "kind": "data", "count": 5}, {"topic": "b", "kind": "data", "count": 5}]
    peer.say({"op": "publish", "channel": "chat", "topic": "a", "data": "1"})
    await until(lambda: host.engine.core.hub.log("chat").visible == 11, "one more")
    again = await client.get("channels/chat/topics")  # only what is new is counted
    assert [topic["count"] for topic in again["topics"]] == [6, 5]


async def test_the_engine_as_a_whole(client: Client, peer: ScriptedPeer, host: EngineHost) -> None:
    await client.send({"name": "app/go", "data": {"prompt": "hi"}})
    run = await peer.started()
    peer.say({"op": "publish", "channel": "chat", "topic": "t", "data": "1", "run_id": run["run_id"]})
    await peer.finish(run)
    health = await client.get("overview/health")
    assert len(health["workers"]) == 1
    assert health["commit_ms"] > 0
    assert health["journal_bytes"] > 0
    functions = (await client.get("overview/functions"))["functions"]
    assert [(f["id"], f["runs"], f["connected"]) for f in functions] == [("app-fn", 1, True), ("app-other", 0, True)]
    events = {event["name"]: event for event in (await client.get("overview/events"))["events"]}
    go, other = events["app/go"], events["app/other"]
    assert (go["count"], go["example"], go["starts"]) == (1, {"prompt": "hi"}, ["app-fn"])
    assert (other["count"], other["starts"]) == (0, ["app-other"])
    channels = (await client.get("overview/channels"))["channels"]
    assert [channel["name"] for channel in channels] == ["chat"]
    assert (await client.request("GET", "overview/nothing")).status == 400
