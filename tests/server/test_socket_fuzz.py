"""Mutated frames on both sockets: each is taken or refused, none gets out of the handler, and other peers notice nothing."""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inngest_nb_server.routes import events
from inngest_nb_server.routes.realtime import RealtimeSocket
from inngest_nb_server.routes.worker import WorkerSocket
from jupyter_server.auth import AllowAllAuthorizer, IdentityProvider
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import Application

from inngest_nb.engine.engine import Engine
from inngest_nb.engine.session import Session
from inngest_nb.engine.subscriptions import Subscriptions
from inngest_nb.hub import Publish
from inngest_nb.stephash import step_hash
from tests.engine.peer import ScriptedPeer, function, until
from tests.server.test_compat_fuzz import Answered
from tests.support.mutation import mutated

FRAMES = 100_000
LOOK_EVERY = 2_000
STEP = {"step_id": "s", "hash": step_hash("s", 0), "index": 0, "kind": "run", "started_at": 1, "attempt": 0}
RUN = {"run_id": "RUN", "lease": "LEASE"}
FAILURE = {"name": "ValueError", "message": "m", "stack": None}
OF_WORKERS: list[Any] = [
    {
        "op": "hello",
        "worker_id": "fuzz",
        "functions": [dict(function())],
        "live": {"RUN": "LEASE"},
        "pid": 1,
        "host": "h",
        "label": "l",
    },
    {"op": "register", "functions": [dict(function("app-other"))]},
    {"op": "step.begin", **RUN, **STEP},
    {"op": "step.done", **RUN, **STEP, "ended_at": 2, "output": "1", "opts": "{}", "code_hash": "c"},
    {"op": "step.done", **RUN, **STEP, "ended_at": 2, "error": FAILURE, "retriable": True, "retry_after_ms": 1.5},
    {
        "op": "step.done",
        **RUN,
        **STEP,
        "ended_at": 2,
        "output": "1",
        "publish": {"channel": "c", "topic": "t", "data": "1"},
    },
    {
        "op": "step.wait",
        **RUN,
        **STEP,
        "kind": "wait_for_event",
        "wake_at": 10**15,
        "event": "a/b",
        "if_exp": "async.data.x == 1",
    },
    {"op": "step.wait", **RUN, **STEP, "kind": "sleep", "wake_at": 10**15},
    {"op": "step.drop", **RUN, **STEP},
    {"op": "run.idle", **RUN},
    {"op": "run.park", **RUN},
    {"op": "run.busy", **RUN, "hash": "turn"},
    {"op": "run.done", **RUN, "output": "1"},
    {"op": "run.error", **RUN, "attempt": 0, "error": {"code": "unknown", **FAILURE}, "retriable": True},
    {
        "op": "publish",
        "channel": "c",
        "topic": "t",
        "data": "1",
        **RUN,
        "fn_id": "app-fn",
        "step_id": "s",
        "attempt": 0,
        "hash": "h",
        "created_at": 5,
    },
    {"op": "subscribe", "id": "f1", "channel": "c", "topics": ["t"], "since": "start", "epoch": 1},
    {"op": "unsubscribe", "id": "f1"},
    *(
        {"op": "request", "id": n, "method": method, "params": params}
        for n, (method, params) in enumerate(
            [
                ("send", {"events": [{"name": "fuzz/event", "data": {}, "id": "i", "ts": 5}], "key": "k"}),
                ("start", {"fn_id": "app-fn", "event": {"name": "x", "data": {}}, "key": "k"}),
                ("run", {"run_id": "RUN"}),
                ("runs", {"function": "app-fn", "status": "queued", "event_id": None, "limit": 5}),
                ("publish", {"channel": "c", "topic": "t", "data": "1", "created_at": 5, "again": True}),
                ("view", {"run_id": "RUN"}),
                ("attempts", {"run_id": "RUN", "hash": "h"}),
                ("messages", {"channel": "c", "since": 0, "limit": 10, "last": 5}),
                ("memos", {"run_id": "RUN"}),
                ("pause", {"fn_id": "app-fn", "paused": False}),
            ]
        )
    ),
]
OF_PAGES: list[Any] = [
    {"op": "subscribe", "id": "s1", "channel": "c", "topics": None, "since": "start"},
    {"op": "subscribe", "id": "s2", "channel": "c", "topics": ["t", "u"], "since": 5, "epoch": 7},
    {"op": "subscribe", "id": "s3", "channel": "other", "topics": [], "since": {"us": 1_700_000_000_000_000}},
    {"op": "unsubscribe", "id": "s1"},
]


class _Worker(WorkerSocket):
    """The handler without its socket."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self.closed = engine, 0
        self.initialize()
        self._session = Session(engine, self._say, user="fuzz")

    log = logging.getLogger("fuzz")

    async def hear(self, frame: bytes) -> None:
        """A frame, to the end of what it causes here."""
        received = self.on_message(frame)
        if received is not None:
            await received

    def write_message(self, *_: Any, **__: Any) -> asyncio.Future[None]:
        return _done()

    def close(self, *_: Any) -> None:
        self.closed += 1
        self.on_close()
        self._session = Session(self._engine, self._say, user="fuzz")


class _Page(RealtimeSocket):
    """The handler without its socket."""

    def __init__(self, engine: Engine) -> None:
        self.said: Counter[str] = Counter()
        self._subscriptions = Subscriptions(engine.core.hub, self._say, coalesce_s=0.001)

    def write_message(self, message: bytes | str | dict[str, Any], *_: Any) -> asyncio.Future[None]:
        assert isinstance(message, bytes)
        self.said[orjson.loads(message)["op"]] += 1
        return _done()


def _done() -> asyncio.Future[None]:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done


class Bystander:
    """A worker with a run of its own, and a subscription: both must go on whatever others say."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.steps = self.published = 0
        self.peer = ScriptedPeer(engine, function("by-stander", event="by/go"), worker_id="bystander")
        self.unhandled: list[dict[str, Any]] = []
        engine.core.loop.set_exception_handler(lambda _, context: self.unhandled.append(context))

    async def begin(self) -> None:
        await self.engine.send([{"name": "by/go", "data": {}}])
        self.run = await self.peer.started("by-stander")
        self.peer.say({"op": "subscribe", "id": "own", "channel": "by", "since": "start"})

    async def look(self) -> None:
        self.steps += 1
        step = self.peer.step_done(self.run, f"s{self.steps}", index=self.steps, output="1")
        await self.peer.hear("step.saved", hash=step)
        self.engine.core.hub.publish(Publish("by", "t", str(self.steps)))
        (message,) = (await self.peer.hear("messages", id="own"))["messages"]
        assert orjson.loads(message)["offset"] == self.steps - 1
        await self.engine.send([{"name": "by/other", "data": {}}])
        assert not self.unhandled, self.unhandled
        self.peer.heard.clear()


@pytest_asyncio.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    engine = Engine(tmp_path / "data")
    await engine.start()
    yield engine
    if engine.core.journal.writer._thread.is_alive():
        await engine.stop()


@pytest_asyncio.fixture
async def bystander(engine: Engine) -> Bystander:
    bystander = Bystander(engine)
    await bystander.begin()
    return bystander


async def _a_run(engine: Engine, worker: _Worker) -> bytes:
    """A run that the worker holds, so that its reports are about something."""
    await worker.hear(orjson.dumps([OF_WORKERS[0] | {"live": {}}]))
    run = await engine.start_function("app-fn", {"name": "x", "data": {}})
    await until(lambda: run.lease or run.ended_at, "a lease")
    return orjson.dumps([run.id, run.lease])


def _about(run: bytes, frame: bytes) -> bytes:
    run_id, lease = orjson.loads(run)
    return re.sub(b"LEASE", lease.encode(), re.sub(b"RUN", run_id.encode(), frame))


async def fuzz_workers(engine: Engine, bystander: Bystander, frames: int, seed: int = 0) -> tuple[int, int]:
    logging.disable(logging.CRITICAL)
    rng, worker = random.Random(seed), _Worker(engine)
    good = [orjson.dumps([message]) for message in OF_WORKERS] + [orjson.dumps(OF_WORKERS[2:12])]
    run = b'["",""]'
    for n in range(frames):
        if n % 200 == 0:
            run = await _a_run(engine, worker)
        frame = _about(run, mutated(rng, good))
        try:
            await worker.hear(frame)
        except Exception as exc:
            raise AssertionError(f"{exc!r} got out of the handler for {frame[:2000]!r}") from exc
        if n % 50 == 0:
            await asyncio.sleep(0)
        if n % LOOK_EVERY == 0:
            await bystander.look()
    await bystander.look()
    worker.on_close()
    return frames - worker.closed, worker.closed


async def fuzz_pages(engine: Engine, bystander: Bystander, frames: int, seed: int = 0) -> Counter[str]:
    rng, page = random.Random(seed), _Page(engine)
    good = [orjson.dumps(message) for message in OF_PAGES]
    for n in range(frames):
        frame = mutated(rng, good)
        try:
            await page.on_message(frame)
        except Exception as exc:
            raise AssertionError(f"{exc!r} got out of the handler for {frame[:2000]!r}") from exc
        if n % 50 == 0:
            engine.core.hub.publish(Publish("c", "t", str(n)))
            await asyncio.sleep(0)
        if n % LOOK_EVERY == 0:
            await bystander.look()
    await bystander.look()
    page.on_close()
    return page.said


@pytest.fixture(autouse=True)
def quiet() -> Any:
    yield
    logging.disable(logging.NOTSET)


async def test_ten_thousand_frames_of_workers(engine: Engine, bystander: Bystander) -> None:
    taken, refused = await fuzz_workers(engine, bystander, 10_000)
    assert taken > 1000, "a fuzzer whose frames are all refused tests one line"
    assert refused > 1000
    await engine.stop()
    again = Engine(engine.data_dir)
    await again.start()  # nothing was kept that it cannot take up
    await again.stop()


async def test_ten_thousand_frames_of_pages(engine: Engine, bystander: Bystander) -> None:
    said = await fuzz_pages(engine, bystander, 10_000)
    assert min(said["subscribed"], said["error"]) > 100, said
    assert said["messages"] > 10, said  # as many as share a frame


@pytest.mark.slow
async def test_a_hundred_thousand_frames_of_workers(engine: Engine, bystander: Bystander) -> None:
    taken, _ = await fuzz_workers(engine, bystander, FRAMES, seed=1)
    assert taken > FRAMES / 10


@pytest.mark.slow
async def test_a_hundred_thousand_frames_of_pages(engine: Engine, bystander: Bystander) -> None:
    said = await fuzz_pages(engine, bystander, FRAMES, seed=1)
    assert said["subscribed"] > FRAMES / 100, said


EVENTS: list[Any] = [
    {"name": "fuzz/event", "data": {"a": [1, {"b": None}]}, "id": "mine", "ts": 1_700_000_000_000, "v": "1"},
    [{"name": "fuzz/a"}, {"name": "fuzz/b", "data": {}, "user": {"name": "x"}}],
    {"name": "approval/decided", "data": {"question_id": "q", "approved": True, "reason": "ok", "answer": {"n": 1}}},
]


async def fuzz_events(engine: Engine, bystander: Bystander, requests: int, seed: int = 0) -> Counter[int]:
    """Bodies of the events route, through its handler, while a run waits for an answer."""
    host = SimpleNamespace(engine=engine)
    application = Application(
        [(f"/{path}", handler) for path, handler in events.ROUTES], inngest_host=host, authorizer=AllowAllAuthorizer(),
        identity_provider=IdentityProvider(token="a" * 48), cookie_secret="of this test", log_function=lambda handler: None,
    )  # fmt: skip
    rng, statuses = random.Random(seed), Counter[int]()
    good = [orjson.dumps(event) for event in EVENTS]

    async def post(body: bytes, key: str) -> None:
        connection = Answered()
        headers = HTTPHeaders({"Host": "127.0.0.1", "Authorization": f"token {'a' * 48}", "Idempotency-Key": key})
        line = RequestStartLine("POST", "/events", "HTTP/1.1")
        made = HTTPServerRequest(headers=headers, body=body, connection=connection, start_line=line)
        made.remote_ip = "127.0.0.1"
        application.find_handler(made).execute()
        await asyncio.wait_for(connection.ended.wait(), 30)
        assert connection.status in (200, 400, 409, 413), (
            f"{connection.status} {bytes(connection.body)!r} for {body[:1000]!r}"
        )
        statuses[connection.status] += 1

    for first in range(0, requests, 100):
        await asyncio.gather(
            *(post(mutated(rng, good), rng.choice(["", "k", str(n)])) for n in range(first, first + 100))
        )
        if first % LOOK_EVERY == 0:
            await bystander.look()
    return statuses


async def test_a_thousand_bodies_of_events(engine: Engine, bystander: Bystander) -> None:
    statuses = await fuzz_events(engine, bystander, 1_000)
    assert min(statuses[200], statuses[400]) > 100, statuses


@pytest.mark.slow
async def test_a_hundred_thousand_bodies_of_events(engine: Engine, bystander: Bystander) -> None:
    statuses = await fuzz_events(engine, bystander, FRAMES, seed=1)
    assert statuses[200] > FRAMES / 10, statuses


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=6,
)


@st.composite
def nearly(draw: Any, good: list[Any]) -> Any:
    """A good message of which some fields have another value."""
    message = dict(draw(st.sampled_from(good)))
    for key in draw(st.lists(st.sampled_from(sorted(message)), max_size=3)):
        message[key] = draw(JSON)
    return message


def test_frames_of_workers_from_a_grammar(tmp_path: Path) -> None:
    """Fewer, but a failure is shrunk to its cause."""
    logging.disable(logging.CRITICAL)

    async def one(messages: list[Any]) -> None:
        engine = Engine(tmp_path / "data")
        await engine.start()
        try:
            worker = _Worker(engine)
            run = await _a_run(engine, worker)
            await worker.hear(_about(run, orjson.dumps(messages)))
            await asyncio.sleep(0)
            assert (await engine.send([{"name": "a", "data": {}}])) is not None
        finally:
            await engine.stop()

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.lists(nearly(OF_WORKERS), min_size=1, max_size=3))
    def check(messages: list[Any]) -> None:
        asyncio.run(one(messages))

    check()
