"""The compatible API: who gets in."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from inngest_nb_server.host import EngineHost
from jupyter_server.auth import Authorizer, IdentityProvider, User
from traitlets.config import Config

from tests.server.clients import Client, browser
from tests.server.compat import EVENT_KEY, GO, SIGNING_KEY, post, send, stored


@pytest.fixture
def jp_server_config(jp_server_config: Config) -> Config:
    """A server with both keys."""
    jp_server_config.InngestApp.signing_key = f"signkey-test-{SIGNING_KEY}"
    jp_server_config.InngestApp.event_key = EVENT_KEY
    return jp_server_config


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
