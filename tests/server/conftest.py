"""A Jupyter server with the extension, by pytest-jupyter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from inngest_nb_server.app import InngestApp
from inngest_nb_server.host import EngineHost
from jupyter_server.serverapp import ServerApp
from pytest_jupyter.jupyter_server import *  # noqa: F403  # its fixtures
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.web import Application
from traitlets.config import Config

from tests.server.clients import Client

# Those of its hooks that run coroutines: pytest-asyncio does that here.
del pytest_pycollect_makeitem, pytest_pyfunc_call  # noqa: F821


@pytest_asyncio.fixture(autouse=True)  # type: ignore[no-redef]  # takes the place of pytest-jupyter's
async def jp_asyncio_loop() -> asyncio.AbstractEventLoop:
    """The loop of the test is the loop of the server."""
    return asyncio.get_running_loop()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Where the extension keeps its files."""
    return tmp_path / "inngest"


@pytest.fixture  # type: ignore[no-redef]  # as above
def jp_server_config(data_dir: Path) -> Config:
    """A server with this extension."""
    return Config(
        {
            "ServerApp": {"jpserver_extensions": {"inngest_nb_server": True}},
            "InngestApp": {"data_dir": str(data_dir)},
        }
    )


@pytest_asyncio.fixture
async def extension(jp_serverapp: ServerApp) -> AsyncIterator[InngestApp]:
    """The extension, started as the server starts it, stopped as the server stops it."""
    await jp_serverapp._post_start()  # type: ignore[no-untyped-call]
    (app,) = jp_serverapp.extension_manager.extension_apps["inngest_nb_server"]
    assert isinstance(app, InngestApp)
    yield app
    await jp_serverapp.cleanup_extensions()


@pytest.fixture
def host(extension: InngestApp) -> EngineHost:
    """The extension's engine host."""
    return extension.host


@pytest_asyncio.fixture  # type: ignore[no-redef]  # as above
async def http_server(http_server_port: Any, jp_web_app: Application) -> AsyncIterator[HTTPServer]:
    """The web server, on the loop of the test."""
    server = HTTPServer(jp_web_app)
    server.add_socket(http_server_port[0])
    yield server
    server.stop()
    await asyncio.wait_for(server.close_all_connections(), 5)


@pytest_asyncio.fixture
async def client(
    extension: InngestApp, http_server: HTTPServer, http_server_port: Any, jp_base_url: str, jp_serverapp: ServerApp
) -> AsyncIterator[Client]:
    """Requests and sockets with the server's token."""
    http = AsyncHTTPClient(force_instance=True)
    client = Client(http, f"localhost:{http_server_port[1]}", jp_base_url, jp_serverapp.identity_provider.token)
    yield client
    await client.close()
    http.close()
