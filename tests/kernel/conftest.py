"""One Jupyter server for the session, a kernel and a scripted model for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.lab import Lab
from tests.support.kernels import Kernel, KernelServer
from tests.support.llm import ScriptedModel


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelServer]:
    """A running Jupyter server with the extension."""
    with KernelServer(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture
def kernel(jupyter: KernelServer) -> Iterator[Kernel]:
    """A kernel of it."""
    kernel = jupyter.start_kernel()
    yield kernel
    kernel.shutdown()


@pytest.fixture
def lab(jupyter: KernelServer, tmp_path: Path) -> Iterator[Lab]:
    """The server as clients see it, with cells that call a scripted model."""
    with ScriptedModel(tmp_path / "llm.jsonl") as model:
        yield Lab(jupyter, model)
