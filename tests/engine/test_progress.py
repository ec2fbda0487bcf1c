"""`run.result(progress=True)` on a real terminal, and where there is none."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import textwrap
from pathlib import Path

PROGRAM = """
import time
import inngest_nb as nb

client = nb.Inngest(app_id="progress", engine="embedded", data_dir=":memory:")
tries = []

def fetch():
    tries.append(1)
    time.sleep(0.5)
    if len(tries) == 1:
        raise ConnectionError("cut off")

@client.create_function(fn_id="work", trigger=nb.TriggerEvent(event="app/work"), backoff=0.4)
async def work(ctx):
    await ctx.step.run("prepare", lambda: 1)
    await ctx.step.run("fetch", fetch)
    await ctx.step.sleep("rest", 400)
    return "done"

print(work.start().result(30, progress=True))
"""


def test_one_line_says_which_step_runs_in_which_attempt(tmp_path: Path) -> None:
    said, out = _on_a_terminal(tmp_path)
    lines = [line for line in said.split("\r\x1b[K") if line]
    assert "\n" not in said, "one line only"
    assert said.endswith("\r\x1b[K"), "and it is gone in the end"
    steps = {line[2:].rpartition(" · ")[0] for line in lines}
    assert "progress-work · 1 step done · fetch" in steps
    assert "progress-work · 1 step done · fetch (attempt 1 failed, trying again)" in steps
    assert "progress-work · 1 step done · fetch (attempt 2 of 5)" in steps
    assert "progress-work · 2 steps done · rest (waiting)" in steps
    elapsed = [float(found[1]) for line in lines if (found := re.search(r"([\d.]+) s$", line))]
    assert elapsed == sorted(elapsed)
    assert elapsed[-1] >= 1.5
    assert out == "done\n"


def test_nothing_is_said_where_stderr_is_no_terminal(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("done\n", "")


def _on_a_terminal(cwd: Path) -> tuple[str, str]:
    """What the program writes to a terminal as stderr, and to a pipe as stdout."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)], cwd=cwd, stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as program:
        os.close(theirs)
        said = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the terminal's other end is closed
                break
            if not piece:
                break
            said += piece
        assert program.stdout is not None
        out = program.stdout.read()
        assert program.wait(30) == 0
    os.close(ours)
    return said.decode(), out
