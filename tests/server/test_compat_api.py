"""The compatible API: what is taken, what is told."""

from __future__ import annotations

import asyncio
import json

import pytest
from inngest_nb_server.app import InngestApp
from inngest_nb_server.compat import intake
from inngest_nb_server.host import EngineHost
from traitlets.config import Config

from inngest_nb.engine.flow.ids import parse_seed
from tests.engine.peer import ScriptedPeer, function
from tests.server.clients import Client
from tests.server.compat import EVENT_KEY, GO, SEED, SIGNING_KEY, post, send, stored


@pytest.fixture
def jp_server_config(jp_server_config: Config) -> Config:
    """A server with both keys."""
    jp_server_config.InngestApp.signing_key = f"signkey-test-{SIGNING_KEY}"
    jp_server_config.InngestApp.event_key = EVENT_KEY
    return jp_server_config


class TestIntake:
    """POST /e/<key>."""

    async def test_an_event_with_everything(self, client: Client) -> None:
        event = {**GO, "id": "mine", "ts": 1_700_000_000_000, "user": {"id": 7}, "v": "2024-01-01.1"}
        (internal_id,) = (await send(client, event))["ids"]
        shown = (await client.get(f"/v1/events/{internal_id}"))["data"]
        assert list(shown) == [
            *("internal_id", "account_id", "environment_id", "source", "source_id", "received_at"),
            *("id", "name", "data", "user", "ts", "v"),
        ]
        assert {name: shown[name] for name in event} == event

    async def test_the_version_reaches_functions_and_conditions(self, client: Client, host: EngineHost) -> None:
        condition = {"event": "app/go", "expression": "event.v == '2'"}
        peer = ScriptedPeer(host.engine, function("app-new", triggers=[condition]))
        await send(client, {**GO, "v": "1"}, {**GO, "v": "2"})
        run = await peer.started("app-new")
        assert json.loads(run["event"])["v"] == "2"

    async def test_a_seed_gives_the_ids_and_counts_once(self, client: Client, host: EngineHost) -> None:
        seed = parse_seed(SEED)
        assert seed is not None
        ids = [seed.ulid(1), seed.ulid(2)]
        for _ in range(3):
            body = await send(client, GO, {"name": "app/other"}, **{intake.SEED_HEADER: SEED})
            assert body == {"ids": ids, "status": 200}
        assert stored(host) == 2

    async def test_deliveries_of_one_seed_at_once_count_once(self, client: Client, host: EngineHost) -> None:
        bodies = await asyncio.gather(*(send(client, GO, GO, **{intake.SEED_HEADER: SEED}) for _ in range(10)))
        assert all(body == bodies[0] for body in bodies)
        assert stored(host) == 2

    @pytest.mark.parametrize("seed", ["", "x", "1743130137367", "1743130137367,AAAA", "-1,AAECAwQFBgcICQ==", "ü"])
    async def test_a_broken_seed_is_none(self, client: Client, host: EngineHost, seed: str) -> None:
        first = await send(client, GO, **{intake.SEED_HEADER: seed})
        second = await send(client, GO, **{intake.SEED_HEADER: seed})
        assert first["ids"] != second["ids"]
        assert stored(host) == 2

    async def test_what_comes_before_the_refused_event_is_taken_once(self, client: Client, host: EngineHost) -> None:
        events = [GO, {"name": "app/b"}, {"name": "inngest/x"}, {"name": "app/c"}]
        first = await send(client, *events, **{intake.SEED_HEADER: SEED})
        again = await send(client, *events, **{intake.SEED_HEADER: SEED})
        assert (first["status"], len(first["ids"])) == (400, 2)
        assert "event 2 ('inngest/x'" in first["error"] or "'inngest/x'" in first["error"]
        assert again == first
        assert stored(host) == 2

    async def test_a_body_that_is_too_large(
        self, client: Client, host: EngineHost, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(intake, "MAX_BODY_BYTES", 1000)
        answer = await post(client, {"name": "a", "data": {"x": "y" * 1000}})
        body = json.loads(answer.raw)
        assert (answer.status, body["ids"], body["status"]) == (413, [""], 413)
        assert "at most 1000" in body["error"]
        assert stored(host) == 0

    async def test_two_of_one_id_start_a_function_once(self, client: Client, host: EngineHost) -> None:
        peer = ScriptedPeer(host.engine, function())
        first, second = (await send(client, {**GO, "id": "same"}, {**GO, "id": "same", "data": {"n": 2}}))["ids"]
        run = await peer.started()
        assert [run["run_id"] for run in (await client.get(f"/v1/events/{first}/runs"))["data"]] == [run["run_id"]]
        assert (await client.get(f"/v1/events/{second}/runs"))["data"] == []

    async def test_an_event_that_cannot_be_kept_is_not_acknowledged(
        self, client: Client, extension: InngestApp
    ) -> None:
        await extension.host.stop()
        answer = await post(client, GO)
        body = json.loads(answer.raw)
        assert (answer.status, body["ids"], body["status"]) == (503, [""], 503)
        assert "not running" in body["error"]


class TestReads:
    """GET and DELETE."""

    @pytest.mark.parametrize(
        ("path", "status", "error"),
        [
            ("/v1/events/nope", 400, "Invalid event ID: nope"),
            ("/v1/events/01KA0000000000000000000000", 404, "Event not found"),
            ("/v1/events/nope/runs", 400, "Invalid event ID: nope"),
            ("/v1/runs/nope", 400, "Invalid run ID: nope"),
            ("/v1/runs/01KA0000000000000000000000", 404, "Unable to load function run: 01KA0000000000000000000000"),
            ("/v1/events?received_before=yesterday", 400, "Invalid received_before query parameter"),
            ("/v1/events?cursor=x", 400, "Invalid cursor query parameter"),
        ],
    )
    async def test_errors_have_their_status(self, client: Client, path: str, status: int, error: str) -> None:
        answer = await client.request("GET", path)
        assert answer.status == status
        assert answer.body == {"error": error, "data": None, "status": status}

    async def test_pages_of_events(self, client: Client) -> None:
        ids = (await send(client, *({"name": "app/n", "data": {"i": i}} for i in range(7))))["ids"]
        await send(client, {"name": "app/else"})
        seen: list[str] = []
        cursor = ""
        while page := (await client.get(f"/v1/events?name=app%2Fn&limit=3&cursor={cursor}"))["data"]:
            seen += [event["internal_id"] for event in page]
            cursor = seen[-1]
        assert seen == sorted(ids, reverse=True)

    async def test_times_limit_a_list(self, client: Client) -> None:
        await send(client, GO)
        (event,) = (await client.get("/v1/events"))["data"]
        at = event["received_at"]
        for query, count in (
            (f"received_after={at}", 0),
            (f"received_before={at}", 0),
            ("received_after=2020-01-01T00:00:00Z", 1),
            ("received_after=2020-01-01T00:00:00%2B02:00&received_before=2100-01-01T00:00:00.123456789Z", 1),
        ):
            assert len((await client.get(f"/v1/events?{query}"))["data"]) == count, query

    async def test_a_run_from_queue_to_end(self, client: Client, host: EngineHost) -> None:
        peer = ScriptedPeer(host.engine, function(retries=0))
        (event_id,) = (await send(client, GO))["ids"]
        begun = await peer.started()
        path = f"/v1/runs/{begun['run_id']}"
        running = (await client.get(path))["data"]
        assert (running["status"], running["ended_at"], running["output"]) == ("Running", None, None)
        await peer.finish(begun, {"ok": [1]})
        ended = await client.request("GET", path)
        assert ended.headers["Cache-Control"] == "no-store"
        assert ended.body["data"]["status"] == "Completed"
        assert ended.body["data"]["output"] == {"ok": [1]}
        assert ended.body["data"]["event_id"] == event_id
        assert ended.body["metadata"]["cached_until"] == ended.body["metadata"]["fetched_at"]
        assert (await client.get(f"/v1/events/{event_id}/runs"))["data"][0]["output"] == {"ok": [1]}
        assert (await client.request("DELETE", path)).status == 200
        assert (await client.get(path))["data"]["status"] == "Completed"

    async def test_a_function_without_worker_is_scheduled_and_can_be_cancelled(
        self, client: Client, host: EngineHost
    ) -> None:
        ScriptedPeer(host.engine, function()).close()
        (event_id,) = (await send(client, GO))["ids"]
        (run,) = (await client.get(f"/v1/events/{event_id}/runs"))["data"]
        assert run["status"] == "Scheduled"
        answer = await client.request("DELETE", f"/v1/runs/{run['run_id']}")
        assert (answer.status, answer.raw) == (200, b"")
        assert (await client.get(f"/v1/runs/{run['run_id']}"))["data"]["status"] == "Cancelled"
        assert (await client.request("DELETE", "/v1/runs/01KA0000000000000000000000")).status == 404

    async def test_a_batch_has_its_run_at_each_event(self, client: Client, host: EngineHost) -> None:
        batch = {"batchEvents": {"maxSize": 2, "timeout": "60s"}}
        peer = ScriptedPeer(host.engine, function(options=batch))
        ids = (await send(client, GO, GO))["ids"]
        run = await peer.started()
        for event_id in ids:
            assert [run["run_id"] for run in (await client.get(f"/v1/events/{event_id}/runs"))["data"]] == [
                run["run_id"]
            ]

    async def test_internal_events_are_found_by_id_only(self, client: Client, host: EngineHost) -> None:
        peer = ScriptedPeer(host.engine, function())
        await send(client, GO)
        await peer.finish(await peer.started())
        assert [event["name"] for event in (await client.get("/v1/events"))["data"]] == ["app/go"]
        rows = host.engine.core.journal.rows("SELECT id FROM events WHERE name LIKE 'inngest/%'")
        assert (await client.get(f"/v1/events/{rows[0][0]}"))["data"]["name"] == "inngest/function.finished"


class TestPages:
    """CORS: any page may ask, as long as it brings a credential."""

    async def test_a_preflight_is_answered_with_what_was_asked(self, client: Client) -> None:
        asked = {
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "DELETE",
            "Access-Control-Request-Headers": "authorization,x-mine",
        }
        answer = await client.request("OPTIONS", "/v1/runs/x", headers=asked)
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert answer.headers["Access-Control-Allow-Methods"] == "DELETE"
        assert answer.headers["Access-Control-Allow-Headers"] == "authorization,x-mine"
        assert "Access-Control-Allow-Credentials" not in answer.headers

    async def test_answers_and_refusals_can_be_read_by_the_page(self, client: Client) -> None:
        origin = {"Origin": "https://app.example"}
        for headers in (origin, {**origin, **client.credential}):
            answer = await client.request("GET", "/v1/runs/nope", headers=headers)
            assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
            assert answer.headers["Vary"] == "Origin"
