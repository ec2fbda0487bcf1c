"""The compatible API: who gets in, what is taken, what is told."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import jwt
import pytest
from inngest_nb_server.app import InngestApp
from inngest_nb_server.compat import intake
from inngest_nb_server.host import EngineHost
from jupyter_server.auth import Authorizer, IdentityProvider, User
from traitlets.config import Config

from inngest_nb.engine.flow.ids import parse_seed
from tests.engine.peer import ScriptedPeer, function
from tests.server.clients import Answer, Client, browser

SIGNING_KEY = "8ee2262a15e8d3c42d6a840db7af3de2aab08ef632b32a37a687f24b34dba3ff"
EVENT_KEY = "the-event-key"
GO = {"name": "app/go", "data": {"n": 1}}
SEED = f"1743130137367,{base64.b64encode(bytes(range(10))).decode()}"


@pytest.fixture
def jp_server_config(jp_server_config: Config) -> Config:
    """A server with both keys."""
    jp_server_config.InngestApp.signing_key = f"signkey-test-{SIGNING_KEY}"
    jp_server_config.InngestApp.event_key = EVENT_KEY
    return jp_server_config


async def send(client: Client, *events: Any, key: str = EVENT_KEY, **headers: str) -> dict[str, Any]:
    """POST events with the event key; the body of the answer."""
    answer = await post(client, list(events), key=key, **headers)
    body: dict[str, Any] = json.loads(answer.raw)
    assert body["status"] == answer.status
    return body


async def post(client: Client, value: Any, *, key: str = EVENT_KEY, **headers: str) -> Answer:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return await client.request("POST", f"/e/{key}", body, headers)


def stored(host: EngineHost) -> int:
    """How many events there are."""
    return len(host.engine.core.journal.rows("SELECT id FROM events"))


class TestWhoGetsIn:
    """Credentials."""

    @pytest.mark.parametrize("prefix", ["Bearer ", "bearer ", "token ", "Bearer signkey-prod-"])
    async def test_the_signing_key_opens_every_route(self, client: Client, prefix: str) -> None:
        headers = {"Authorization": prefix + SIGNING_KEY}
        for path in ("/health", "/dev", "/v1/events"):
            assert (await client.request("GET", path, headers=headers)).status == 200
        assert (await client.request("POST", "/e/x", json.dumps(GO).encode(), headers)).status == 200
        assert (await client.request("POST", "/e", json.dumps(GO).encode(), headers)).status == 200

    async def test_the_event_key_opens_the_intake_only(self, client: Client, host: EngineHost) -> None:
        (event_id,) = (await send(client, GO))["ids"]
        for path in ("/health", "/dev", "/v1/events", f"/v1/events/{event_id}", f"/v1/runs/{event_id}"):
            for headers in ({"Authorization": f"Bearer {EVENT_KEY}"}, {}):
                assert (await client.request("GET", path, headers=headers)).status == 401
        assert (await client.request("POST", "/e", b"{}", {"Authorization": f"Bearer {EVENT_KEY}"})).status == 401
        assert stored(host) == 1

    @pytest.mark.parametrize(
        "authorization",
        [
            "",
            "Bearer",
            "Bearer ",
            "Bearer undefined",
            f"Bearer {SIGNING_KEY[:-1]}",
            f"Basic {SIGNING_KEY}",
            f"Bearer {jwt.encode({'iss': 'rt.inngest.com', 'exp': 1}, 'a secret of at least thirty-two bytes', 'HS256')}",
            f"Bearer {jwt.encode({'iss': 'rt.inngest.com', 'exp': 4102444800}, 'dev-mode-is-not-secret'.ljust(32, '-'), 'HS256')}",
        ],
    )
    async def test_others_do_not_get_in(self, client: Client, host: EngineHost, authorization: str) -> None:
        headers = {"Authorization": authorization} if authorization else {}
        refused = [
            await client.request("GET", "/v1/events", headers=headers),
            await client.request("GET", "/health", headers=headers),
            await client.request("DELETE", "/v1/runs/01KA0000000000000000000000", headers=headers),
            await client.request("GET", "/v1/nope", headers=headers),
        ]
        for answer in refused:
            assert answer.status == 401
            assert answer.raw == b'{"error":"Not authenticated","data":null,"status":401}\n'
        answer = await client.request("POST", "/e/wrong", json.dumps(GO).encode(), headers)
        assert (answer.status, json.loads(answer.raw)) == (
            401,
            {"ids": [""], "status": 401, "error": "Not authenticated"},
        )
        assert stored(host) == 0

    async def test_a_cookie_opens_nothing(self, client: Client, host: EngineHost) -> None:
        page = browser(await client.log_in())
        assert (await client.request("GET", "runs", headers=page)).status == 200
        for path in ("/v1/events", "/dev", "/health"):
            assert (await client.request("GET", path, headers=page)).status == 401
        assert (await client.request("POST", "/e/x", json.dumps(GO).encode(), page)).status == 401
        assert (await client.request("POST", "/e", json.dumps(GO).encode(), page)).status == 401
        assert stored(host) == 0

    async def test_none_is_given_out(self, client: Client) -> None:
        for headers in (client.credential, {"Authorization": f"Bearer {SIGNING_KEY}"}, {}):
            answer = await client.request("GET", "/health", headers=headers)
            assert "Set-Cookie" not in answer.headers

    async def test_a_query_is_no_credential(self, client: Client) -> None:
        assert (await client.request("GET", f"/v1/events?token={client.token}", headers={})).status == 401

    async def test_a_name_that_is_not_this_machine_is_refused(self, client: Client) -> None:
        answer = await client.request("GET", "/health", headers={**client.credential, "Host": "evil.example"})
        assert answer.status == 403


class TestWithoutToken:
    """A Jupyter server that is open to everybody: this API is not."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config) -> Config:
        """No token, no password."""
        jp_server_config.ServerApp.token = jp_server_config.IdentityProvider.token = ""
        return jp_server_config

    async def test_there_is_no_open_mode(self, client: Client, host: EngineHost) -> None:
        assert (await client.request("GET", "runs", headers={})).status == 200
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer "}):
            assert (await client.request("GET", "/v1/events", headers=headers)).status == 401
            assert (await client.request("POST", "/e/x", json.dumps(GO).encode(), headers)).status == 401
        assert stored(host) == 0


class TestStrictServer:
    """A server that asks of each route how it authenticates; a warning would be an error here."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config) -> Config:
        jp_server_config.ServerApp.allow_unauthenticated_access = False
        return jp_server_config

    async def test_it_is_satisfied(self, client: Client) -> None:
        assert (await client.request("GET", "/health")).status == 200
        assert (await client.request("GET", "/health", headers={})).status == 401
        assert (await client.request("OPTIONS", "/health", headers={})).status == 200
        assert (await client.request("GET", "runs")).status == 200


class TwoPeople(IdentityProvider):
    """Knows two people by tokens of their own, as JupyterHub does."""

    async def get_user_token(self, handler: Any) -> User | None:
        names = {"of-ada": "ada", "of-grace": "grace"}
        name = names.get(self.get_token(handler) or "")
        return User(name) if name else None


class TestPeople:
    """An identity provider that knows more than the server's own token."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config) -> Config:
        jp_server_config.ServerApp.identity_provider_class = TwoPeople
        return jp_server_config

    async def test_what_a_known_person_sends_says_so(self, client: Client) -> None:
        event = {**GO, "user": {"name": "grace"}}
        answer = await client.request("POST", "/e", json.dumps(event).encode(), {"Authorization": "Bearer of-ada"})
        (event_id,) = json.loads(answer.raw)["ids"]
        shown = await client.request("GET", f"/v1/events/{event_id}", headers={"Authorization": "token of-grace"})
        assert shown.body["data"]["user"] == {"name": "ada"}
        (with_key,) = (await send(client, event))["ids"]
        shown = await client.request("GET", f"/v1/events/{with_key}", headers={"Authorization": "token of-grace"})
        assert shown.body["data"]["user"] == {"name": "grace"}
        assert (await client.request("GET", "/health", headers={"Authorization": "token of-eve"})).status == 401


class Denying(Authorizer):
    """Says no to whoever asks for our resource."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return resource != "inngest"


class TestAuthorizer:
    """Users ask it; keys carry their own right."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config) -> Config:
        jp_server_config.ServerApp.authorizer_class = Denying
        return jp_server_config

    async def test_who_has_the_token_is_denied_and_who_has_a_key_is_not(self, client: Client) -> None:
        denied = await client.request("GET", "/v1/events")
        assert (denied.status, denied.body["error"]) == (403, "not allowed to read inngest")
        assert (await client.request("POST", f"/e/{client.token}", b"{}", {})).status == 403
        assert (
            await client.request("GET", "/v1/events", headers={"Authorization": f"Bearer {SIGNING_KEY}"})
        ).status == 200
        assert (await post(client, GO)).status == 200


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
