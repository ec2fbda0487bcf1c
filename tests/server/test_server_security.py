"""Nothing is readable or writable without a credential: every route of the extension, found in the running server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from inngest_nb_server.host import EngineHost
from jupyter_server.auth import Authorizer
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.serverapp import ServerApp
from tornado.routing import Rule, RuleRouter
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler
from traitlets.config import Config

from inngest_nb.protocol import SUBPROTOCOL
from tests.engine.peer import function
from tests.server.clients import Answer, Client, browser, worker

PREFIX = "inngest/api/"
#: What stands in a URL for each route's capture groups. A new route fails the test until it is listed here.
EXAMPLES = {
    "events": [],
    "runs": [],
    "runs/([^/]+)": ["{run}"],
    "runs/([^/]+)/steps/([^/]+)": ["{run}", "{step}"],
    "runs/([^/]+)/steps/([^/]+)/messages": ["{run}", "{step}"],
    "runs/([^/]+)/cancel": ["{run}"],
    "runs/([^/]+)/retry": ["{run}"],
    "runs/([^/]+)/plan": ["{run}"],
    "runs/([^/]+)/rerun": ["{run}"],
    "channels/([^/]+)/messages": ["chat"],
    "channels/([^/]+)/browse": ["chat"],
    "channels/([^/]+)/topics": ["chat"],
    "overview/runs": [],
    "overview/([^/]+)": ["health"],
    "realtime": [],
    "realtime/token": [],
    "worker": [],
    "status": [],
    "/inngest/?": [],
    "/inngest/static/([^/]+)": ["page.js"],
    "/health": [],
    "/dev": [],
    "/e/?": [],
    "/e/([^/]+)": ["not-a-key"],
    "/v1/events": [],
    "/v1/events/([^/]+)": ["{event}"],
    "/v1/events/([^/]+)/runs": ["{event}"],
    "/v1/runs/([^/]+)": ["{run}"],
    "/v1/realtime/token": [],
    "/v1/realtime/connect": [],
    "/v1/realtime/sse": [],
    "/v1/realtime/publish": [],
    "/v1/realtime/publish/tee": [],
    "/v1/(.*)": ["nope"],
}
#: What people open in a browser: they are sent to the login.
PAGES = {pattern for pattern in EXAMPLES if pattern.startswith("/inngest")}
#: The patterns of the compatible API, which does its own authentication: 401 where the rest says 403.
COMPAT = {pattern for pattern in EXAMPLES if pattern.startswith("/")} - PAGES
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
OPEN_METHODS = {"OPTIONS"}  # answers nothing but which methods there are
GO = {"name": "app/go", "data": {}}
#: What is asked of routes that take no event.
BODIES: dict[str, Any] = {"realtime/token": {"channel": "chat", "topics": ["t"]}, "/v1/realtime/token": []}
#: What even a user of the server opens with a token for subscribers only.
FOR_TOKENS = {"/v1/realtime/connect", "/v1/realtime/sse"}


class Denying(Authorizer):
    """Lets a user who has a credential do what `allowed` names of our resource, and everything elsewhere."""

    allowed: frozenset[str] = frozenset()
    asked: list[tuple[str, str]] = []

    def is_authorized(self, handler: JupyterHandler, user: Any, action: str, resource: str) -> bool:
        """Whether this may be done."""
        if not type(handler).__module__.startswith("inngest_nb_server"):
            return True
        self.asked.append((action, resource))
        return action in self.allowed


class AsyncDenying(Denying):
    """The same, as an authorizer that asks elsewhere."""

    async def is_authorized(self, handler: JupyterHandler, user: Any, action: str, resource: str) -> bool:  # type: ignore[override]
        """Whether this may be done."""
        await asyncio.sleep(0)
        return super().is_authorized(handler, user, action, resource)


def rules_of(router: RuleRouter) -> Iterator[Rule]:
    """All rules of a router and of those within it."""
    for rule in router.rules:
        if isinstance(rule.target, RuleRouter):
            yield from rules_of(rule.target)
        else:
            yield rule


def routes_of(app: ServerApp) -> dict[str, type[RequestHandler]]:
    """Pattern and handler of every route that the extension has added: below our prefix, or with a slash below base_url."""
    routes: dict[str, type[RequestHandler]] = {}
    for rule in rules_of(app.web_app.default_router):
        handler = rule.target
        if isinstance(handler, type) and handler.__module__.startswith("inngest_nb_server"):
            pattern = rule.matcher.regex.pattern.rstrip("$")  # type: ignore[attr-defined]
            routes[pattern.partition(PREFIX)[2] or pattern.removeprefix(app.base_url.rstrip("/"))] = handler
    return routes


def example_of(pattern: str, app: ServerApp, run_id: str) -> str:
    """A path of the route, as `Client` takes it."""
    event_id = app.web_app.settings["inngest_host"].engine.run(run_id).event.id
    path = pattern.removesuffix("/?")
    for example in EXAMPLES[pattern]:
        path = re.sub(r"\([^)]+\)", example.format(run=run_id, event=event_id, step="0" * 40), path, count=1)
    return path


async def attempts(client: Client, app: ServerApp, run_id: str, headers: dict[str, str]) -> dict[str, Answer]:
    """Every method on every route, and every WebSocket, with these headers: "GET runs" → the answer."""
    answers: dict[str, Answer] = {}
    for pattern, handler in routes_of(app).items():
        path = example_of(pattern, app, run_id)
        if issubclass(handler, WebSocketHandler):
            status = await client.refused(path, headers)
            answers[f"WS {pattern}"] = Answer(status=status, body={}, headers=None)  # type: ignore[arg-type]
        for method in METHODS:
            body = orjson.dumps(BODIES.get(pattern, GO)) if method in ("POST", "PUT", "PATCH") else None
            answers[f"{method} {pattern}"] = await client.request(method, path, body, headers)
    return answers


async def _prepared(client: Client) -> str:
    peer = await worker(client, function())
    await client.send(GO)
    run = await peer.hear(op="run.start")
    peer.close()
    return str(run["run_id"])


def _nothing_happened(host: EngineHost, run_id: str) -> None:
    assert len(host.engine.core.journal.rows("SELECT id FROM events")) == 1
    assert host.engine.run(run_id).status in ("queued", "running")
    assert "chat" not in host.engine.core.hub._logs


def _refusals(answers: dict[str, Answer]) -> dict[str, int]:
    """Status of each attempt that had to be refused."""
    return {what: answer.status for what, answer in answers.items() if what.partition(" ")[0] not in OPEN_METHODS}


def _refused(what: str) -> int:
    """How an attempt without identity is refused."""
    if what.startswith("GET ") and what.partition(" ")[2] in PAGES:
        return 302
    return 401 if what.partition(" ")[2] in COMPAT else 403


def test_every_route_is_listed(extension: object, jp_serverapp: ServerApp) -> None:
    assert sorted(routes_of(jp_serverapp)) == sorted(EXAMPLES)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "token wrong"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "token "},
        {"Cookie": 'username-localhost="2|1:0|10:1|8:username|4:abcd|0"'},
    ],
    ids=["none", "wrong token", "wrong bearer", "empty token", "forged cookie"],
)
async def test_without_a_credential_every_route_refuses(
    client: Client, host: EngineHost, jp_serverapp: ServerApp, headers: dict[str, str]
) -> None:
    run_id = await _prepared(client)
    answers = await attempts(client, jp_serverapp, run_id, headers)
    # 405: there is no such method, for anybody
    wrong = {what: status for what, status in _refusals(answers).items() if status not in (_refused(what), 405)}
    assert wrong == {}
    allowed = await attempts(client, jp_serverapp, run_id, client.credential)
    open_to_us = [what for what, answer in allowed.items() if answer.status in (101, 200)]
    assert all(answers[what].status == _refused(what) for what in open_to_us if not what.startswith("OPTIONS"))
    assert {what.partition(" ")[2] for what in open_to_us} == set(EXAMPLES)


async def test_without_a_credential_nothing_happens(client: Client, host: EngineHost, jp_serverapp: ServerApp) -> None:
    run_id = await _prepared(client)
    await attempts(client, jp_serverapp, run_id, {})
    _nothing_happened(host, run_id)


async def test_what_options_says_is_nothing(client: Client, jp_serverapp: ServerApp) -> None:
    run_id = await _prepared(client)
    answers = await attempts(client, jp_serverapp, run_id, {})
    said = {bytes(answer.body or b"") for what, answer in answers.items() if what.startswith("OPTIONS")}
    assert not any(run_id.encode() in body for body in said)


@pytest.mark.parametrize("authorizer", [Denying, AsyncDenying])
class TestAuthorizer:
    """A user with a credential, and an authorizer that says no."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config, authorizer: type[Denying]) -> Config:
        """The server asks this authorizer."""
        authorizer.asked = []
        authorizer.allowed = frozenset({"read", "write", "execute"})
        jp_server_config.ServerApp.authorizer_class = authorizer
        return jp_server_config

    async def test_every_route_asks_and_is_refused(
        self, client: Client, host: EngineHost, jp_serverapp: ServerApp, authorizer: type[Denying]
    ) -> None:
        run_id = await _prepared(client)
        allowed = await attempts(client, jp_serverapp, run_id, client.credential)
        assert allowed["GET runs"].status == 200
        run_id = await self._another(client)
        authorizer.allowed, authorizer.asked = frozenset(), []
        denied = await attempts(client, jp_serverapp, run_id, client.credential)
        wrong = {
            what: status
            for what, status in _refusals(denied).items()
            if status not in (401 if what.partition(" ")[2] in FOR_TOKENS else 403, 405)
        }
        assert wrong == {}
        open_to_us = [what for what, answer in allowed.items() if answer.status in (101, 200)]
        assert {denied[what].status for what in open_to_us if not what.startswith("OPTIONS")} == {403}
        assert {resource for _, resource in authorizer.asked} == {"inngest"}
        assert host.engine.run(run_id).status in ("queued", "running")

    async def test_each_right_opens_its_own_routes_only(
        self, client: Client, jp_serverapp: ServerApp, authorizer: type[Denying]
    ) -> None:
        run_id = await _prepared(client)
        opened = {}
        for right in ("read", "write", "execute"):
            authorizer.allowed = frozenset({right})
            answers = await attempts(client, jp_serverapp, run_id, client.credential)
            opened[right] = {
                what
                for what, answer in answers.items()
                if answer.status in (101, 200, 201) and what.partition(" ")[0] in ("GET", "POST", "WS")
            }
        assert opened["write"] == {
            "POST events",
            "POST /e/?",
            "POST /e/([^/]+)",
            "POST realtime/token",
            "POST /v1/realtime/token",
            "POST /v1/realtime/publish",
            *(f"POST runs/([^/]+)/{what}" for what in ("cancel", "retry", "plan", "rerun")),
        }
        assert opened["execute"] == {"WS worker"}
        assert opened["read"] == {
            "GET runs",
            "GET runs/([^/]+)",
            "GET runs/([^/]+)/steps/([^/]+)",
            "GET runs/([^/]+)/steps/([^/]+)/messages",
            "GET channels/([^/]+)/messages",
            "GET channels/([^/]+)/browse",
            "GET channels/([^/]+)/topics",
            "GET overview/runs",
            "GET overview/([^/]+)",
            "WS realtime",
            "GET status",
            "GET /inngest/?",
            "GET /inngest/static/([^/]+)",
            "GET /health",
            "GET /dev",
            "GET /v1/events",
            "GET /v1/events/([^/]+)",
            "GET /v1/events/([^/]+)/runs",
            "GET /v1/runs/([^/]+)",
        }

    async def _another(self, client: Client) -> str:
        (event_id,) = await client.send(GO)
        (run,) = (await client.get(f"runs?event_id={event_id}"))["runs"]
        return str(run["run_id"])


async def test_a_page_must_prove_that_a_post_is_its_own(client: Client, host: EngineHost) -> None:
    run_id = await _prepared(client)
    cookies = await client.log_in()
    for path in ("events", f"runs/{run_id}/cancel"):
        forged = await client.request("POST", path, orjson.dumps(GO), browser(cookies, xsrf=False))
        assert forged.status == 403
        assert "_xsrf" in forged.body["error"]
        wrong = await client.request("POST", path, orjson.dumps(GO), browser(cookies) | {"X-XSRFToken": "2|0|0|0"})
        assert wrong.status == 403
    _nothing_happened(host, run_id)
    own = await client.request("POST", "events", orjson.dumps(GO), browser(cookies))
    assert own.status == 200


@pytest.mark.parametrize("path", ["realtime", "worker"])
async def test_a_page_of_another_site_gets_no_socket(client: Client, path: str) -> None:
    page = browser(await client.log_in())
    assert await client.refused(path, page | {"Origin": client.url("")[:-1].partition("/inngest")[0]}) == 101
    assert await client.refused(path, page | {"Origin": "https://evil.example"}) == 403


async def test_sockets_refuse_a_wrong_token_wherever_it_stands(client: Client) -> None:
    assert await client.refused("worker", {"Sec-WebSocket-Protocol": SUBPROTOCOL}) == 403
    assert await client.refused("worker?token=wrong", {}) == 403
    assert await client.refused("realtime?token=wrong", {}) == 403
