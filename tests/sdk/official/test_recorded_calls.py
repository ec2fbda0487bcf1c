"""engine="inngest": functions of this package served by the official SDK answer a server's calls as recorded ones did."""

from __future__ import annotations

import json
from typing import Any

import pytest

import inngest_nb as inngest
from tests.sdk.official.server import InngestServer, link_of
from tests.sdk.official.stage import Stage
from tests.server.recordings import ANY, Comparison, cases
from tests.support.waiting import until

CASES = {name: case for name, case in cases("sdk_protocol.json").items() if "code" in case}
#: What is not ours to answer: the way it is served, times, and lines of files.
NOT_COMPARED = {"x-inngest-framework", "server-timing"}


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
