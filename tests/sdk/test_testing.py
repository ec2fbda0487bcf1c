"""`inngest_nb.testing`: time that is moved, stubs, scripted events, and cases that are written of runs."""

from __future__ import annotations

import asyncio
import datetime
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

import inngest_nb as inngest
from inngest_nb.errors import FunctionNotFoundError, InngestError
from inngest_nb.testing import TestClock, TestEngine, Timeout, trigger

GO = inngest.Event(name="app/go", data={"n": 1})
TRIGGER = inngest.TriggerEvent(event="app/go")
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def test_a_week_passes_at_once(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=TRIGGER)
    async def fn(ctx: inngest.Context) -> str:
        await ctx.step.sleep("week", "7d")
        return "reminded"

    began = time.monotonic()
    assert trigger(fn, GO).output == "reminded"
    assert time.monotonic() - began < 10


async def test_in_a_running_loop_it_can_be_awaited_or_read(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=TRIGGER)
    async def fn(ctx: inngest.Context) -> int:
        return await ctx.step.run("one", lambda: 1)

    triggered = trigger(fn, GO)
    result = await triggered
    assert (result.output, triggered.output, triggered.status, triggered.error) == (1, 1, "completed", None)
    assert [step.id for step in triggered.steps] == ["one"]
    assert trigger(fn, GO).output == 1


async def test_the_loop_goes_on_meanwhile(client: inngest.Inngest) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def wait_here() -> str:
        asked.set()
        await answer.wait()
        return "from this loop"

    @client.create_function(fn_id="fn", trigger=TRIGGER)
    async def fn(ctx: inngest.Context) -> str:
        future = asyncio.run_coroutine_threadsafe(wait_here(), loop)
        return await ctx.step.run("ask", lambda: future.result(10))

    triggered = trigger(fn, GO)
    await asyncio.wait_for(asked.wait(), 10)
    answer.set()
    assert (await triggered).output == "from this loop"


def test_stubs_take_the_place_of_steps(client: inngest.Inngest) -> None:
    counted = iter([1, 2])

    @client.create_function(fn_id="fn", trigger=TRIGGER, retries=1)
    async def fn(ctx: inngest.Context) -> Any:
        async def never() -> Any:
            raise AssertionError("executed")

        value = await ctx.step.run("value", never)
        answer = await ctx.step.wait_for_event("answer", event="app/answer", timeout="1h")
        nobody = await ctx.step.wait_for_event("nobody", event="app/answer", timeout="1h")
        called = await ctx.step.invoke_by_id("called", function_id="elsewhere")
        numbers = [await ctx.step.run("counted", never) for _ in range(2)]
        try:
            await ctx.step.run("broken", never)
        except inngest.StepError as exc:
            error = f"{exc.name}: {exc.message}"
        assert answer is not None
        return [value, answer.data, nobody, called, numbers, error]

    stubs = {
        "value": {"a": (1,)},
        "answer": inngest.Event(name="app/answer", data={"yes": True}),
        "nobody": Timeout,
        "called": "hi",
        "counted": lambda: next(counted),
        "broken": ValueError("stubbed"),
    }
    result = trigger(fn, GO, step_stubs=stubs).result()
    assert result.output == [{"a": [1]}, {"yes": True}, None, "hi", [1, 2], "ValueError: stubbed"]
    assert [(step.id, step.op) for step in result.steps][:4] == [
        ("value", "run"), ("answer", "wait_for_event"), ("nobody", "wait_for_event"), ("called", "invoke"),
    ]  # fmt: skip
    assert result.step("broken").attempt == 1


def test_several_events_are_one_batch(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=TRIGGER)
    def fn(ctx: inngest.ContextSync) -> Any:
        return [event.data["i"] for event in ctx.events]

    assert trigger(fn, [inngest.Event(name="any/thing", data={"i": i}) for i in range(3)]).output == [0, 1, 2]
    with pytest.raises(ValueError, match="needs an Event or several"):
        trigger(fn, [])


def test_flow_control_does_not_keep_a_function_from_being_tested(client: inngest.Inngest) -> None:
    @client.create_function(
        fn_id="fn",
        trigger=inngest.TriggerCron(cron="* * * * *"),
        debounce=inngest.Debounce(period="1h"),
        rate_limit=inngest.RateLimit(limit=1, period="1h"),
    )
    async def fn(ctx: inngest.Context) -> str:
        await ctx.step.sleep("long", "2d")  # many ticks of the schedule
        return ctx.event.name

    assert trigger(fn, GO).output == "app/go"


def test_scripted_events_come_when_they_are_waited_for_or_at_their_time(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=TRIGGER)
    async def fn(ctx: inngest.Context) -> Any:
        await ctx.step.sleep("first", "1d")
        first = await ctx.step.wait_for_event("a", event="app/a", timeout="1h")
        second = await ctx.step.wait_for_event("b", event="app/b", timeout="1h")
        third = await ctx.step.wait_for_event("c", event="app/c", timeout="1h")
        return [event and event.data for event in (first, second, third)]

    day = datetime.timedelta(days=1)
    script: list[Any] = [
        inngest.Event(name="app/a", data={"v": 1}),
        (day + datetime.timedelta(minutes=30), inngest.Event(name="app/b", data={"v": 2})),
        (day + datetime.timedelta(hours=2), inngest.Event(name="app/c", data={"v": "too late"})),
    ]
    assert trigger(fn, GO, script=script).output == [{"v": 1}, {"v": 2}, None]


def test_other_functions_take_part_and_clients_in_bodies_use_the_same_engine(client: inngest.Inngest) -> None:
    elsewhere = inngest.Inngest(app_id="elsewhere", engine="embedded", data_dir="/nonexistent/never/opened")

    @client.create_function(fn_id="other", trigger=inngest.TriggerEvent(event="app/other"))
    def other(ctx: inngest.ContextSync) -> Any:
        return elsewhere.send_sync(inngest.Event(name="app/answer", data=dict(ctx.event.data)))

    @client.create_function(fn_id="fn", trigger=TRIGGER)
    async def fn(ctx: inngest.Context) -> Any:
        answer = asyncio.ensure_future(ctx.step.wait_for_event("answer", event="app/answer", timeout="1h"))
        await asyncio.sleep(0)
        await elsewhere.send(inngest.Event(name="app/other", data={"v": 5}))
        event = await answer
        return event and event.data

    assert trigger(fn, GO, functions=[other]).output == {"v": 5}


def test_code_that_does_not_end_is_reported(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=TRIGGER)
    async def fn(ctx: inngest.Context) -> None:
        await ctx.step.run("stuck", asyncio.Event().wait)

    with pytest.raises(TimeoutError, match="still executes"):
        trigger(fn, GO, timeout_s=0.2).result()


# -- an engine whose time is moved by hand -------------------------------------------------------


def test_what_comes_due_on_the_way_happens_at_its_time() -> None:
    clock = TestClock(START)
    times: list[str] = []
    with TestEngine(clock=clock) as engine:
        client = inngest.Inngest(app_id="app")

        @client.create_function(fn_id="fn", trigger=TRIGGER)
        async def fn(ctx: inngest.Context) -> str:
            for day in range(3):
                await ctx.step.sleep(f"day {day}", "1d")
                times.append(clock.time.isoformat())
            return "done"

        engine.send(GO)
        (run,) = engine.runs(fn)
        engine.advance("36h")
        assert (times, run.status) == (["2026-01-02T00:00:00+00:00"], "waiting")
        assert clock.time == START + datetime.timedelta(hours=36)
        engine.advance("2d")
        assert run.output == "done"
    assert times[1:] == ["2026-01-03T00:00:00+00:00", "2026-01-04T00:00:00+00:00"]


def test_schedules_and_debounce_follow_the_clock() -> None:
    with TestEngine(clock=TestClock(START)) as engine:
        client = inngest.Inngest(app_id="app")

        @client.create_function(fn_id="nightly", trigger=inngest.TriggerCron(cron="0 3 * * *"))
        async def nightly(ctx: inngest.Context) -> None: ...

        @client.create_function(fn_id="calm", trigger=TRIGGER, debounce=inngest.Debounce(period="10m"))
        async def calm(ctx: inngest.Context) -> Any:
            return ctx.event.data["i"]

        for i in range(3):
            engine.send(inngest.Event(name="app/go", data={"i": i}))
            engine.advance("5m")
        assert engine.runs(calm) == []
        engine.advance("5m")
        assert [run.output for run in engine.runs(calm)] == [2]
        engine.advance("3d")
        assert [run.status for run in engine.runs(nightly)] == ["completed"] * 3


def test_functions_given_are_registered_with_their_stubs(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=TRIGGER)
    async def fn(ctx: inngest.Context) -> Any:
        return await ctx.step.run("one", lambda: "real")

    with TestEngine(fn, step_stubs={"one": "stub"}) as engine:
        engine.send(GO)
        (run,) = engine.runs(fn)
        assert engine.finish(run).output == "stub"
    assert trigger(fn, GO).output == "real"


def test_outside_the_block_clients_have_their_own_engine_again(engine: TestEngine, client: inngest.Inngest) -> None:
    outer = client._link()
    with TestEngine():
        assert client._link() is not outer
    assert client._link() is outer


# -- cases ---------------------------------------------------------------------------------------

MODULE = """
import inngest_nb as inngest

client = inngest.Inngest(app_id="shop", engine="embedded", data_dir=":memory:")


@client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="shop/order"), retries=0)
async def take_order(ctx):
    price = await ctx.step.run("price", lambda: {"euro": 12, "name": "book"})
    for i in range(2):
        await ctx.step.run("loop", lambda: i)
    await ctx.step.sleep("pause", 5)
    answer = await ctx.step.wait_for_event("paid", event="shop/paid", timeout=20)
    try:
        await ctx.step.run("bad", lambda: {}["key"])
    except inngest.StepError as exc:
        error = exc.name
    if ctx.event.data.get("fail"):
        raise ValueError("as asked")
    return [price, answer, error, ctx.event.data]
"""


def run_python(code: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_case(path: Path) -> None:
    """The case passes as it is, and fails when what it expects is changed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", path.name]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    path.write_text(re.sub(r"(assert result\.status == )", r"\1'not ' + ", path.read_text()))
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
    assert "1 failed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("data", [{"n": 1}, {"fail": True}], ids=["completed", "failed"])
@pytest.mark.parametrize("place", ["module", "notebook"])
def test_a_run_becomes_a_case(tmp_path: Path, place: str, data: dict[str, Any]) -> None:
    finish = f"""
        run = take_order.start({data!r})
        try:
            run.result(20)
        except inngest.RunFailed:
            pass
        print(run.to_test("."))
    """
    if place == "module":
        (tmp_path / "shop.py").write_text(MODULE)
        code = f"import inngest_nb as inngest\nfrom shop import take_order\n{textwrap.dedent(finish)}"
    else:
        code = f"source = {MODULE + textwrap.dedent(finish)!r}\n" + _AS_A_CELL
    run_python(code, tmp_path)
    case = tmp_path / "test_order.py"
    assert ("from shop import take_order" in case.read_text()) == (place == "module")
    run_case(case)


#: A cell's source is known to `linecache`, as IPython sees to it.
_AS_A_CELL = """
import linecache
linecache.cache["<cell>"] = (len(source), None, source.splitlines(True), "<cell>")
exec(compile(source, "<cell>", "exec"), globals())
"""


def test_a_case_needs_a_finished_run_and_a_function(client: inngest.Inngest, engine: TestEngine) -> None:
    @client.create_function(fn_id="fn", trigger=TRIGGER)
    async def fn(ctx: inngest.Context) -> None:
        await ctx.step.sleep("long", "1d")

    run = fn.start()
    engine.settle()
    with pytest.raises(InngestError, match="waiting"):
        run.to_test()
    run.cancel()
    with pytest.raises(InngestError, match="cancelled"):
        run.to_test()
    engine._link.worker.handlers.clear()
    with pytest.raises(FunctionNotFoundError, match="app-fn"):
        run.to_test()


def test_what_cannot_be_written_down_is_named(tmp_path: Path) -> None:
    code = MODULE.replace("async def take_order(ctx):", "async def take_order(ctx):\n    model") + textwrap.dedent("""
        model = object()
        run = take_order.start({"n": 1})
        run.result(20)
        try:
            run.to_test()
        except inngest.errors.InngestError as exc:
            print(exc)
    """)
    said = run_python(f"source = {code!r}\n" + _AS_A_CELL, tmp_path)
    assert "uses model (object) of the notebook" in said
    assert 'import_from="that_module"' in said


def test_what_cannot_be_triggered_is_refused() -> None:
    given: Any = {"name": "app/go"}
    with pytest.raises(TypeError, match="trigger takes what create_function made, not <function"):
        trigger(lambda ctx: None, GO)  # type: ignore[arg-type]
    with TestEngine():
        fn = inngest.Inngest(app_id="app").create_function(fn_id="fn", trigger=TRIGGER)(lambda ctx: None)
        for events in (given, [given], []):
            with pytest.raises(ValueError, match="trigger needs an Event or several"):
                trigger(fn, events)
