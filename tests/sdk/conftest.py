"""An engine under test and a client on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import inngest_nb as inngest
from inngest_nb.testing import TestEngine


@pytest.fixture
def engine() -> Iterator[TestEngine]:
    with TestEngine() as engine:
        yield engine


@pytest.fixture
def client(engine: TestEngine) -> inngest.Inngest:
    return inngest.Inngest(app_id="app")
