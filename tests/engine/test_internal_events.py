"""Events of the engine's own, against what a real Inngest server sent: the recorded handlers run here, and the same follows."""

from __future__ import annotations

import asyncio
import datetime
import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

import inngest_nb as inngest
from inngest_nb.testing import TestEngine
from tests.unit.vectors import load

CASES = {case["id"]: case for case in load("internal_events")["cases"]}
_ABOUT_THE_SERVER = {"gid", "isr", "tc", "source_fn_v", "source_app_id", "source_fn_id"}  # its own ids, and traces
_PLACEHOLDER = re.compile(r"<(ms|(?:ulid|uuid)#\d+)>")


class Stage:
    """The recorded handlers, defined in an engine on a clock that stands still."""

    def __init__(self, engine: TestEngine) -> None:
        self.engine, self.functions = engine, dict[str, inngest.Function[Any]]()
        self.client = inngest.Inngest(app_id="wire")
        exec(_HELPERS, self._names())  # the text below

    def _names(self) -> dict[str, Any]:
        async def on_failure(ctx: inngest.Context) -> None:
            """As recorded it had a step; what it does is not compared."""

        modules = {"asyncio": asyncio, "datetime": datetime, "inngest": inngest}
        return {"fn": self._define, "FN": self.functions, "onf": on_failure, **modules}

    def _define(self, fn_id: str, **options: Any) -> Any:
        def decorate(handler: Any) -> Any:
            trigger = inngest.TriggerEvent(event=f"wire/{fn_id}")
            function = self.client.create_function(fn_id=fn_id, trigger=trigger, backoff=1.0, **options)(handler)
            self.functions[fn_id] = function
            return function

        return decorate

    def play(self, case: dict[str, Any]) -> list[inngest.Run]:
        """Define the case's handler, send what was sent, and take every run to its end."""
        exec(case["code"], self._names())  # a recorded handler
        for event in case["trigger"]:
            self.engine.send(inngest.Event(name=event["name"], data=event.get("data") or {}))
        self.engine.settle()
        name = re.match(r'@fn\("([^"]+)"', case["code"])
        runs = self.engine.runs(self.functions[name[1]])[::-1]  # type: ignore[index]
        if case["id"] == "invoke-cancelled-child":
            self.engine.runs(self.functions["child-slow"])[0].cancel()
        script = [inngest.Event(name="wire/go", data={"id": 7, "payload": "x"})]
        for run in runs:
            self.engine.finish(run, script=script)
        return runs

    def internal_events(self) -> list[dict[str, Any]]:
        """What the engine has sent, without the end of failure handlers."""

        async def read() -> list[Any]:
            query = "SELECT name, event_id, data, ts FROM events WHERE name LIKE 'inngest/%' ORDER BY id"
            return self.engine._link.engine.core.journal.rows(query)

        rows = self.engine._link.on_engine(read)
        return [{"name": n, "id": i, "data": orjson.loads(data), "ts": ts} for n, i, data, ts in rows]


_HELPERS = """
@fn("child")
async def child(ctx): return {"double": ctx.event.data["n"] * 2, "event_name": ctx.event.name}
@fn("child-fails", retries=0)
async def child_fails(ctx): raise ValueError("child boom")
@fn("child-slow")
async def child_slow(ctx): await ctx.step.sleep("slow", 60_000)
"""


@pytest.fixture
def stage() -> Iterator[Stage]:
    with TestEngine() as engine:
        yield Stage(engine)


@pytest.mark.parametrize("name", CASES)
def test_the_same_events_follow(stage: Stage, name: str) -> None:
    case = CASES[name]
    runs = stage.play(case)
    recorded = case["internal_events"]
    if name == "invoke-cancelled-child":
        recorded = recorded[:-1]  # the caller's own end: here invoke raises, see the reference of `invoke`
    ours = stage.internal_events()
    known: dict[str, Any] = {}
    for expected in recorded:
        found = next(event for event in ours if _is_meant(event, expected))
        ours.remove(found)
        assert _differences(expected, found, known, name) == []
    assert len(ours) == (1 if name == "invoke-cancelled-child" else 0)
    assert [run.status.capitalize() for run in runs] == [run["status"] for run in case["runs"]][: len(runs)]


def _is_meant(event: dict[str, Any], expected: dict[str, Any]) -> bool:
    if event["name"] != expected["name"]:
        return False
    of = expected.get("data", {}).get("function_id")
    return of is None or event["data"].get("function_id") == of


def _differences(expected: Any, found: Any, known: dict[str, Any], where: str) -> list[str]:
    """In what `found` is not what was recorded; `known` remembers what a placeholder stands for."""
    if "data_keys" in expected:
        ours = {"data_keys": sorted(found["data"]), "status": found["data"]["_inngest"]["status"]}
        return _compare({key: expected[key] for key in ours}, ours, known, where)
    return _compare(expected, found, known, where)


def _compare(expected: Any, found: Any, known: dict[str, Any], where: str) -> list[str]:
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = [key for key in expected.keys() | found.keys() if key not in _ABOUT_THE_SERVER | {"v", "stack"}]
        nothing = object()
        pairs = [(key, expected.get(key, nothing), found.get(key, nothing)) for key in keys]
        return [line for key, a, b in pairs for line in _compare(a, b, known, f"{where}.{key}")]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs_ = enumerate(zip(expected, found, strict=True))
        return [line for i, (a, b) in pairs_ for line in _compare(a, b, known, f"{where}[{i}]")]
    if isinstance(expected, str) and isinstance(found, str) and "#" in expected:
        for name, value in zip(_PLACEHOLDER.findall(expected), found.split("."), strict=False):
            if known.setdefault(name, value) != value:
                return [f"{where}: {expected} was {known[name]}, is {value}"]
        return []
    if expected == "<ms>" and isinstance(found, int):
        return []
    same = expected == found or (isinstance(expected, str) and where.endswith("message") and expected in str(found))
    return [] if same else [f"{where}: recorded {expected!r}, ours {found!r}"]


def test_a_run_that_the_engine_fails_has_its_error_as_output(stage: Stage) -> None:
    async def wrong(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event("w", event="wire/go", if_exp="async.data.id ==", timeout="1h")

    function = stage._define("wrong")(wrong)
    run = stage.engine.start(function, inngest.Event(name="wire/wrong"))
    result = stage.engine.finish(run)
    assert result.error is not None
    assert set(result.error) == {"code", "name", "message", "stack"}
    finished, failed = stage.internal_events()
    assert finished["data"] == failed["data"]
    error = failed["data"]["error"]
    assert (error["name"], error["error"]) == ("ExpressionError", error["message"])
    assert failed["data"]["result"] == {"error": error}


@pytest.mark.parametrize("name", ["async_steps", "sync_steps"])
def test_the_attempt_within_a_step_is_the_steps(stage: Stage, name: str) -> None:
    seen: list[int] = []

    def flaky(ctx: Any) -> None:
        seen.append(ctx.attempt)
        if ctx.attempt < 2:
            raise ValueError("again")

    async def async_steps(ctx: inngest.Context) -> int:
        await ctx.step.run("flaky", flaky, ctx)
        return ctx.attempt

    def sync_steps(ctx: inngest.ContextSync) -> int:
        ctx.step.run("flaky", flaky, ctx)
        return ctx.attempt

    function = stage._define(name)({"async_steps": async_steps, "sync_steps": sync_steps}[name])
    run = stage.engine.start(function, inngest.Event(name=f"wire/{name}"))
    assert stage.engine.finish(run).output == 0
    assert seen == [0, 1, 2]
