"""`%load_ext inngest_nb` in a real IPython shell."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import inngest_nb as nb
from inngest_nb import realtime
from tests.engine.embedded import LIMIT_S
from tests.support.waiting import until

ticks = realtime.channel("ticks", topics={"n": int, "words": str})


@pytest.fixture
def shell(client: nb.Inngest) -> Iterator[InteractiveShell]:
    client._link()
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config)  # type: ignore[no-untyped-call]
    shell.run_line_magic("load_ext", "inngest_nb")
    yield shell
    atexit.unregister(shell.atexit_operations)


@pytest.fixture
def finished(client: nb.Inngest) -> list[nb.Run]:
    @client.create_function(fn_id="count", trigger=nb.TriggerEvent(event="app/count"), retries=0)
    async def count(ctx: nb.Context) -> int:
        return 10 // int(ctx.event.data["n"])

    runs = [count.start({"n": n}) for n in (1, 0, 2)]
    for run in runs:
        until(lambda run=run: run.status in ("completed", "failed"), within_s=LIMIT_S)  # type: ignore[misc]  # bound now
    return runs


def test_runs_shows_the_newest_first(shell: InteractiveShell, finished: list[nb.Run]) -> None:
    frame = shell.run_line_magic("runs", "")
    assert frame.run_id.tolist() == [run.id for run in reversed(finished)]
    assert shell.run_line_magic("runs", "count --status failed").run_id.tolist() == [finished[1].id]
    assert len(shell.run_line_magic("runs", "--since 1h -n 2")) == 2
    assert len(shell.run_line_magic("runs", "nobody")) == 0


def test_run_timeline_takes_a_run_a_function_or_nothing(shell: InteractiveShell, finished: list[nb.Run]) -> None:
    assert repr(shell.run_line_magic("run_timeline", finished[0].id)) == f"RunTimeline('{finished[0].id}')"
    assert finished[2].id in repr(shell.run_line_magic("run_timeline", "count"))
    assert finished[2].id in repr(shell.run_line_magic("run_timeline", ""))


def test_tail_prints_the_last_messages(
    client: nb.Inngest, shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in range(12):
        client.realtime.publish_sync(ticks.n, n)
    client.realtime.publish_sync(ticks.words, "w" * 500)
    shell.run_line_magic("tail", "ticks -n 3")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1:] for line in lines[:2]] == [["n #10", "10"], ["n #11", "11"]]
    assert len(lines[2]) < 160
    assert lines[2].endswith("…")
    shell.run_line_magic("tail", "ticks --topic n -n 1")
    assert capsys.readouterr().out.endswith("n #11  11\n")


def test_tail_follows(client: nb.Inngest, shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    client.realtime.publish_sync(ticks.n, 1)
    following = threading.Thread(target=shell.run_line_magic, args=("tail", "ticks --for 2"))
    following.start()
    for n in (2, 3):
        client.realtime.publish_sync(ticks.n, n)
    following.join(LIMIT_S)
    assert [line.rpartition("  ")[2] for line in capsys.readouterr().out.splitlines()] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("magic", "line", "said"),
    [
        ("runs", "--status gone", "invalid choice: 'gone'"),
        ("runs", "--since yesterday", "since"),
        ("run_timeline", "nobody", "there is no run 'nobody', nor one of a function 'nobody'"),
        ("tail", "", "the following arguments are required: channel"),
    ],
)
def test_errors_are_one_sentence(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], magic: str, line: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        shell.run_line_magic(magic, line)


def test_the_tab_key_completes(client: nb.Inngest, shell: InteractiveShell, finished: list[nb.Run]) -> None:
    client.realtime.publish_sync(ticks.n, 1)
    assert "ticks" in _completed(shell, "%tail ti")
    assert "app-count" in _completed(shell, "%runs app-")
    assert finished[0].id in _completed(shell, f"%run_timeline {finished[0].id[:4]}")


def _completed(shell: InteractiveShell, text: str) -> list[str]:
    with provisionalcompleter():
        return [found.text for found in shell.Completer.completions(text, len(text))]
