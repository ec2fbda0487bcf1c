"""Events over HTTP."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from inngest_nb_server.host import EngineHost
from inngest_nb_server.routes.base import MAX_BODY_BYTES

from tests.engine.peer import function
from tests.server.clients import Client, browser, worker

GO = {"name": "app/go", "data": {"n": 1}}


async def test_an_event_is_durable_when_its_id_comes_back(client: Client, host: EngineHost) -> None:
    (event_id,) = await client.send(GO)
    (row,) = host.engine.core.journal.rows("SELECT id, name, data, user FROM events")
    assert row[:3] == (event_id, "app/go", '{"n":1}')


async def test_one_event_needs_no_list(client: Client) -> None:
    answer = await client.post("events", GO)
    assert (answer.status, len(answer.body["ids"])) == (200, 1)


async def test_a_list_gives_ids_in_order(client: Client, host: EngineHost) -> None:
    ids = await client.send(*({"name": "app/go", "data": {"n": n}} for n in range(5)))
    rows = dict(host.engine.core.journal.rows("SELECT id, data FROM events"))
    assert [rows[event_id] for event_id in ids] == [f'{{"n":{n}}}' for n in range(5)]


async def test_the_same_delivery_twice_is_one_run(client: Client) -> None:
    peer = await worker(client, function())
    key = {"Idempotency-Key": "click-1"}
    assert await client.send(GO, **key) == await client.send(GO, **key)
    assert len((await client.get("runs"))["runs"]) == 1
    await peer.hear(op="run.start")
    assert await client.send(GO, **{"Idempotency-Key": "click-2"}) != await client.send(GO, **key)


async def test_an_event_carries_who_the_server_knows_it_is_from(client: Client, host: EngineHost) -> None:
    page = browser(await client.log_in())
    me = (await client.request("GET", "/api/me", headers=page)).body["identity"]["username"]
    events = [GO, {**GO, "user": {"name": "somebody else"}}]
    await client.request("POST", "events", orjson.dumps(events), page)
    users = [orjson.loads(user) for (user,) in host.engine.core.journal.rows("SELECT user FROM events")]
    assert users == [{"name": me}] * 2


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"\xff\xfe", 400, "not JSON"),
        (b"7", 400, "JSON object"),
        (b'"text"', 400, "JSON object"),
        (b"null", 400, "JSON object"),
        (b"[[]]", 400, "JSON object"),
        (b'[{"name":"app/go"}, 1]', 400, "JSON object"),
        (b'{"data":{}}', 400, "no name"),
        (b'{"name":""}', 400, "no name"),
        (b'{"name":5}', 400, "must be a text"),
        (b'{"name":"inngest/function.failed"}', 400, "reserved"),
        (b'{"name":"app/go","data":"text"}', 400, "must be an object"),
        (b'{"name":"app/go","ts":"now"}', 400, "milliseconds"),
        (b'[{"name":"app/go"}, {"name":"inngest/x"}]', 400, "reserved"),
        (b"[" * 200_000, 400, "JSON"),
        (orjson.dumps({"name": "app/go", "data": {"x": "y" * MAX_BODY_BYTES}}), 413, "bytes"),
    ],
    ids=lambda value: repr(value)[:24],
)
async def test_what_is_no_event_is_refused_with_a_sentence(
    client: Client, host: EngineHost, body: bytes, status: int, said: str
) -> None:
    answer = await client.request("POST", "events", body)
    assert answer.status == status
    assert said in answer.body["error"]
    assert "\n" not in answer.body["error"]
    assert host.engine.core.journal.rows("SELECT id FROM events") == []


async def test_no_events_are_no_ids(client: Client) -> None:
    assert await client.send() == []


@pytest.mark.parametrize("data", [{"text": "żółć \u2028 🎉 \\u0000"}, {"deep": [[[{"a": None}]]]}, {"n": 2**53}])
async def test_data_arrive_as_they_were_sent(client: Client, data: dict[str, Any]) -> None:
    peer = await worker(client, function())
    await client.send({"name": "app/go", "data": data})
    start = await peer.hear(op="run.start")
    assert orjson.loads(start["event"])["data"] == data
