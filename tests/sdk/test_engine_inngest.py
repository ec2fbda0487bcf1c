"""engine="inngest": functions of this package served by the official SDK answer a server's calls as recorded ones did."""

from __future__ import annotations

import asyncio
import datetime
import json
import re
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

import inngest_nb as inngest
from inngest_nb import links, realtime
from inngest_nb.errors import LinkError, RunFailed, RunNotFoundError, SendEventsError
from inngest_nb.experimental import realtime as experimental
from inngest_nb.links.official import OfficialLink
from tests.server.recordings import ANY, Comparison, cases
from tests.support.waiting import until

CASES = {name: case for name, case in cases("sdk_protocol.json").items() if "code" in case}
#: What is not ours to answer: the way it is served, times, and lines of files.
NOT_COMPARED = {"x-inngest-framework", "server-timing"}
HELPERS = """
@fn("child")
async def child(ctx): return {"double": ctx.event.data["n"] * 2, "event_name": ctx.event.name}
@fn("child-fails", retries=0)
async def child_fails(ctx): raise ValueError("child boom")
@fn("child-slow")
async def child_slow(ctx): await ctx.step.sleep("z", 60_000)
"""
RUN: dict[str, Any] = {
    "run_id": "01KA0000000000000000000000", "run_started_at": "2026-01-01T00:00:00Z", "function_id": "f", "function_version": 0,
    "environment_id": "e", "event_id": "01KA0000000000000000000001", "status": "Running", "ended_at": None, "output": None,
}  # fmt: skip


class InngestServer:
    """The HTTP side of a server: takes registrations, events and publishes, and knows the runs that a test gives it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any, dict[str, str]]] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.refusing: int | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                """Say nothing."""

            def _serve(self) -> None:
                text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = json.loads(text) if text else None
                server.asked.append((self.command, self.path, body, {k.lower(): v for k, v in self.headers.items()}))
                status, answer = server.answer(self.command, self.path, body)
                said = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  # http.server's names

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if self.refusing is not None:
            return self.refusing, {"error": "no", "status": self.refusing, "ids": []}
        if path.startswith("/e/"):
            return 200, {"ids": [f"01KA{n:022}" for n in range(len(body))], "status": 200}
        if path == "/fn/register":
            return 200, {"ok": True, "modified": True}
        if path == "/v1/realtime/token":
            return 201, {"jwt": "a.b.c"}
        if path.startswith("/v1/runs/"):
            run = self.runs.get(path.rpartition("/")[2])
            unknown = {"error": "Unable to load function run", "data": None, "status": 500}
            if run is not None and method == "DELETE":
                run |= {"status": "Cancelled", "output": {}}
            return (200, {"data": run, "metadata": {}} if run else unknown)
        if path.startswith("/v1/events/"):
            return 200, {"data": list(self.runs.values()), "metadata": {}}
        return 200, None

    def calls(self, path: str) -> list[Any]:
        """The bodies that came to a path."""
        return [body for _, asked, body, _ in self.asked if asked.partition("?")[0] == path]

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)


@pytest.fixture
def server() -> Iterator[InngestServer]:
    server = InngestServer()
    yield server
    server.stop()


@pytest.fixture
def client(server: InngestServer, tmp_path: Path) -> Iterator[inngest.Inngest]:
    yield inngest.Inngest(
        app_id="wire", engine="inngest", api_base_url=server.url, event_api_base_url=server.url, data_dir=tmp_path
    )
    links.close_links()


def link_of(client: inngest.Inngest) -> OfficialLink:
    link = client._link()
    assert isinstance(link, OfficialLink)
    return link


class Stage:
    """The recorded handlers, written for the official SDK, with our module in its place."""

    def __init__(self, client: inngest.Inngest) -> None:
        self.client, self.functions = client, dict[str, inngest.Function[Any]]()
        exec(HELPERS, self._names())  # the text above

    def _names(self) -> dict[str, Any]:
        async def on_failure(ctx: inngest.Context) -> str:
            async def clean_up() -> Any:
                return ctx.event.data["run_id"]

            await ctx.step.run("cleanup", clean_up)
            return "handled"

        modules = {"asyncio": asyncio, "datetime": datetime, "inngest": inngest, "realtime": experimental}
        mode = inngest.ParallelMode.RACE
        return {
            "fn": self._define,
            "FN": self.functions,
            "onf": on_failure,
            "client": self.client,
            "mode": mode,
            **modules,
        }

    def _define(self, fn_id: str, **options: Any) -> Any:
        def decorate(handler: Any) -> Any:
            trigger = inngest.TriggerEvent(event=f"wire/{fn_id}")
            self.functions[fn_id] = self.client.create_function(fn_id=fn_id, trigger=trigger, **options)(handler)
            return self.functions[fn_id]

        return decorate

    def define(self, case: dict[str, Any]) -> None:
        """Define the handler of a case."""
        code = textwrap.dedent(case["code"])
        if not code.startswith("@fn"):
            code += f'\nfn("{case["id"]}")(h)\n'
        exec(code, self._names())  # a recorded handler

    def call(self, request: dict[str, Any]) -> httpx.Response:
        """A recorded call of the server."""
        query = request["path"].partition("?")[2]
        body = _filled(request["json"])
        headers = {name: value for name, value in request["headers"].items() if name.startswith("x-")}
        return httpx.post(f"{link_of(self.client).served_at}?{query}", json=body, headers=headers, timeout=10)


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    return 1_795_259_000_000 if value == "<ms>" else value


@pytest.mark.parametrize("name", CASES)
def test_answers_as_recorded(client: inngest.Inngest, server: InngestServer, name: str) -> None:
    stage, case = Stage(client), CASES[name]
    until(lambda: bool(link_of(client).app.functions))
    stage.define(case)
    until(lambda: len(link_of(client).app.functions) >= len(stage.functions))
    for exchange in case["exchanges"]:
        if exchange["via"] != "server->sdk":
            continue
        answer = stage.call(exchange["request"])
        recorded = exchange["response"]
        assert answer.status_code == recorded["status"], answer.text
        assert _differences(_comparable(recorded.get("json")), answer.json()) == []
        compared = recorded["headers"].keys() - NOT_COMPARED
        ours = {header: answer.headers.get(header) for header in compared}
        assert _differences({header: _header(recorded, header) for header in compared}, ours) == []
    sent = [(e["request"]["path"], e["request"].get("json")) for e in case["exchanges"] if e["via"] == "sdk->server"]
    ours_sent = [(path, body) for _, path, body, _ in server.asked if path != "/fn/register"]
    for (path, body), (our_path, our_body) in zip(sent, ours_sent, strict=True):
        assert our_path == path
        assert _differences(body, our_body) == []


def _differences(recorded: Any, actual: Any) -> list[str]:
    """Placeholders of what was sent to us come back as they are."""
    comparison = Comparison()
    if json.dumps(recorded, sort_keys=True) == json.dumps(actual, sort_keys=True):
        return []
    return comparison.differences(recorded, actual)


def _comparable(value: Any) -> Any:
    """Stacks name files and lines of the recording; so does a message that shows an object."""
    if isinstance(value, dict):
        return {key: ANY if key == "stack" else _comparable(item) for key, item in value.items()}
    return [_comparable(item) for item in value] if isinstance(value, list) else value


def _header(recorded: dict[str, Any], name: str) -> str:
    return ANY if name == "retry-after" else str(recorded["headers"][name])


def test_functions_are_registered_as_recorded(client: inngest.Inngest, server: InngestServer) -> None:
    Stage(client)
    registered = _defined(client, server)
    ours = {function["id"]: function for function in registered["functions"]}
    for function in cases("sdk_protocol.json")["register"]["exchanges"][1]["request"]["json"]["functions"]:
        found = json.loads(
            json.dumps(ours[function["id"]]).replace(link_of(client).served_at, "http://<app>/api/inngest")
        )
        retries = {"attempts": 4}  # the default, which the official SDK leaves to the server
        function["steps"]["step"].setdefault("retries", retries)
        assert _without_empty(found) == _without_empty(function)
    assert (registered["appname"], registered["sdk"], registered["url"]) == (
        "wire",
        "py:v0.5.19",
        link_of(client).served_at,
    )


def _defined(client: inngest.Inngest, server: InngestServer) -> dict[str, Any]:
    """Define what was registered in the recording; the registration that a server got."""
    stage = Stage(client)
    fn, names = stage._define, stage._names()

    async def handler(ctx: inngest.Context) -> None:
        """It is not called."""

    fn("one-step")(handler)
    fn("function-fails", retries=1, on_failure=names["onf"])(handler)
    fn("default-retries")(handler)
    fn("batch", batch_events=inngest.Batch(max_size=3, timeout=2000))(handler)
    fn("cancel-by-event", cancel=[inngest.Cancel(event="wire/stop", if_exp="event.data.id == async.data.id")])(handler)
    fn("singleton-skip", singleton=inngest.Singleton(mode="skip"))(handler)
    fn("rate-limit", rate_limit=inngest.RateLimit(limit=1, period="1m"))(handler)
    fn("idempotency", idempotency="event.data.k")(handler)
    fn("debounce", debounce=inngest.Debounce(period="1s"))(handler)
    until(lambda: any(len(body["functions"]) == 13 for body in server.calls("/fn/register")))
    registered: dict[str, Any] = server.calls("/fn/register")[-1]
    return registered


def _without_empty(value: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if item not in ([], None)}


class TestOwnSpellings:
    """What handlers of this package write, in the operations of the official SDK."""

    def _ask(self, client: inngest.Inngest, fn_id: str, **steps: Any) -> httpx.Response:
        event = {"name": "own/go", "data": {"n": 1}, "id": "e1", "ts": 1_795_259_000_000}
        ctx = {
            "attempt": 0,
            "disable_immediate_execution": False,
            "run_id": "r1",
            "stack": {"stack": list(steps)},
            "max_attempts": 5,
        }
        body = {"ctx": ctx, "event": event, "events": [event], "steps": steps, "use_api": False}
        until(lambda: f"wire-{fn_id}" in link_of(client).app.functions)
        return httpx.post(f"{link_of(client).served_at}?fnId=wire-{fn_id}&stepId=step", json=body, timeout=10)

    def test_durations_in_words(self, client: inngest.Inngest) -> None:
        @client.create_function(fn_id="words", trigger=inngest.TriggerEvent(event="own/go"))
        async def words(ctx: inngest.Context) -> None:
            await ctx.step.wait_for_event("answer", event="own/answer", timeout="1h30m")

        (op,) = self._ask(client, "words").json()
        assert (op["op"], op["name"], op["opts"]["timeout"]) == ("WaitForEvent", "own/answer", "90m")

    def test_channels(self, client: inngest.Inngest, server: InngestServer) -> None:
        chat = realtime.channel(name=lambda thread: f"chat:{thread}", topics={"tokens": dict})

        @client.create_function(fn_id="chat", trigger=inngest.TriggerEvent(event="own/go"))
        async def answer(ctx: inngest.Context) -> str:
            async def pieces() -> Any:
                for word in ("durable ", "functions"):
                    yield word

            topic = chat(thread="t1").tokens
            text = await ctx.stream(topic, pieces(), to=lambda word: {"text": word})
            await ctx.step.realtime.publish("done", topic, {"text": "."})
            return text

        (op,) = self._ask(client, "chat").json()
        assert (op["op"], op["name"], op["data"]) == ("StepRun", "done", {"text": "."})
        assert [body["text"] for body in server.calls("/v1/realtime/publish")] == ["durable ", "functions", "."]
        assert self._ask(client, "chat", **{op["id"]: {"data": op["data"]}}).json() == "durable functions"
        paths = {path for _, path, _, _ in server.asked if "realtime" in path}
        assert paths == {"/v1/realtime/publish?channel=chat%3At1&topic=tokens"}

    def test_sync_handlers(self, client: inngest.Inngest, server: InngestServer) -> None:
        chat = realtime.channel(name="chat", topics={"tokens": dict})

        @client.create_function(fn_id="sync", trigger=inngest.TriggerEvent(event="own/go"))
        def total(ctx: inngest.ContextSync) -> int:
            ctx.publish(chat().tokens, {"text": "adding"})

            def add(a: int, b: int) -> int:
                return a + b

            return ctx.step.run("add", add, 1, ctx.event.data["n"])

        (op,) = self._ask(client, "sync").json()
        assert (op["op"], op["data"]) == ("StepRun", 2)
        assert server.calls("/v1/realtime/publish") == [{"text": "adding"}]

    def test_data_that_does_not_fit_its_topic_is_not_sent(self, client: inngest.Inngest, server: InngestServer) -> None:
        chat = realtime.channel(name="chat", topics={"count": int})

        @client.create_function(fn_id="misfit", trigger=inngest.TriggerEvent(event="own/go"))
        async def misfit(ctx: inngest.Context) -> None:
            await ctx.publish(chat().count, "many")

        answer = self._ask(client, "misfit")
        assert (answer.status_code, answer.json()["name"]) == (500, "SchemaError")
        assert server.calls("/v1/realtime/publish") == []

    def test_what_the_server_cannot_do_is_said(self, client: inngest.Inngest) -> None:
        chat = realtime.channel(name="chat", topics={"questions": dict})

        @client.create_function(fn_id="ask", trigger=inngest.TriggerEvent(event="own/go"))
        async def ask(ctx: inngest.Context) -> None:
            await ctx.step.request_approval("ok", chat().questions, message="Proceed?", timeout="15m")

        answer = self._ask(client, "ask").json()
        assert answer["name"] == "LinkError"
        assert "request_approval" in answer["message"]


class TestClient:
    """What else a client does."""

    def test_events_go_to_the_server(self, client: inngest.Inngest, server: InngestServer) -> None:
        ids = client.send_sync([inngest.Event(name="app/a", data={"n": 1}), inngest.Event(name="app/b", id="mine")])
        assert len(ids) == 2
        ((first, second),) = server.calls("/e/NO_EVENT_KEY_SET")
        assert (first["name"], first["data"], second["id"]) == ("app/a", {"n": 1}, "mine")

    def test_a_server_that_refuses_says_so(self, client: inngest.Inngest, server: InngestServer) -> None:
        client._link()
        server.refusing = 400
        with pytest.raises(SendEventsError, match="did not take the events"):
            client.send_sync(inngest.Event(name="app/a"))

    def test_a_run_is_followed_to_its_end(self, client: inngest.Inngest, server: InngestServer) -> None:
        server.runs[RUN["run_id"]] = run = dict(RUN)
        found = client.run(RUN["run_id"])
        assert found.status == "running"
        assert [run.id for run in client.runs(event_id=RUN["event_id"])] == [found.id]
        run |= {"status": "Completed", "output": {"ok": True}}
        assert found.result(timeout=5) == {"ok": True}
        failing = server.runs["01KA0000000000000000000009"] = {**RUN, "run_id": "01KA0000000000000000000009"}
        failing |= {"status": "Failed", "output": {"code": "x", "name": "ValueError", "message": "no", "stack": ""}}
        with pytest.raises(RunFailed, match="ValueError: no"):
            client.run(failing["run_id"]).result(timeout=5)

    def test_a_run_is_cancelled(self, client: inngest.Inngest, server: InngestServer) -> None:
        server.runs[RUN["run_id"]] = dict(RUN)
        run = client.run(RUN["run_id"])
        run.cancel()
        assert run.status == "cancelled"

    def test_an_unknown_run(self, client: inngest.Inngest) -> None:
        with pytest.raises(RunNotFoundError, match="does not know this run"):
            client.run("01KA0000000000000000000000")

    def test_publishing_goes_to_the_server(self, client: inngest.Inngest, server: InngestServer) -> None:
        chat = realtime.channel(name="chat", topics={"tokens": dict})
        client.realtime.publish_sync(chat().tokens, {"text": "hi"})
        assert server.calls("/v1/realtime/publish") == [{"text": "hi"}]

    def test_what_a_server_does_not_have_is_said(self, client: inngest.Inngest) -> None:
        function = Stage(client).functions["child"]
        for call in (function.pause, lambda: function.start({}), client.runs, lambda: client.history):
            with pytest.raises(LinkError, match=r"engine=\"inngest\""):
                call()

    def test_the_hashed_signing_key_is_sent(self, server: InngestServer, tmp_path: Path) -> None:
        key = "signkey-test-8ee2262a15e8d3c42d6a840db7af3de2aab08ef632b32a37a687f24b34dba3ff"
        client = inngest.Inngest(
            app_id="keyed", engine="inngest", api_base_url=server.url, signing_key=key, data_dir=tmp_path
        )
        server.runs[RUN["run_id"]] = dict(RUN)
        client.run(RUN["run_id"])
        (headers,) = [headers for _, path, _, headers in server.asked if path.startswith("/v1/runs/")]
        assert re.fullmatch(r"Bearer [0-9a-f]{64}", headers["authorization"])
        assert key[-64:] not in headers["authorization"]
        links.close_links()

    def test_the_official_functions_are_there_for_other_servers(self, client: inngest.Inngest, tmp_path: Path) -> None:
        Stage(client)
        until(lambda: len(client.official.functions) == 3)
        assert client.official.client.app_id == "wire"
        assert {function.id for function in client.official.functions.values()} == {
            "wire-child",
            "wire-child-fails",
            "wire-child-slow",
        }
        with pytest.raises(LinkError, match="has 'embedded'"):
            _ = inngest.Inngest(app_id="other", engine="embedded", data_dir=tmp_path / "other").official

    def test_the_address_is_a_secret_and_stays(
        self, client: inngest.Inngest, server: InngestServer, tmp_path: Path
    ) -> None:
        url = link_of(client).served_at
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/api/inngest/[0-9a-f]{32}", url)
        assert httpx.post(f"{url[:-32]}?fnId=wire-child&stepId=step", json={}).status_code == 404
        links.close_links()
        assert link_of(client).served_at == url
