"""`step.ai`: real requests to a scripted endpoint, and calls of a provider's library."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pydantic
import pytest

import inngest_nb as inngest
from inngest_nb.ai import as_json, request_of
from inngest_nb.experimental import ai
from inngest_nb.testing import trigger
from tests.support.llm import Reply, ScriptedModel

GO = inngest.Event(name="app/go")
TRIGGER = inngest.TriggerEvent(event="app/go")
BODY = {"messages": [{"role": "user", "content": "hello"}]}
KEY = "very-secret"


def asking(client: inngest.Inngest, adapter: Any, *, sync: bool = False, retries: int = 1) -> inngest.Function[Any]:
    """A function that asks once."""

    async def body(ctx: inngest.Context) -> Any:
        return await ctx.step.ai.infer("ask", adapter=adapter, body=BODY)

    def sync_body(ctx: inngest.ContextSync) -> Any:
        return ctx.step.ai.infer("ask", adapter=adapter, body=BODY)

    settings: Any = {"fn_id": "asks", "trigger": TRIGGER, "retries": retries}
    return client.create_function(**settings)(sync_body if sync else body)


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
def test_the_answer_is_the_providers_json(client: inngest.Inngest, scripted_llm: ScriptedModel, sync: bool) -> None:
    adapter = ai.openai.Adapter(auth_key=KEY, model="m", base_url=scripted_llm.base_url)
    result = trigger(asking(client, adapter, sync=sync), GO).result()
    assert result.output["choices"][0]["message"]["content"] == "Durable functions remember what they did."
    (request,) = scripted_llm.requests()
    assert request.body == {**BODY, "model": "m"}
    assert "model" not in BODY
    step = result.step("ask")
    assert (step.op, step.output) == ("ai.infer", result.output)


def test_what_may_pass_is_tried_again_when_the_provider_says(
    client: inngest.Inngest, scripted_llm: ScriptedModel
) -> None:
    scripted_llm.script(Reply(status=429, retry_after=7), Reply(status=503), Reply())
    adapter = ai.openai.Adapter(auth_key=KEY, model="m", base_url=scripted_llm.base_url)
    result = trigger(asking(client, adapter, retries=4), GO).result()
    assert result.status == "completed"
    assert result.step("ask").attempt == 2


def test_what_will_not_pass_is_not_tried_again(client: inngest.Inngest, scripted_llm: ScriptedModel) -> None:
    scripted_llm.script(Reply(status=401))
    adapter = ai.openai.Adapter(auth_key=KEY, model="m", base_url=scripted_llm.base_url)
    result = trigger(asking(client, adapter, retries=4), GO).result()
    assert result.error is not None
    assert (result.error["code"], result.error["name"]) == ("step_errored", "InferError")
    assert "answered 401" in result.error["message"]
    assert result.step("ask").attempt == 0
    assert len(scripted_llm.requests()) == 1


def test_nobody_there_is_an_error_with_the_address(client: inngest.Inngest, unused_tcp_port: int) -> None:
    adapter = ai.openai.Adapter(auth_key=KEY, model="m", base_url=f"http://127.0.0.1:{unused_tcp_port}")
    error = trigger(asking(client, adapter), GO).error
    assert error is not None
    assert f"http://127.0.0.1:{unused_tcp_port}/chat/completions could not be reached" in error["message"]


class Asked(BaseHTTPRequestHandler):
    """Notes a request and answers what the test wants."""

    seen: list[tuple[str, dict[str, str]]]
    answer: bytes

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def asked() -> Iterator[type[Asked]]:
    handler = type("Handler", (Asked,), {"seen": [], "answer": b'{"ok": true}'})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        handler.url = f"http://127.0.0.1:{server.server_address[1]}"  # type: ignore[attr-defined]
        yield handler
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("provider", "path", "header", "value"),
    [
        ("openai", "/chat/completions", "authorization", f"Bearer {KEY}"),
        ("grok", "/chat/completions", "authorization", f"Bearer {KEY}"),
        ("deepseek", "/chat/completions", "authorization", f"Bearer {KEY}"),
        ("anthropic", "/messages", "x-api-key", KEY),
        ("gemini", f"/models/m:generateContent?key={KEY}", "authorization", None),
    ],
)
def test_every_provider_gets_its_key_where_it_wants_it(
    client: inngest.Inngest, asked: Any, provider: str, path: str, header: str, value: str | None
) -> None:
    adapter = getattr(ai, provider).Adapter(auth_key=KEY, model="m", base_url=asked.url)
    assert trigger(asking(client, adapter), GO).output == {"ok": True}
    ((sent_to, headers),) = asked.seen
    assert (sent_to, headers.get(header)) == (path, value)
    assert headers["content-type"] == "application/json"
    if provider == "anthropic":
        assert headers["anthropic-version"] == "2023-06-01"
    assert KEY not in request_of(adapter, BODY).recorded()


def test_an_answer_that_is_not_json_is_an_error(client: inngest.Inngest, asked: Any) -> None:
    asked.answer = b"<html>maintenance</html>"
    error = trigger(asking(client, ai.gemini.Adapter(auth_key=KEY, model="m", base_url=asked.url)), GO).error
    assert error is not None
    assert "did not answer with JSON: <html>maintenance" in error["message"]
    assert KEY not in json.dumps(error)


class Answer(pydantic.BaseModel):
    text: str


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
def test_wrap_keeps_a_librarys_answer_as_json(client: inngest.Inngest, sync: bool) -> None:
    calls: list[str] = []

    def ask(prompt: str) -> Answer:
        calls.append(prompt)
        return Answer(text=prompt.upper())

    async def body(ctx: inngest.Context) -> Any:
        return await ctx.step.ai.wrap("ask", ask, "hi")

    def sync_body(ctx: inngest.ContextSync) -> Any:
        return ctx.step.ai.wrap("ask", ask, "hi")

    settings: Any = {"fn_id": "wraps", "trigger": TRIGGER}
    result = trigger(client.create_function(**settings)(sync_body if sync else body), GO).result()
    assert (result.output, result.step("ask").op, calls) == ({"text": "HI"}, "ai.wrap", ["hi"])


def test_answers_that_are_no_models_stay_as_they_are() -> None:
    assert as_json([Answer(text="a"), {"b": 1}, "c"]) == [{"text": "a"}, {"b": 1}, "c"]
