"""The kernels' socket: a worker played by hand over the real connection."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from inngest_nb_server.host import EngineHost

from inngest_nb.engine import dispatch
from inngest_nb.protocol import SUBPROTOCOL, VERSION
from inngest_nb.stephash import step_hash
from tests.engine.peer import function, until
from tests.server.clients import Client, WorkerSocket, worker

GO = {"name": "app/go", "data": {"n": 1}}


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait hardly at all for a lost connection."""
    monkeypatch.setattr(dispatch, "GRACE_S", 0.05)


def about_step(step_id: str, **more: Any) -> dict[str, Any]:
    """The fields that every report of a step has."""
    at = {"started_at": 1_700_000_000_000_000, "ended_at": 1_700_000_000_000_001}
    return {"hash": step_hash(step_id, 0), "step_id": step_id, "index": 0, "kind": "run", "attempt": 0, **at, **more}


async def test_hello_is_answered_with_who_the_engine_is(client: Client, host: EngineHost) -> None:
    opened = await client.open("worker", subprotocols=[SUBPROTOCOL])
    assert opened.connection.selected_subprotocol == SUBPROTOCOL
    ready = await WorkerSocket(opened.connection).hello(function())
    assert ready["version"] == VERSION
    assert ready["engine_id"] == host.engine.id
    assert ready["data_dir"] == str(host.data_dir)
    assert ready["kept"] == []


async def test_a_run_from_event_to_result(client: Client, host: EngineHost) -> None:
    socket = await worker(client, function())
    await client.send(GO)
    run = await socket.hear(op="run.start")
    assert orjson.loads(run["event"])["data"] == {"n": 1}
    await socket.report(run, "step.done", **about_step("fetch", output='"memo"'))
    await socket.hear(op="step.saved", hash=step_hash("fetch", 0))
    await socket.report(run, "run.done", output='{"ok":true}')
    await socket.hear(op="run.stop", reason="completed")
    assert (await client.get(f"runs/{run['run_id']}"))["run"]["result"] == {"ok": True}


async def test_requests_are_answered_also_when_they_fail(client: Client) -> None:
    socket = await worker(client, function())

    async def ask(number: int, method: str, params: Any) -> dict[str, Any]:
        await socket.say([{"op": "request", "id": number, "method": method, "params": params}])
        return await socket.hear(op="response", id=number)

    started = await ask(1, "start", {"fn_id": "app-fn", "event": GO, "key": "k"})
    run_id = orjson.loads(started["result"])["run_id"]
    assert orjson.loads((await ask(2, "run", {"run_id": run_id}))["result"])["run_id"] == run_id
    again = await ask(3, "start", {"fn_id": "app-fn", "event": GO, "key": "k"})
    assert orjson.loads(again["result"])["run_id"] == run_id
    unknown = await ask(4, "run", {"run_id": "nope"})
    assert (unknown["error"]["type"], "nope" in unknown["error"]["message"]) == ("RunNotFoundError", True)
    refused = await ask(5, "send", {"events": [{"name": ""}]})
    assert refused["error"]["type"] == "EventInvalidError"
    for number, (method, params) in enumerate([("fly", {}), ("run", {}), ("run", 7), ("runs", {"limit": "x"})], 6):
        assert method in (await ask(number, method, params))["error"]["message"]


async def test_the_result_of_a_run_comes_when_it_has_ended(client: Client) -> None:
    socket = await worker(client, function())
    await client.send(GO)
    run = await socket.hear(op="run.start")
    await socket.say([{"op": "request", "id": 1, "method": "result", "params": {"run_id": run["run_id"]}}])
    await socket.report(run, "run.done", output="7")
    assert orjson.loads((await socket.hear(op="response", id=1))["result"])["result"] == 7


async def test_a_worker_that_comes_back_keeps_its_runs(client: Client) -> None:
    socket = await worker(client, function())
    await client.send(GO)
    run = await socket.hear(op="run.start")
    socket.close()
    back = WorkerSocket((await client.open("worker", subprotocols=[SUBPROTOCOL])).connection)
    ready = await back.hello(function(), live={run["run_id"]: run["lease"]})
    assert ready["kept"] == [run["run_id"]]
    await back.report(run, "step.done", **about_step("fetch", output="1"), again=True)
    await back.hear(op="step.saved")
    await back.report(run, "run.done", output="1")
    await back.hear(op="run.stop", reason="completed")


@pytest.mark.usefixtures("short_grace")
async def test_the_run_of_a_worker_that_stays_away_goes_to_another(client: Client) -> None:
    lost, heir = await worker(client, function(), worker_id="heir"), await worker(client, function())
    lost, heir = heir, lost  # the newest gets the run
    await client.send(GO)
    run = await lost.hear(op="run.start")
    lost.close()
    again = await heir.hear(op="run.start")
    assert again["run_id"] == run["run_id"]
    late = await worker(client, function())
    await late.report(run, "step.done", **about_step("fetch", output='"late"'))
    await late.hear(op="run.stop", reason="lost")
    await heir.report(again, "run.done", output='"good"')
    await heir.hear(op="run.stop", reason="completed")
    assert (await client.get(f"runs/{run['run_id']}"))["run"]["result"] == "good"


async def test_a_published_message_reaches_the_log(client: Client) -> None:
    socket = await worker(client, function())
    await client.send(GO)
    run = await socket.hear(op="run.start")
    about = {"run_id": run["run_id"], "fn_id": "app-fn", "created_at": 1_700_000_000_000_000}
    await socket.say([{"op": "publish", "channel": "chat", "topic": "t", "data": '{"token":"a"}', **about}])
    await socket.report(run, "run.done", output="null")
    await socket.hear(op="run.stop")
    log = (await client.get("channels/chat/messages"))["messages"]
    assert [message["kind"] for message in log] == ["data", "run"]
    assert log[0]["data"] == {"token": "a"}
    assert (log[0]["run_id"], log[0]["created_at"]) == (run["run_id"], "2023-11-14T22:13:20.000000Z")


async def test_a_message_that_is_too_large_costs_only_itself(client: Client) -> None:
    socket = await worker(client, function())
    large = {"op": "publish", "channel": "chat", "topic": "t", "data": f'"{"x" * 600_000}"'}
    request = {"op": "request", "id": 1, "method": "runs", "params": {}}
    small = {**large, "data": "1"}
    await socket.say([large, small, request])
    await socket.hear(op="response", id=1)
    async_request = {"op": "request", "id": 2, "method": "publish", "params": large}
    await socket.say([async_request])
    assert "600,002 bytes" in (await socket.hear(op="response", id=2))["error"]["message"]
    await socket.say([{"op": "request", "id": 3, "method": "publish", "params": {**small, "data": "2"}}])
    await socket.hear(op="response", id=3)  # it is on disk, and so is what came before
    log = (await client.get("channels/chat/messages"))["messages"]
    assert [message["data"] for message in log] == [1, 2]


async def test_publishes_of_one_frame_are_answered_together_and_each_for_itself(client: Client) -> None:
    socket = await worker(client, function())
    data = {1: "1", 2: f'"{"x" * 600_000}"', 3: "3", 4: "4"}
    about = {"channel": "chat", "topic": "t"}
    await socket.say([
        {"op": "request", "id": n, "method": "publish", "params": {**about, "data": text}} for n, text in data.items()
    ])  # fmt: skip
    assert "600,002 bytes" in (await socket.hear(op="response", id=2))["error"]["message"]
    await socket.hear(op="response", ids=[1, 3, 4])  # they are on disk
    log = (await client.get("channels/chat/messages"))["messages"]
    assert [message["data"] for message in log] == [1, 3, 4]


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"7",
        b'"hello"',
        b'{"op":"hello"}',
        b"[1]",
        b"[[]]",
        b'["hello"]',
        b"[{}]",
        b'[{"op":"hello"}]',
        b'[{"op":"hello","worker_id":"x","functions":[{"id":"no-config"}]}]',
        b'[{"op":"hello","worker_id":"x","functions":7}]',
        b'[{"op":"hello","worker_id":"x","functions":[],"live":[1]}]',
        b'[{"op":"hello","worker_id":"x","functions":[],"live":{"r":{}}}]',
        b'[{"op":"hello","worker_id":["x"],"functions":[]}]',
        b'[{"op":"step.done"}]',
        b'[{"op":["step.done"]}]',
        b'[{"op":"request"}]',
        b'[{"op":"publish","channel":"c"}]',
        b'[{"op":"publish","channel":"c","topic":"t","data":{}}]',
        b'[{"op":"publish","channel":{},"topic":"t","data":"1"}]',
        b'[{"op":"subscribe","id":"x","channel":"c","since":"start","epoch":[]}]',
        b"[" * 100_000,
    ],
    ids=lambda value: repr(value)[:60],
)
async def test_who_does_not_speak_the_protocol_is_cut_off_alone(
    client: Client, caplog: pytest.LogCaptureFixture, frame: bytes
) -> None:
    bystander = await worker(client, function())
    stranger = await client.open("worker", subprotocols=[SUBPROTOCOL])
    await stranger.connection.write_message(frame, binary=frame == b"\xff\xfe")
    if b'"subscribe"' in frame or b'"live":{"r"' in frame:  # these are understood, if odd
        stranger.close()
    else:
        code, reason = await stranger.closed()
        assert code == 1002
        assert reason
        assert "not understood" in reason
    await client.send(GO)
    run = await bystander.hear(op="run.start")
    await bystander.report(run, "run.done", output="1")
    await bystander.hear(op="run.stop", reason="completed")
    assert "Uncaught exception" not in caplog.text


@pytest.mark.parametrize("subprotocols", [None, ["inngest-nb.v99"], ["other", "inngest-nb.v0"]])
async def test_another_version_of_the_protocol_is_refused_with_the_reason(
    client: Client, subprotocols: list[str] | None
) -> None:
    socket = await client.open("worker", subprotocols=subprotocols)
    code, reason = await socket.closed()
    assert code == 1002
    assert reason
    assert SUBPROTOCOL in reason


async def test_a_report_of_half_a_step_does_not_harm_the_run(client: Client) -> None:
    socket = await worker(client, function())
    await client.send(GO)
    run = await socket.hear(op="run.start")
    await socket.report(run, "step.done", hash="h")
    code, _ = await socket.closed()
    assert code == 1002
    back = await worker(client, function())
    again = await back.hear(op="run.start")
    assert again["run_id"] == run["run_id"]


async def test_a_worker_that_vanishes_leaves_no_subscription(client: Client, host: EngineHost) -> None:
    socket = await worker(client)
    await socket.say([{"op": "subscribe", "id": "f1", "channel": "chat", "topics": None, "since": "start"}])
    await socket.hear(op="subscribed", id="f1")
    assert host.engine.core.hub.log("chat").readers == 1
    socket.connection.stream.close()  # without a closing handshake
    socket.close()
    await until(lambda: host.engine.core.hub.log("chat").readers == 0, "the end of its subscription")
