"""What Inngest's own server was recorded to answer, asked of a running server with the extension."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
import pytest_asyncio
from inngest_nb_server.host import EngineHost

from tests.engine.peer import ScriptedPeer, function
from tests.server.clients import Answer, Client
from tests.server.recordings import ANY, Comparison, cases, expanded

CASES = cases("events_api.json")
#: Cases and paths of parts of Inngest's server that are not served here: functions are registered by kernels.
NOT_SERVED = ("register-", "fn-remove", "v0-", "apps-", "v2-", "invoke-", "run-jobs-")
NOT_SERVED_PATHS = re.compile(r"/v0/|/v1/runs/[^/]+/jobs")
#: Headers of which each of our answers has the recorded value, where one was recorded.
HEADERS = ("content-type", "x-inngest-server-kind", "allow", "vary")
LISTS = re.compile(r"GET /v1/events\?")

Change = Callable[[dict[str, Any]], None]


def _empty_data(response: dict[str, Any]) -> None:
    response["json"]["data"]["data"] = {}


def _exact_numbers(response: dict[str, Any]) -> None:
    response["json"]["data"]["data"] = ANY


def _true_status(response: dict[str, Any]) -> None:
    response["json"]["data"][0]["status"] = "Failed"


def _not_found(response: dict[str, Any]) -> None:
    response["status"] = response["json"]["status"] = 404


def _taken(response: dict[str, Any]) -> None:
    response.clear()
    response.update(status=200, headers={}, json={"ids": ["<ulid#1>"], "status": 200})


def _all_ids(response: dict[str, Any]) -> None:
    response["json"]["ids"] = ["<... 5000 more ...>"]


def _own_discovery(response: dict[str, Any]) -> None:
    for name in (
        "version",
        "startOpts",
        "features",
        "authed",
        "isSingleNodeService",
        "isMissingSigningKey",
        "isMissingEventKeys",
    ):
        response["json"][name] = ANY
    response["json"]["functions"] = ANY
    response["headers"]["content-type"] = "application/json"


#: Where we differ on purpose, besides the rules in `_expected`: case, number of the exchange, what is answered here, and why.
DIFFERENT: dict[tuple[str, int], tuple[Change, str]] = {
    ("event-no-data", 1): (_empty_data, "data is always an object, as functions get it"),
    ("event-null-data", 1): (_empty_data, "the same"),
    ("event-unicode", 1): (_exact_numbers, "numbers stay as they were sent"),
    ("run-fail", 2): (_true_status, "the status of a run is that of the moment, everywhere"),
    ("event-5001", 0): (_all_ids, "each of the 5000 events that were taken has its id"),
    ("event-no-key", 0): (_taken, "nothing is dropped: the credential is in the header"),
    ("event-no-slash", 0): (_taken, "the same"),
    ("dev", 0): (_own_discovery, "its values are about Inngest's server"),
}


def applicable() -> list[str]:
    """The cases that are about what is served here."""
    return [case for case in CASES if not case.startswith(NOT_SERVED)]


@pytest_asyncio.fixture
async def functions(host: EngineHost) -> AsyncIterator[None]:
    """The functions of the recording, run by a worker in the server's process."""
    names = ("ok", "slow", "fail")
    peer = ScriptedPeer(host.engine, *(function(f"ev-{name}", f"ev/{name}", retries=0) for name in names))

    async def work(name: str) -> None:
        while True:
            run = await peer.started(f"ev-{name}")
            if name == "ok":
                peer.done(run, {"done": True})
            if name == "fail":
                error = {"code": "x", "message": "no", "name": "ValueError", "stack": "s"}
                peer.report(run, "run.error", attempt=run["attempt"], error=error)

    tasks = [asyncio.create_task(work(name)) for name in names]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("case", applicable())
async def test_as_recorded(case: str, client: Client, functions: None) -> None:
    if LISTS.match(CASES[case]["title"]) or "cursor" in case:
        await _fill(client)
    comparison = Comparison()
    for number, exchange in enumerate(CASES[case]["exchanges"]):
        if NOT_SERVED_PATHS.search(exchange["request"]["path"]):
            continue
        answer = await _ask(client, exchange["request"], comparison, CASES[case]["title"])
        recorded = _expected(case, number, exchange)
        assert answer.status == recorded["status"], (exchange["request"], answer)
        assert comparison.differences(recorded.get("json", ANY), _json(answer, recorded)) == []
        assert _header_differences(recorded["headers"], answer) == {}
        if "text" in recorded:
            assert answer.body.decode() == recorded["text"]
        if recorded.get("raw", "").endswith("\n"):
            assert answer.raw.endswith(b"\n")
        if case in ("run-ok", "run-fail") and number == 0:
            await _ended(client, comparison)


def test_every_difference_is_used() -> None:
    assert {case for case, _ in DIFFERENT} <= set(applicable())


async def test_two_events_of_one_id_start_one_run(client: Client, functions: None) -> None:
    (exchange,) = CASES["event-duplicate-id-runs"]["exchanges"]
    answer = await _ask(client, exchange["request"], Comparison(), "")
    first, second = json.loads(answer.body)["ids"]
    runs = [len((await client.get(f"/v1/events/{event_id}/runs"))["data"]) for event_id in (first, second)]
    assert runs == [1, 0]


def _expected(case: str, number: int, exchange: dict[str, Any]) -> dict[str, Any]:
    """The recorded answer, changed by what differs on purpose."""
    response: dict[str, Any] = json.loads(json.dumps(exchange["response"]))
    request, body = exchange["request"], response.get("json")
    if isinstance(body, dict) and "error" in body:
        if request["method"] == "GET":
            response["status"] = body["status"]  # the true status is HTTP's too
        if "ids" in body:
            body["error"] = ANY  # our sentences name the event and the field
    if request["path"].startswith("/v1/events?") and isinstance(body, dict):
        for item in body["data"] or ():  # what is listed is what this test has sent
            item.update(id="<any>", name=ANY, data=ANY)
        if shortened := re.search(r"(\d+) items", exchange.get("note", "")):
            body["data"] = [f"<... {shortened[1]} more ...>"]
    change, _ = DIFFERENT.get((case, number), (None, ""))
    if change is not None:
        change(response)
    return response


async def _ask(client: Client, request: dict[str, Any], comparison: Comparison, title: str) -> Answer:
    path = request["path"].replace("/e/test", f"/e/{client.token}").replace("<ts>", "2020-01-01T00:00:00Z")
    path = comparison.fill(path, "01KA0000000000000000000000")
    headers = {name: value.replace("<ms>,<b64>", "1,x") for name, value in request["headers"].items()}
    if not path.startswith("/e/") or path == "/e/":
        headers |= client.credential
    body = None
    if request["method"] == "POST":
        tomorrow = int((time.time() + 86_400) * 1000)
        sent = _with_time(expanded(request["json"]), tomorrow) if "json" in request else None
        body = orjson.dumps(sent) if "json" in request else request.get("text", "").encode()
    return await client.request(request["method"], path, body, headers)


def _with_time(value: Any, ms: int) -> Any:
    return {**value, "ts": ms} if isinstance(value, dict) and value.get("ts") == "<ms>" else value


def _json(answer: Answer, recorded: dict[str, Any]) -> Any:
    if "json" not in recorded:
        return ""
    return json.loads(answer.raw)


def _header_differences(recorded: dict[str, str], answer: Answer) -> dict[str, Any]:
    names = [name for name in recorded if name in HEADERS or name.startswith("access-control-")]
    pairs = {name: (recorded[name].lower(), answer.headers.get(name, "").lower()) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


async def _fill(client: Client) -> None:
    """Enough events for every page that was recorded."""
    events = [*({"name": "a/many", "data": {"i": i}} for i in range(60)), {"name": "a/c", "data": {"x": 2}}]
    assert (await client.post(f"/e/{client.token}", events)).status == 200


async def _ended(client: Client, comparison: Comparison) -> None:
    """Wait for the run of the first event; it is the second ULID of the recording."""
    async with asyncio.timeout(10):
        while True:
            runs = (await client.get(f"/v1/events/{comparison.bound['<ulid#1>']}/runs"))["data"]
            if runs and all(run["ended_at"] for run in runs):
                comparison.bound["<ulid#2>"] = runs[0]["run_id"]
                return
            await asyncio.sleep(0.01)
