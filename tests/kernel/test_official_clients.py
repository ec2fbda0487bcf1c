"""The official Python SDK, unchanged, sends events to functions of a kernel, and what became of them is read over HTTP."""

from __future__ import annotations

import asyncio
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import inngest
import pytest
from inngest._internal.errors import SendEventsError
from inngest.experimental import realtime
from tornado.websocket import websocket_connect

import inngest_nb
from inngest_nb import links
from inngest_nb.errors import ChannelError
from tests.support.jupyter import TOKEN, free_port
from tests.support.kernels import Kernel, KernelServer, until

pytestmark = pytest.mark.kernel

SIGNING_KEY = f"signkey-local-{secrets.token_hex(32)}"
EVENT_KEY = secrets.token_urlsafe(16)
CELL = """
import inngest_nb
client = inngest_nb.Inngest(app_id="office")

@client.create_function(fn_id="sum", trigger=inngest_nb.TriggerEvent(event="office/numbers"))
async def total(ctx):
    numbers = ctx.event.data["numbers"]
    return await ctx.step.run("add", lambda: {"sum": sum(numbers), "id": ctx.event.id})

@client.create_function(fn_id="wait", trigger=inngest_nb.TriggerEvent(event="office/wait"))
async def waiting(ctx):
    await ctx.step.sleep("long", "1h")
"""


class Office:
    """A Jupyter server under a base URL, with keys and a port for SDKs, and a kernel with functions."""

    def __init__(self, server: KernelServer, port: int) -> None:
        self.server, self.url = server, f"http://127.0.0.1:{port}"
        self._clients: list[inngest.Inngest] = []

    def client(self, **more: Any) -> inngest.Inngest:
        """An official client that has the keys."""
        origins = {"api_base_url": self.url, "event_api_base_url": self.url}
        keys = {"event_key": EVENT_KEY, "signing_key": SIGNING_KEY}
        client = inngest.Inngest(**{"app_id": "application", **origins, **keys, **more})
        self._clients.append(client)
        return client

    def close(self) -> None:
        """End the connections that official clients keep open."""
        for client in self._clients:
            client._http_client._http_client_sync.close()

    def read(self, path: str, *, method: str = "GET", key: str = SIGNING_KEY) -> Any:
        """The body of a route below the port's root."""
        request = urllib.request.Request(f"{self.url}{path}", method=method, headers={"Authorization": f"Bearer {key}"})
        with urllib.request.urlopen(request, timeout=20) as response:
            text = response.read()
        return json.loads(text) if text else None

    def run_of(self, event_id: str, *states: str) -> dict[str, Any]:
        """The run that an event has started, as soon as it is in one of these states."""

        def found() -> dict[str, Any] | None:
            runs = self.read(f"/v1/events/{event_id}/runs")["data"]
            run = self.read(f"/v1/runs/{runs[0]['run_id']}")["data"] if runs else {}
            return run if run.get("status") in states else None

        run = until(found, f"a run in {states}")
        assert run is not None
        return run


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    port = free_port()
    arguments = (f"--InngestApp.compat_port={port}", f"--InngestApp.event_key={EVENT_KEY}")
    environment = {"INNGEST_SIGNING_KEY": SIGNING_KEY}
    with KernelServer(tmp_path_factory.mktemp("office"), arguments=arguments, environment=environment) as server:
        kernel: Kernel = server.start_kernel()
        kernel.value(CELL)
        office = Office(server, port)
        yield office
        office.close()


def numbers(*values: int, **more: Any) -> inngest.Event:
    return inngest.Event(name="office/numbers", data={"numbers": list(values)}, **more)


async def test_an_event_starts_a_function_of_a_kernel_and_its_result_is_read(office: Office) -> None:
    client = office.client()
    (event_id,) = await client.send(numbers(1, 2, 3))
    await client._http_client._http_client.aclose()
    run = await asyncio.to_thread(office.run_of, event_id, "Completed")
    assert run["output"] == {"sum": 6, "id": event_id}
    assert run["event_id"] == event_id


def test_several_events_at_once(office: Office) -> None:
    ids = office.client().send_sync([numbers(n, n) for n in range(5)])
    assert [office.run_of(event_id, "Completed")["output"]["sum"] for event_id in ids] == [0, 2, 4, 6, 8]


def test_an_id_starts_a_function_once(office: Office) -> None:
    mine = secrets.token_hex(8)
    first, second = office.client().send_sync([numbers(1, id=mine), numbers(2, id=mine)])
    assert office.run_of(first, "Completed")["output"] == {"sum": 1, "id": mine}
    assert office.read(f"/v1/events/{second}/runs")["data"] == []
    assert office.read(f"/v1/events/{second}")["data"]["id"] == mine


def test_a_refused_event_is_told_with_the_ids_before_it(office: Office) -> None:
    with pytest.raises(SendEventsError) as refused:
        office.client().send_sync([numbers(1), inngest.Event(name="inngest/mine")])
    (event_id,) = refused.value.ids
    assert "reserved" in str(refused.value)
    assert office.run_of(event_id, "Completed")["output"]["sum"] == 1


@pytest.mark.parametrize(
    "wrong", ["", "wrong", EVENT_KEY[:-1], SIGNING_KEY + "0"], ids=["none", "another", "shorter", "of another kind"]
)
def test_a_wrong_event_key_is_refused(office: Office, wrong: str) -> None:
    before = office.read("/v1/events?limit=1")["data"]
    with pytest.raises(SendEventsError, match="Not authenticated"):
        office.client(event_key=wrong or "NO_EVENT_KEY_SET").send_sync(numbers(1))
    assert office.read("/v1/events?limit=1")["data"] == before


def test_the_token_serves_as_both_keys(office: Office) -> None:
    (event_id,) = office.client(event_key=TOKEN).send_sync(numbers(4))
    assert office.run_of(event_id, "Completed")["output"]["sum"] == 4
    assert office.read(f"/v1/events/{event_id}", key=TOKEN)["data"]["name"] == "office/numbers"


def test_a_run_is_cancelled(office: Office) -> None:
    (event_id,) = office.client().send_sync(inngest.Event(name="office/wait"))
    run_id = office.run_of(event_id, "Running")["run_id"]
    assert office.read(f"/v1/runs/{run_id}", method="DELETE") is None
    run = office.read(f"/v1/runs/{run_id}")["data"]
    assert (run["status"], run["output"]) == ("Cancelled", {})
    assert run["ended_at"] >= run["run_started_at"]


async def test_what_is_published_is_heard_with_a_token_for_its_topic_only(office: Office) -> None:
    client, channel = office.client(), f"chat:{secrets.token_hex(4)}"
    token = await realtime.get_subscription_token(client, channel, ["tokens"])
    assert (token["channel"], token["topics"]) == (channel, ["tokens"])
    socket = await websocket_connect(f"{office.url.replace('http', 'ws', 1)}/v1/realtime/connect?token={token['key']}")
    await realtime.publish(client, channel, "secrets", {"text": "not for this token"})
    await asyncio.to_thread(realtime.publish_sync, client, channel, "tokens", {"text": "durable"})
    await realtime.publish(client, channel, "tokens", {"text": "functions"})
    heard: list[dict[str, Any]] = []
    while len(heard) < 2:
        frame = await asyncio.wait_for(socket.read_message(), 10)
        assert frame is not None
        message = json.loads(frame)
        heard += [message] if message["kind"] == "data" else []
    assert [message["data"]["text"] for message in heard] == ["durable", "functions"]
    assert {message["topic"] for message in heard} == {"tokens"}
    socket.close()
    await asyncio.wait_for(socket.read_message(), 10)
    await client._http_client._http_client.aclose()


async def test_a_client_of_ours_for_a_real_server_subscribes_with_tokens(office: Office, tmp_path: Path) -> None:
    client = inngest_nb.Inngest(
        app_id="far",
        engine="inngest",
        data_dir=tmp_path,
        api_base_url=office.url,
        event_api_base_url=office.url,
        signing_key=SIGNING_KEY,
        event_key=EVENT_KEY,
    )
    chat = inngest_nb.realtime.channel(f"chat:{secrets.token_hex(4)}", topics={"tokens": str, "n": int})
    try:
        subscription = await client.realtime.subscribe(channel=chat)
        hook = inngest_nb.use_realtime(chat, ["n"], client=client)
        await asyncio.to_thread(until, lambda: hook.connection_status == "open", "the hook to open")
        await client.realtime.publish(chat.tokens, "123")
        await client.realtime.publish(chat.n, 4)
        messages = aiter(subscription)
        assert [(await asyncio.wait_for(anext(messages), 10)).data for _ in range(2)] == ["123", 4]
        await asyncio.to_thread(until, lambda: [m.data for m in hook.messages.all] == [4], "the message of the hook")
        with pytest.raises(ChannelError, match="names its topics"):
            client.realtime.subscribe(channel=chat.name)
    finally:
        links.close_links()
    assert [message async for message in messages] == []


async def test_publishing_and_tokens_need_the_signing_key(office: Office) -> None:
    stranger = office.client(signing_key="0" * 64)
    with pytest.raises(Exception, match="401"):
        await realtime.publish(stranger, "chat", "tokens", {"text": "hello"})
    with pytest.raises(Exception, match="401"):
        realtime.get_subscription_token_sync(stranger, "chat", ["tokens"])
    await stranger._http_client._http_client.aclose()


def test_the_port_is_told_by_the_status_and_the_log(office: Office) -> None:
    status = office.server.request("inngest/api/status")
    assert status["compat"] == {"url": f"{office.url}/", "error": None}
    assert status["engine"] == {"running": True, "error": None}
    assert f"{office.url}/" in office.server.log.read_text()


def test_neither_key_stands_in_the_log(office: Office) -> None:
    with pytest.raises(SendEventsError):
        office.client().send_sync(inngest.Event(name=""))
    log = office.server.log.read_text()
    assert "/e/[secret]" in log
    assert EVENT_KEY not in log
    assert SIGNING_KEY not in log


def test_what_is_below_the_base_url_answers_too(office: Office) -> None:
    health = office.server.request("health")
    assert health == {"status": 200, "message": "OK"}
    slugs = {function["slug"] for function in office.server.request("dev")["functions"]}
    assert slugs == {"office-sum", "office-wait"}


def test_a_port_that_is_taken_is_told_and_the_server_goes_on(
    office: Office, tmp_path_factory: pytest.TempPathFactory
) -> None:
    port = int(office.url.rpartition(":")[2])
    folder = tmp_path_factory.mktemp("second")
    with KernelServer(folder, arguments=(f"--InngestApp.compat_port={port}",)) as second:
        status = second.request("inngest/api/status")
        assert status["compat"]["url"] is None
        assert f"compat_port {port} cannot be opened" in status["compat"]["error"]
        assert status["compat"]["error"] in second.log.read_text()
        assert second.request("health")["status"] == 200
    assert office.read("/health")["status"] == 200


def test_a_server_without_base_url_needs_no_port(tmp_path: Path) -> None:
    with KernelServer(tmp_path / "root", base_url="/") as server:
        client = inngest.Inngest(
            app_id="application",
            api_base_url=server.url,
            event_api_base_url=server.url,
            event_key=TOKEN,
            is_production=True,
        )
        (event_id,) = client.send_sync(numbers(1, 2))
        assert server.request(f"v1/events/{event_id}")["data"]["data"] == {"numbers": [1, 2]}
        client._http_client._http_client_sync.close()


def test_the_port_is_not_open_to_cookies_or_strangers(office: Office) -> None:
    for path in ("/health", "/v1/events", "/dev", "/nope"):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "username-127-0-0-1=x"}):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(urllib.request.Request(office.url + path, headers=headers), timeout=20)
            assert refused.value.code == 401
            refused.value.close()
