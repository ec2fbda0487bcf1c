"""A client of an engine of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import inngest_nb
from inngest_nb import links


@pytest.fixture
def client(tmp_path: Path) -> Iterator[inngest_nb.Inngest]:
    """A client of an engine of its own."""
    client = inngest_nb.Inngest(app_id="app", engine="embedded", data_dir=tmp_path / "data")
    client._link()  # the engine that is used last is the one that hooks and views use
    yield client
    links.close_links()
