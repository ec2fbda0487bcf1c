"""Engines on directories of their own, stopped at the end of each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

import inngest_nb
from inngest_nb import links
from inngest_nb.engine.engine import Engine
from tests.engine.clock import TestClock
from tests.engine.flow import Rig
from tests.engine.peer import Engines, MovableClock


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory."""
    return tmp_path / "data"


@pytest.fixture
def clock() -> MovableClock:
    """The clock of all engines of the test."""
    return MovableClock()


@pytest_asyncio.fixture
async def engines(data_dir: Path, clock: MovableClock) -> AsyncIterator[Engines]:
    """Starts and stops engines on the test's directory."""
    engines = Engines(data_dir, clock)
    yield engines
    await engines.stop_all()


@pytest_asyncio.fixture
async def engine(engines: Engines) -> Engine:
    """A running engine."""
    return await engines.start()


@pytest_asyncio.fixture
async def rig(data_dir: Path) -> AsyncIterator[Rig]:
    """An engine to be started, on a clock that stands still, and stopped at the end."""
    rig = Rig(data_dir, TestClock())
    yield rig
    await rig.engine.stop()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[inngest_nb.Inngest]:
    """A client of an engine of its own."""
    yield inngest_nb.Inngest(app_id="app", engine="embedded", data_dir=tmp_path / "data")
    links.close_links()
