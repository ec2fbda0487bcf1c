"""Runs, their steps and the messages of channels over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from inngest_nb_server.host import EngineHost

from inngest_nb.stephash import step_hash
from tests.engine.peer import ScriptedPeer, function, until
from tests.server.clients import Client

GO = {"name": "app/go", "data": {"n": 1}}


@pytest.fixture
def peer(host: EngineHost) -> ScriptedPeer:
    """A worker in the server's process."""
    return ScriptedPeer(host.engine, function(), function("app-other", "app/other"))


def say(peer: ScriptedPeer, channel: str, *data: str) -> None:
    """Publish JSON texts on a channel."""
    for text in data:
        peer.say({"op": "publish", "channel": channel, "topic": "t", "data": text})


async def test_runs_are_listed_newest_first_and_filtered(client: Client, peer: ScriptedPeer) -> None:
    go, other = await client.send(GO, {"name": "app/other"})
    await peer.finish(await peer.started(), {"ok": True})
    await peer.started("app-other")
    newest, oldest = (await client.get("runs"))["runs"]
    assert (newest["fn_id"], oldest["fn_id"]) == ("app-other", "app-fn")
    assert oldest["status"] == "completed"
    assert oldest["result"] == {"ok": True}
    assert oldest["app_id"] == "app"
    assert (await client.get(f"runs?event_id={go}"))["runs"] == [oldest]
    assert (await client.get(f"runs?event_id={other}"))["runs"] == [newest]
    assert (await client.get("runs?function=app-other"))["runs"] == [newest]
    assert (await client.get("runs?status=completed"))["runs"] == [oldest]
    assert (await client.get("runs?status=completed&function=app-other"))["runs"] == []
    assert (await client.get("runs?limit=1"))["runs"] == [newest]


@pytest.mark.parametrize("limit", ["-1", "x", "1.5", "ż", "1%0d%0aX-Injected:1"])
async def test_a_limit_is_a_number(client: Client, limit: str) -> None:
    answer = await client.request("GET", f"runs?limit={quote(limit, safe='%')}")
    assert answer.status == 400
    assert "whole number" in answer.body["error"]
    assert "X-Injected" not in answer.headers


async def test_a_run_is_shown_with_its_steps(client: Client, peer: ScriptedPeer) -> None:
    await client.send(GO)
    run = await peer.started()
    await peer.hear("step.saved", hash=peer.step_done(run, "fetch", output='{"rows":3}', opts='{"input":[1]}'))
    await peer.hear("step.again", hash=peer.step_failed(run, "draw", index=1))
    peer.step_wait(run, "ask", index=2, event="app/answer", if_exp="async.data.id == 'a'")
    answer = await until_steps(client, run["run_id"], 3)
    assert answer["run"]["event"]["name"] == "app/go"
    fetch, draw, ask = answer["steps"]
    assert (fetch["step_id"], fetch["status"], fetch["attempt"], fetch["max_attempts"]) == ("fetch", "completed", 0, 5)
    assert (draw["status"], draw["error"]["message"]) == ("retrying", "boom")
    assert draw["retry_at"] >= draw["ended_at"]
    assert (ask["status"], ask["wait"]["event"], ask["wait"]["if"]) == ("waiting", "app/answer", "async.data.id == 'a'")
    (attempt,) = (await client.get(f"runs/{run['run_id']}/steps/{step_hash('fetch', 0)}"))["attempts"]
    assert (attempt["output"], attempt["input"]) == ({"rows": 3}, {"input": [1]})


async def until_steps(client: Client, run_id: str, count: int) -> dict[str, Any]:
    """The view of a run once it has this many steps."""
    while True:
        view: dict[str, Any] = await client.get(f"runs/{run_id}")
        if len(view["steps"]) == count:
            return view


async def test_what_is_not_known_is_not_found(client: Client) -> None:
    for method, path in (("GET", "runs/nope"), ("GET", "runs/nope/steps/x"), ("POST", "runs/nope/cancel")):
        answer = await client.request(method, path, b"" if method == "POST" else None)
        assert answer.status == 404
        assert "'nope'" in answer.body["error"]


async def test_the_messages_of_a_step_are_those_of_all_its_channels(client: Client, peer: ScriptedPeer) -> None:
    await client.send(GO)
    run = await peer.started()
    about = {"run_id": run["run_id"], "fn_id": "app-fn", "attempt": 0}
    for channel, step_id in (("a", "draw"), ("b", "draw"), ("a", "other")):
        peer.say({"op": "publish", "channel": channel, "topic": "t", "data": "1", "step_id": step_id, **about})
    await peer.hear("step.saved", hash=peer.step_done(run, "draw", output="1"))
    path = f"runs/{run['run_id']}/steps/{step_hash('draw', 0)}/messages"
    found = (await client.get(path))["messages"]
    assert [(message["channel"], message["kind"]) for message in found[:2]] == [("a", "data"), ("b", "data")]
    assert sorted((message["channel"], message["kind"]) for message in found[2:]) == [("a", "commit"), ("b", "commit")]
    assert len((await client.get(f"{path}?limit=1"))["messages"]) == 1


async def test_a_step_that_a_run_does_not_have_has_no_attempts(client: Client, peer: ScriptedPeer) -> None:
    await client.send(GO)
    run = await peer.started()
    assert await client.get(f"runs/{run['run_id']}/steps/{'0' * 40}") == {"attempts": []}


async def test_cancelling_stops_the_run_and_says_who_did_it(client: Client, peer: ScriptedPeer) -> None:
    await client.send(GO)
    run = await peer.started()
    answer = await client.post(f"runs/{run['run_id']}/cancel")
    assert answer.body["run"]["status"] == "cancelled"
    assert answer.body["run"]["reason"].startswith("cancelled by ")
    await peer.hear("run.stop", run_id=run["run_id"])
    again = await client.post(f"runs/{run['run_id']}/cancel")
    assert again.body == answer.body


async def test_a_run_that_completed_stays_completed(client: Client, peer: ScriptedPeer) -> None:
    await client.send(GO)
    run = await peer.started()
    await peer.finish(run, 1)
    assert (await client.post(f"runs/{run['run_id']}/cancel")).body["run"]["status"] == "completed"


async def test_a_backoff_is_not_waited_for_when_somebody_says_so(client: Client, peer: ScriptedPeer) -> None:
    await client.send(GO)
    run = await peer.started()
    path = f"runs/{run['run_id']}"
    step = peer.step_failed(run, "fetch", retry_after_ms=3_600_000.0)
    await until(lambda: peer.engine.core.journal.steps(run["run_id"]), "the attempt is kept")
    assert (await client.post(f"{path}/retry", {"step": "other"})).body == {"retried": 0}
    assert (await client.post(f"{path}/retry", {"step": 3})).status == 400
    assert (await client.post(f"{path}/retry")).body == {"retried": 1}
    await peer.hear("step.again", hash=step, attempt=1)


async def test_a_rerun_does_what_its_plan_says(client: Client, peer: ScriptedPeer) -> None:
    await client.send(GO)
    run = await peer.started()
    await peer.hear("step.saved", hash=peer.step_done(run, "fetch", output='{"rows":3}'))
    await peer.hear("step.saved", hash=peer.step_done(run, "draw", index=1, output='"chart"'))
    await peer.finish(run, 1)
    path = f"runs/{run['run_id']}"
    choice = {"from_step": "draw", "steps": {"fetch": {"rows": 4}}}
    plan = (await client.post(f"{path}/plan", choice)).body["steps"]
    assert [(step["step_id"], step["action"]) for step in plan] == [
        ("fetch", "reused, output edited"),
        ("draw", "runs again"),
    ]
    forked = (await client.post(f"{path}/rerun", choice)).body["run"]
    assert forked["forked_from"] == run["run_id"]
    again = await peer.started()
    assert again["run_id"] == forked["run_id"]
    assert again["memos"] == {step_hash("fetch", 0): '{"rows":4}'}


@pytest.mark.parametrize("choice", [[], {"from_step": 1}, {"steps": [1]}, {"from_step": "nope"}])
async def test_a_rerun_that_cannot_be_made_is_refused(client: Client, peer: ScriptedPeer, choice: Any) -> None:
    await client.send(GO)
    run = await peer.started()
    for what in ("plan", "rerun"):
        answer = await client.post(f"runs/{run['run_id']}/{what}", choice)
        assert (answer.status, answer.body["code"]) == (400, "fork_invalid")


@pytest.mark.parametrize("channel", ["chat", "agent:t/1 ü", "100%", "a%20b", "?x=1&y", "..", "ch#1"])
async def test_the_log_of_a_channel_is_read_in_pieces(client: Client, peer: ScriptedPeer, channel: str) -> None:
    say(peer, channel, *(str(n) for n in range(10)))
    await peer.settled()
    path = f"channels/{quote(channel, safe='')}/messages"
    first = await client.get(f"{path}?limit=4")
    assert [message["data"] for message in first["messages"]] == [0, 1, 2, 3]
    assert {message["channel"] for message in first["messages"]} == {channel}
    rest = await client.get(f"{path}?since={first['next']}")
    assert [message["offset"] for message in rest["messages"]] == [4, 5, 6, 7, 8, 9]
    assert (await client.get(f"{path}?since={rest['next']}"))["messages"] == []
    assert (await client.get(f"{path}?since=1000"))["messages"] == []


async def test_a_limit_holds_for_old_messages_too(client: Client, peer: ScriptedPeer, host: EngineHost) -> None:
    say(peer, "chat", *(str(n) for n in range(2500)))  # more than memory keeps
    await peer.settled()
    await until(lambda: host.engine.core.hub.log("chat").tail_first > 100, "the trimmed tail")
    answer = await client.get("channels/chat/messages?limit=7")
    assert [message["data"] for message in answer["messages"]] == list(range(7))
    assert answer["next"] == 7
    everything = await client.get("channels/chat/messages?limit=10000")
    assert [message["offset"] for message in everything["messages"]] == list(range(2500))


async def test_looking_at_an_unknown_channel_is_no_message(client: Client) -> None:
    assert await client.get("channels/nothing/messages") == {"messages": [], "next": 0}
