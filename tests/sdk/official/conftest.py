"""A server and a client on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import inngest_nb as inngest
from inngest_nb import links
from tests.sdk.official.server import InngestServer


@pytest.fixture
def server() -> Iterator[InngestServer]:
    server = InngestServer()
    yield server
    server.stop()


@pytest.fixture
def client(server: InngestServer, tmp_path: Path) -> Iterator[inngest.Inngest]:
    yield inngest.Inngest(
        app_id="wire", engine="inngest", api_base_url=server.url, event_api_base_url=server.url, data_dir=tmp_path
    )
    links.close_links()
