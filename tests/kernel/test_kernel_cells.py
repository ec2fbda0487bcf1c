"""Functions in cells: the link is found, `start` returns at once, results arrive by `await` and by blocking."""

from __future__ import annotations

import json

import pytest

from tests.kernel.lab import TEXT, Lab
from tests.support.kernels import Kernel, KernelServer, until

pytestmark = pytest.mark.kernel

DEFINE = """
import asyncio, time
import inngest_nb as inngest

client = inngest.Inngest(app_id="cells")

@client.create_function(fn_id="{name}", trigger=inngest.TriggerEvent(event="cells/{name}"))
async def {name}(ctx):
    value = await ctx.step.run("work", lambda: "{version}")
    {more}
    return [value, "{version}"]
"""


def define(name: str, version: str = "1", more: str = "pass") -> str:
    return DEFINE.format(name=name, version=version, more=more)


def test_a_run_is_started_from_a_cell_and_its_result_is_awaited_or_blocked_for(kernel: Kernel) -> None:
    kernel.value(define("first"))
    assert kernel.value("client._link().kind") == "'server'"
    assert kernel.value("run = first.start({}); (await run, run.result(timeout=20), run.status)") == (
        "(['1', '1'], ['1', '1'], 'completed')"
    )


def test_start_returns_while_the_body_still_runs(kernel: Kernel) -> None:
    kernel.value(define("slow", more="await ctx.step.sleep('nap', '15m')"))
    kernel.value("began = time.monotonic(); run = slow.start({}); took = time.monotonic() - began")
    assert float(kernel.value("took")) < 5
    assert kernel.value("run.status") in ("'queued'", "'running'", "'waiting'")
    assert kernel.value("run.cancel(); run.status") == "'cancelled'"


def test_the_engine_keeps_out_of_the_loop_of_the_cells(kernel: Kernel) -> None:
    kernel.value(
        define(
            "apart", more="where = await ctx.step.run('where', lambda: __import__('threading').current_thread().name)"
        )
    )
    code = "task = asyncio.get_running_loop(); await apart.start({}); asyncio.get_running_loop() is task"
    assert kernel.value(code) == "True"


def test_an_edited_cell_replaces_the_function_silently_and_a_run_under_way_goes_on(kernel: Kernel, lab: Lab) -> None:
    waits = "await ctx.step.wait_for_event('go', event='cells/go', timeout='15m')"
    assert kernel.run(define("edited", "1", waits)).text == ""
    run_id = kernel.value("under_way = edited.start({}); print(under_way.id)")
    lab.until_status(run_id, "waiting")
    again = kernel.run(define("edited", "2"))
    assert (again.text, again.error) == ("", None)
    assert kernel.value("edited.start({}).result(timeout=20)") == "['2', '2']"
    lab.server.request("inngest/api/events", {"name": "cells/go"})
    assert lab.until_status(run_id, "completed")["result"] == ["1", "1"]


def test_of_two_kernels_with_the_same_function_the_newest_gets_the_runs(jupyter: KernelServer, kernel: Kernel) -> None:
    whose = "value = __import__('os').getpid()"
    other = jupyter.start_kernel()
    try:
        kernel.value(define("shared", more=whose))
        assert kernel.value("shared.start({}).result(timeout=20)[0]") == str(kernel.pid)
        other.value(define("shared", more=whose))
        assert kernel.value("shared.start({}).result(timeout=20)[0]") == str(other.pid)
    finally:
        other.shutdown()
    assert kernel.value("shared.start({}).result(timeout=20)[0]") == str(kernel.pid)


def test_the_agent_streams_asks_and_ends(kernel: Kernel, lab: Lab) -> None:
    kernel.value(lab.agent)
    run_id = kernel.value("run = agent.start({}); print(run.id)")
    lab.approve()
    state = lab.until_status(run_id, "completed", "failed")
    assert state["result"]["text"] == TEXT
    assert state["result"]["approved"]
    assert state["result"]["by"]["name"]
    assert lab.transcript() == TEXT
    assert [step["status"] for step in lab.steps(run_id)] == ["completed"] * 4


def test_an_approval_works_while_the_kernel_is_busy(kernel: Kernel, lab: Lab) -> None:
    kernel.value(lab.agent)
    run_id = kernel.value("run = agent.start({}); print(run.id)")
    lab.until_status(run_id, "waiting")
    busy = kernel.send("import time\nprint('busy', flush=True)\ntime.sleep(30)")
    until(lambda: "busy" in busy.text, "the busy cell")
    ids = lab.approve(key=f"click-{lab.thread}")
    assert lab.approve(key=f"click-{lab.thread}") == ids, "a click that is delivered twice counts once"
    assert lab.until_status(run_id, "completed")["result"]["approved"]
    assert not busy.done, "the run went on before the busy cell ended"
    events = [m for m in lab.messages(run_id) if m.kind == "step" and m.data.get("answered")]
    assert {m.data["answered"]["event_id"] for m in events} == set(ids)


def test_history_of_a_server_on_another_machine_says_where_it_is(kernel: Kernel) -> None:
    kernel.value("import pathlib, inngest_nb; far = inngest_nb.Inngest(app_id='far', engine='server')")
    kernel.value("link = far._link(); here = link.data_dir; link.data_dir = pathlib.Path('/nonexistent')")
    said = kernel.value("try: far.history\nexcept Exception as exc: print(type(exc).__name__, exc)")
    assert said.startswith("LinkError the Jupyter server at http")
    assert "keeps its history in /nonexistent, which cannot be read from this machine: it is not there" in said
    kernel.value("""
import tempfile
link.data_dir = pathlib.Path(tempfile.mkdtemp())
engine = inngest_nb.Inngest(app_id='other', engine='embedded', data_dir=link.data_dir); engine._link()
""")
    said = kernel.value("try: far.history\nexcept Exception as exc: print(exc)")
    assert "that path is another directory. Read it in a kernel of that server" in said
    kernel.value("link.data_dir = here")
    assert kernel.value("far.history").startswith("History('")


def test_history_is_there_in_the_next_cell(kernel: Kernel) -> None:
    kernel.value(define("counted"))
    kernel.value("run = counted.start({}); run.result(timeout=20)")
    counts = kernel.value(
        "import json; print(json.dumps([len(run.steps()), len(client.history.runs(function='counted'))]))"
    )
    assert json.loads(counts) == [1, 1]


VALUES = """
import datetime

@client.create_function(fn_id="echo", trigger=inngest.TriggerEvent(event="cells/echo"), retries=0)
async def echo(ctx):
    if ctx.event.data.get("exits"):
        await asyncio.gather(asyncio.sleep(0), exits())
    if ctx.event.data.get("says"):
        raise ValueError(b"caf\\xe9".decode(errors="surrogateescape"))
    return ctx.event.data

async def exits():
    raise SystemExit(1)

def told(data):
    try:
        return echo.start(data).result(20)
    except Exception as exc:
        return f"{type(exc).__name__}: {exc}"
"""


def test_values_that_a_frame_cannot_hold_are_refused_or_kept_and_hold_up_nothing(kernel: Kernel) -> None:
    kernel.value(define("first") + VALUES)
    kernel.value("others = [first.start({}) for _ in range(5)]")
    assert kernel.value("told({1: 2})") == "{'1': 2}"
    assert kernel.value("told({'n': 2 ** 64 - 1})") == "{'n': 18446744073709551615}"
    assert kernel.value("told({'n': 10 ** 30})") == "{'n': 1e+30}", "numbers of JSON are doubles from there on"
    assert "EventInvalidError: " in kernel.value("told({'at': datetime.datetime.now()})")
    assert "$.params.event.data.x is nan, which JSON cannot hold" in kernel.value("told({'x': float('nan')})")
    assert "holds a lone surrogate" in kernel.value("told({'x': chr(0xD800)})")
    assert kernel.value("[run.result(20) for run in others] == [['1', '1']] * 5") == "True"


def test_a_body_that_exits_or_raises_unreadable_text_fails_its_run_and_no_other(kernel: Kernel) -> None:
    kernel.value(define("first") + VALUES)
    assert "failed: SystemExit: 1" in kernel.value("told({'exits': 1})")
    assert "failed: ValueError: caf\\\\udce9" in kernel.value("told({'says': 1})")
    assert kernel.value("first.start({}).result(20)") == "['1', '1']"


def test_what_is_too_much_for_one_frame_goes_in_several_or_is_refused(kernel: Kernel) -> None:
    kernel.value(define("first") + VALUES)
    kernel.value("""
@client.create_function(fn_id="large", trigger=inngest.TriggerEvent(event="cells/large"), retries=0)
async def large(ctx):
    results = await asyncio.gather(*(ctx.step.run(f"s{i}", lambda: "x" * 3_900_000) for i in range(ctx.event.data["n"])))
    return len(results)
""")
    assert "exceeded the state size limit" in kernel.value(
        "try: large.start({'n': 30}).result(60)\nexcept Exception as exc: print(exc)"
    )
    assert kernel.value("large.start({'n': 8}).result(60)") == "8"
    kernel.value("many = [inngest.Event(name='cells/much', data={'x': 'x' * 1_000_000})] * 80")
    said = kernel.value("try: client.send_sync(many)\nexcept Exception as exc: print(type(exc).__name__, exc)")
    assert said.startswith("EventInvalidError send was not sent: it has 80,")
    assert "send it in several parts" in said
    assert kernel.value("first.start({}).result(20)") == "['1', '1']"
