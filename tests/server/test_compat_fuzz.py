"""100,000 mutated requests to the compatible API: each is answered, none with 500, and what was taken is there."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inngest_nb_server.compat import COMPAT_ROUTES, realtime
from inngest_nb_server.credentials import Keys
from inngest_nb_server.host import EngineHost
from jupyter_server.auth import AllowAllAuthorizer, IdentityProvider
from tornado.concurrent import Future
from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPServerRequest, RequestStartLine, ResponseStartLine
from tornado.web import Application

REQUESTS = 100_000
AT_ONCE = 200
KEY, SIGNING_KEY = "event-key", "8ee2262a15e8d3c42d6a840db7af3de2aab08ef632b32a37a687f24b34dba3ff"
ULID = "01KA0000000000000000000000"
SEED = f"1743130137367,{base64.b64encode(bytes(range(10))).decode()}"
BODIES = [
    b'{"name":"app/go","data":{"a":[1,2.5,"x",null,true],"b":{"c":{}}},"id":"mine","ts":1700000000000,"user":{"id":1},"v":"1"}',
    b'[{"name":"a/b"},{"name":"a/c","data":{}},{"name":"a/d","data":null}]',
    b'{"name":"a","data":{"s":"\\ud83d\\ude80 \\u0000"},"meta":{"sessions":{"s":5}}}',
    b" [ ] ",
]
PIECES = [
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"\\ud800", b"\x00", b"\xff", b"\xe2\x80\xa8", b"NaN", b"1e999", b"-0",
    b"9" * 30, b"null", b'"name"', b'"data"', b'"ts":-1', b'"id":5', b"inngest/", b"[" * 200, b"\n", b" ",
]  # fmt: skip
PATHS = [
    "/e/{key}",
    "/e",
    "/e/",
    "/e/x",
    "/v1/events",
    "/v1/events/{id}",
    "/v1/events/{id}/runs",
    "/v1/runs/{id}",
    "/v1/x",
    "/dev",
    "/health",
]
QUERIES = [
    "",
    "limit=2",
    "limit=-1",
    "limit=1e9",
    "cursor={id}",
    "received_after=2020-01-01T00:00:00Z",
    "received_before=x",
    "name=a%2Fb",
    "token=x",
]
HEADERS = [
    ("X-Inngest-Event-Id-Seed", SEED),
    ("Content-Type", "text/plain"),
    ("Origin", "null"),
    ("Cookie", "a=b"),
]


class Answered(HTTPConnection):
    """The other end of a request without a socket."""

    def __init__(self) -> None:
        self.status = 0
        self.body = bytearray()
        self.ended = asyncio.Event()

    def write_headers(self, start_line: Any, headers: HTTPHeaders, chunk: bytes | None = None) -> Future[None]:
        """The status and the first part."""
        assert isinstance(start_line, ResponseStartLine)
        self.status = start_line.code
        return self.write(chunk or b"")

    def write(self, chunk: bytes) -> Future[None]:
        """A part of the body."""
        self.body += chunk
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def finish(self) -> None:
        """All of it is there."""
        self.ended.set()

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Nobody closes."""


Ask = Callable[[dict[str, Any]], Awaitable[Answered]]


@pytest_asyncio.fixture
async def ask(tmp_path: Path) -> AsyncIterator[Ask]:
    """The real handlers over a real engine, without sockets between."""
    host = EngineHost(tmp_path / "data", label="the test", log=_Log())
    await host.start([])
    provider = IdentityProvider(token="a" * 48)
    application = Application(
        [(f"/{path}", handler) for path, handler in COMPAT_ROUTES if (path, handler) not in realtime.ROUTES],
        inngest_host=host, inngest_keys=Keys(signing=(SIGNING_KEY,), event=KEY), identity_provider=provider,
        authorizer=AllowAllAuthorizer(), cookie_secret="of this test", log_function=lambda handler: None,
    )  # fmt: skip

    async def ask(request: dict[str, Any]) -> Answered:
        connection = Answered()
        line = RequestStartLine(request["method"], request["target"], "HTTP/1.1")
        made = HTTPServerRequest(
            headers=request["headers"], body=request["body"], connection=connection, start_line=line
        )
        made.remote_ip = "127.0.0.1"
        application.find_handler(made).execute()
        await asyncio.wait_for(connection.ended.wait(), 30)
        return connection

    yield ask
    await host.stop()


class _Log:
    """Says nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **kwargs: None


def mutated(rng: random.Random, body: bytes) -> bytes:
    """A body with a few cuts, repetitions, pieces and changed bytes."""
    data = bytearray(body)
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            del data[at : at + rng.randrange(1, 20)]
        elif kind == 1:
            data[at:at] = rng.choice(PIECES)
        elif kind == 2 and data:
            data[min(at, len(data) - 1)] = rng.randrange(256)
        else:
            data[at:at] = data[at : at + rng.randrange(1, 40)]
    return bytes(data)


def request_of(rng: random.Random) -> dict[str, Any]:
    """One request; half of them are events with a key."""
    intake = rng.random() < 0.5
    path = "/e/{key}" if intake else rng.choice(PATHS)
    target = path.format(key=rng.choice([KEY, KEY, KEY, "wrong", "%ff", ""]), id=_id(rng))
    query = rng.choice(QUERIES).format(id=_id(rng))
    if rng.random() < 0.2:
        query = quote(mutated(rng, query.encode()), safe="=&%")
    headers = HTTPHeaders({"Host": "127.0.0.1"})
    for name, value in rng.sample(HEADERS, rng.randrange(len(HEADERS))):
        headers[name] = _text(rng, value)
    if rng.random() < 0.7:
        headers["Authorization"] = rng.choice(["Bearer ", "token ", "", "Basic "]) + _text(rng, SIGNING_KEY)
    method = "POST" if intake else rng.choice(["GET", "GET", "POST", "DELETE", "OPTIONS", "PUT", "HEAD"])
    return {
        "method": method,
        "target": f"{target}?{query}" if query else target,
        "headers": headers,
        "body": mutated(rng, rng.choice(BODIES)) if method == "POST" else b"",
    }


def _id(rng: random.Random) -> str:
    return quote(mutated(rng, ULID.encode())) if rng.random() < 0.5 else ULID


def _text(rng: random.Random, value: str) -> str:
    """Mostly as it is; else damaged, as far as a header can be that reaches a handler."""
    if rng.random() < 0.7:
        return value
    return "".join(letter for letter in mutated(rng, value.encode()).decode("latin-1") if letter.isprintable())


def fits(request: dict[str, Any], answer: Answered) -> bool:
    """Whether the answer says in its body what it says in its status."""
    if answer.status in (405, 204) or request["method"] in ("OPTIONS", "HEAD") or not answer.body:
        return True
    if answer.body == b"404 page not found\n":
        return answer.status == 404
    body = json.loads(answer.body)
    if request["target"].startswith("/e") and answer.status < 500:
        return body["status"] == answer.status and bool(body["ids"]) and ("error" in body) is (answer.status != 200)
    return answer.status == 200 or body["status"] == answer.status


@pytest.mark.timeout(400)
async def test_no_request_breaks_it(ask: Ask) -> None:
    rng = random.Random(1)
    statuses: Counter[int] = Counter()
    accepted: set[str] = set()
    for _ in range(REQUESTS // AT_ONCE):
        requests = [request_of(rng) for _ in range(AT_ONCE)]
        for request, answer in zip(requests, await asyncio.gather(*map(ask, requests)), strict=True):
            assert answer.status < 500, (request, bytes(answer.body))
            assert fits(request, answer), (request, answer.status, bytes(answer.body))
            statuses[answer.status] += 1
            if request["target"].startswith("/e") and answer.status in (200, 400) and answer.body:
                accepted.update(json.loads(answer.body)["ids"])
    accepted.discard("")
    assert min(statuses[status] for status in (200, 400, 401, 404, 405)) > REQUESTS // 1000, statuses
    assert len(accepted) > REQUESTS // 100
    for event_id in rng.sample(sorted(accepted), 200):
        headers = HTTPHeaders({"Host": "127.0.0.1", "Authorization": f"Bearer {SIGNING_KEY}"})
        shown = await ask({"method": "GET", "target": f"/v1/events/{event_id}", "headers": headers, "body": b""})
        assert shown.status == 200


@given(body=st.binary(max_size=200), header=st.text(max_size=60), query=st.text(max_size=40))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_breaks_it_is_made_small(ask: Ask, body: bytes, header: str, query: str) -> None:
    printable = "".join(letter for letter in header if letter.isprintable())
    headers = HTTPHeaders({"Host": "127.0.0.1", "X-Inngest-Event-Id-Seed": printable, "Authorization": printable})
    intake = {"method": "POST", "target": f"/e/{KEY}", "headers": headers, "body": body}
    assert (await ask(intake)).status in (200, 400)
    headers = HTTPHeaders({"Host": "127.0.0.1", "Authorization": f"Bearer {SIGNING_KEY}"})
    for name in ("limit", "cursor", "name", "received_after", "received_before"):
        target = f"/v1/events?{name}={quote(query, errors='replace')}"
        assert (await ask({"method": "GET", "target": target, "headers": headers, "body": b""})).status in (200, 400)
