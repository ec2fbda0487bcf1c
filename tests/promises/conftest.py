"""An embedded client on a directory of its own, closed at the end of each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import inngest_nb as inngest
from inngest_nb import links


@pytest.fixture
def client(tmp_path: Path) -> Iterator[inngest.Inngest]:
    """A client of an engine in this process."""
    yield inngest.Inngest(app_id="promise", engine="embedded", data_dir=tmp_path / "data")
    links.close_links()
