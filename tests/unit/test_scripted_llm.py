"""The scripted model keeps to its script, over real HTTP and through the official client."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from pathlib import Path

import openai
import pytest

from tests.support.llm import TOKENS, Reply, ScriptedModel, read_log


def ask(model: ScriptedModel | str) -> openai.Stream[openai.types.chat.ChatCompletionChunk]:
    base_url = model if isinstance(model, str) else model.base_url
    client = openai.OpenAI(base_url=base_url, api_key="any", max_retries=0)
    return client.chat.completions.create(model="any", messages=[{"role": "user", "content": "?"}], stream=True)


def words(stream: openai.Stream[openai.types.chat.ChatCompletionChunk]) -> list[str]:
    return [chunk.choices[0].delta.content or "" for chunk in stream]


def test_each_request_gets_the_next_reply_and_the_last_repeats(scripted_llm: ScriptedModel) -> None:
    scripted_llm.script(Reply(tokens=("one",)), Reply(tokens=("two", " three")))
    assert [words(ask(scripted_llm)) for _ in range(3)] == [["one", ""], ["two", " three", ""], ["two", " three", ""]]
    assert [(call.number, call.outcome, call.tokens_sent) for call in scripted_llm.requests()] == [
        (0, "done", 1),
        (1, "done", 2),
        (2, "done", 2),
    ]


def test_tokens_keep_their_pace(scripted_llm: ScriptedModel) -> None:
    scripted_llm.script(Reply(tokens=("x",) * 21, rate=100))
    started = time.monotonic()
    words(ask(scripted_llm))
    assert time.monotonic() - started >= 0.2


def test_an_error_has_the_status_of_the_script(scripted_llm: ScriptedModel) -> None:
    scripted_llm.script(Reply(status=429, retry_after=1.5))
    with pytest.raises(openai.RateLimitError) as refused:
        ask(scripted_llm)
    assert refused.value.response.headers["Retry-After"] == "1.5"
    assert scripted_llm.requests()[0].outcome == "error"


def test_a_cut_breaks_the_stream_after_its_tokens(scripted_llm: ScriptedModel) -> None:
    scripted_llm.script(Reply(cut_after=3))
    stream = ask(scripted_llm)
    seen = [next(stream).choices[0].delta.content for _ in range(3)]
    with pytest.raises(openai.APIConnectionError):
        next(stream)
    assert seen == list(TOKENS[:3])
    assert [(call.outcome, call.tokens_sent) for call in scripted_llm.requests()] == [("cut", 3)]


def test_a_stall_lasts_until_it_is_released(scripted_llm: ScriptedModel) -> None:
    scripted_llm.script(Reply(stall_after=2))
    stream = iter(ask(scripted_llm))
    assert [chunk.choices[0].delta.content for chunk in itertools.islice(stream, 2)] == list(TOKENS[:2])
    assert scripted_llm.requests()[0].outcome is None
    scripted_llm.release()
    assert [chunk.choices[0].delta.content for chunk in stream] == [*TOKENS[2:], None]


def test_a_client_that_leaves_is_in_the_log(scripted_llm: ScriptedModel) -> None:
    scripted_llm.script(Reply(tokens=("x" * 1000,) * 100_000))
    stream = ask(scripted_llm)
    next(iter(stream))
    stream.response.close()
    deadline = time.monotonic() + 10
    while scripted_llm.requests()[0].outcome is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert scripted_llm.requests()[0].outcome == "gone"


def test_it_runs_as_a_program_and_ends_with_its_input(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    command = [sys.executable, "-m", "tests.support.llm", "--tokens", "Hello world", "--rate", "500", "--log", str(log)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with server:
        assert server.stdout is not None
        assert words(ask(server.stdout.readline().strip())) == ["Hello", " world", ""]
    assert server.returncode == 0
    assert [call.outcome for call in read_log(log)] == ["done"]
