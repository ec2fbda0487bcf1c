"""Promise 9: a real server answers none of our routes without the Jupyter identity, neither over HTTP nor by WebSocket."""

from __future__ import annotations

import asyncio
import re
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from inngest_nb_server.compat import COMPAT_ROUTES
from inngest_nb_server.routes import events, overview, realtime, runs, status, worker
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketHandler, websocket_connect

from tests.support.jupyter import TOKEN, free_port
from tests.support.kernels import KernelServer

pytestmark = pytest.mark.kernel

SOCKETS = [path for path, handler in (*realtime.ROUTES, *worker.ROUTES) if issubclass(handler, WebSocketHandler)]
OURS = [f"inngest/api/{path}" for path, _ in (*events.ROUTES, *runs.ROUTES, *overview.ROUTES, *status.ROUTES)]
COMPAT = [path for path, handler in COMPAT_ROUTES if not issubclass(handler, WebSocketHandler)]
PATHS = [*OURS, *COMPAT]
PORT = free_port()
#: What even a user of the server opens with a token for subscribers only.
FOR_TOKENS = {"v1/realtime/sse"}
CREDENTIALS = ["", "token wrong", f"token {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Basic YWxpY2U6"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelServer]:
    with KernelServer(tmp_path_factory.mktemp("closed"), arguments=(f"--InngestApp.compat_port={PORT}",)) as server:
        yield server


def answered(root: str, method: str, path: str, authorization: str) -> int:
    headers = {"Authorization": authorization, "Content-Type": "application/json"} if authorization else {}
    body = b'{"name": "app/go"}' if method == "POST" else None
    request = urllib.request.Request(f"{root}{path}", body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return int(response.status)
    except urllib.error.HTTPError as exc:
        exc.close()
        return exc.code


def plain(route: str) -> str:
    """A path that the route's pattern takes."""
    return re.sub(r"\([^)]*\)", "x", route)


@pytest.mark.parametrize("route", PATHS)
def test_no_request_without_the_token(server: KernelServer, route: str) -> None:
    for authorization in CREDENTIALS:
        for method in ("GET", "POST"):
            assert answered(server.url, method, plain(route), authorization) in (401, 403, 405)
    ours = {answered(server.url, method, plain(route), f"token {TOKEN}") for method in ("GET", "POST")}
    assert ours == {401} if route in FOR_TOKENS else ours - {401, 403}


@pytest.mark.parametrize("route", [*COMPAT, "", "api", "inngest/api/runs", "lab", "files/x"])
def test_the_port_for_other_clients_is_as_closed(server: KernelServer, route: str) -> None:
    root = f"http://127.0.0.1:{PORT}/"
    for authorization in CREDENTIALS:
        for method in ("GET", "POST"):
            assert answered(root, method, plain(route), authorization) == 401
    ours = {answered(root, method, plain(route), f"token {TOKEN}") for method in ("GET", "POST")}
    if route not in COMPAT:
        assert ours == {404}
    else:
        assert ours == {401} if route in FOR_TOKENS else ours - {401, 403}


@pytest.mark.parametrize("route", SOCKETS)
async def test_no_socket_without_the_token(server: KernelServer, route: str) -> None:
    url = f"{server.url.replace('http', 'ws', 1)}inngest/api/{route}"
    for authorization in CREDENTIALS:
        headers = {"Authorization": authorization} if authorization else {}
        with pytest.raises(HTTPClientError) as refused:
            await websocket_connect(HTTPRequest(url, headers=headers))
        assert refused.value.code == 403
    connection = await websocket_connect(HTTPRequest(url, headers={"Authorization": f"token {TOKEN}"}))
    connection.close()
    await asyncio.wait_for(connection.read_message(), 10)


def test_nothing_was_accepted_on_the_way(server: KernelServer) -> None:
    assert server.request("inngest/api/runs")["runs"] == []
