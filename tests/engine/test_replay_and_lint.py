"""Edit and resume, replay as in production, parking, lint and diff, on the embedded engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import inngest_nb as nb
from inngest_nb import links
from inngest_nb.errors import ForkError
from tests.support.waiting import until


@pytest.fixture
def client(tmp_path: Path) -> Iterator[nb.Inngest]:
    """An embedded client on a directory of its own."""
    yield nb.Inngest(app_id="t", engine="embedded", data_dir=tmp_path / "data")
    links.close_links()


def _trigger(name: str) -> nb.TriggerEvent:
    return nb.TriggerEvent(event=f"t/{name}")


def test_resume_keeps_what_is_good_and_runs_what_failed(client: nb.Inngest) -> None:
    calls: list[str] = []
    broken = True

    async def step(name: str) -> str:
        calls.append(name)
        if name == "second" and broken:
            raise ValueError("not yet")
        return name

    @client.create_function(fn_id="f", trigger=_trigger("f"), retries=0)
    async def function(ctx: nb.Context) -> list[str]:
        return [await ctx.step.run(name, step, name) for name in ("first", "second", "third")]

    run = function.start()
    with pytest.raises(nb.RunFailed, match="not yet"):
        run.result(5)
    broken = False
    assert dict(zip(*run.preview(resume=True)[["step_id", "action"]].T.to_numpy(), strict=True)) == {
        "first": "reused",
        "second": "runs again",
    }
    resumed = run.resume()
    assert resumed.result(5) == ["first", "second", "third"]
    assert calls == ["first", "second", "second", "third"]
    assert list(resumed.steps()["memoized"]) == [True, False, False]
    assert run.status == "failed"


def test_rerun_from_a_step_with_an_edited_output(client: nb.Inngest) -> None:
    calls: list[str] = []

    async def step(name: str, *_: Any) -> str:
        calls.append(name)
        return name

    @client.create_function(fn_id="f", trigger=_trigger("f"))
    async def function(ctx: nb.Context) -> list[Any]:
        fetched = await ctx.step.run("fetch", step, "fetch")
        return [fetched, await ctx.step.run("use", step, "use", fetched)]

    run = function.start({"n": 1})
    assert run.result(5) == ["fetch", "use"]
    again = run.rerun(from_step="use", steps={"fetch": {"edited": True}})
    assert again.result(5) == [{"edited": True}, "use"]
    assert calls == ["fetch", "use", "use"]
    assert again.event.data == {"n": 1}
    assert run.rerun().result(5) == ["fetch", "use"]
    with pytest.raises(ForkError, match=r"no step 'nope'; its steps: 'fetch', 'use'"):
        run.rerun(from_step="nope")
    with pytest.raises(ForkError, match="no completed step 'nope'"):
        run.rerun(steps={"nope": 1})


def test_a_preview_tells_which_code_has_changed(client: nb.Inngest) -> None:
    def define(version: int) -> nb.Function[Any]:
        async def same() -> int:
            return 0

        async def first() -> int:
            return 1

        async def second() -> int:
            return 2

        changing = first if version == 1 else second

        @client.create_function(fn_id="f", trigger=_trigger("f"))
        async def function(ctx: nb.Context) -> int:
            await ctx.step.run("same", same)
            return await ctx.step.run("changing", changing)

        return function

    run = define(1).start()
    assert run.result(5) == 1
    define(2)
    changed = run.preview(from_step="changing").set_index("step_id")["code_changed"]
    assert changed.to_dict() == {"same": False, "changing": True}


def test_replay_always_enters_the_body_after_every_step(client: nb.Inngest) -> None:
    entered: list[int] = []
    executed: list[str] = []

    async def step(name: str) -> str:
        executed.append(name)
        return name

    @client.create_function(fn_id="f", trigger=_trigger("f"), replay="always")
    async def function(ctx: nb.Context) -> list[str]:
        entered.append(1)
        first = await ctx.step.run("a", step, "a")
        await ctx.step.sleep("nap", 5)
        pair = await ctx.group.parallel((lambda: ctx.step.run("b", step, "b"), lambda: ctx.step.run("c", step, "c")))
        return [first, *pair]

    assert function.start().result(5) == ["a", "b", "c"]
    assert executed == ["a", "b", "c"]
    assert len(entered) == 4  # at the start, after a, after the nap, after both branches


def test_a_body_that_only_waits_leaves_memory_and_comes_back(client: nb.Inngest) -> None:
    entered: list[int] = []
    executed: list[int] = []

    async def step() -> int:
        executed.append(1)
        return 1

    @client.create_function(fn_id="f", trigger=_trigger("f"))
    async def function(ctx: nb.Context) -> str:
        entered.append(1)
        await ctx.step.run("a", step)
        event = await ctx.step.wait_for_event("go", event="t/go", timeout="1h")
        return "went" if event else "timed out"

    link = client._link()
    link.worker.park_after_s = 0.01
    run = function.start()
    until(lambda: run.status == "waiting" and not link.worker._executions)
    assert entered == [1]
    client.send_sync(nb.Event(name="t/go"))
    assert run.result(5) == "went"
    assert (len(entered), len(executed)) == (2, 1)


def test_lint_finds_moved_new_and_missing_steps_and_side_effects(client: nb.Inngest, tmp_path: Path) -> None:
    async def step() -> int:
        (tmp_path / "inside").write_text("a step may do what it likes")
        return 1

    def define(names: list[str], *, writes: bool = False) -> nb.Function[Any]:
        @client.create_function(fn_id="f", trigger=_trigger("f"))
        async def function(ctx: nb.Context) -> int:
            for name in names:
                await ctx.step.run(name, step)
            if writes:
                (tmp_path / "outside").write_text("again and again")
            return len(names)

        return function

    run = define(["a", "b", "c"]).start()
    assert run.result(5) == 3
    assert run.lint() == []
    define(["b", "a", "c"])
    assert [(finding.kind, finding.step_id) for finding in run.lint()] == [("moved", "b"), ("moved", "a")]
    define(["a", "b"])
    assert [(finding.kind, finding.step_id) for finding in run.lint()] == [("missing", "c")]
    define(["a", "x"])
    assert [(finding.kind, finding.step_id) for finding in run.lint()] == [("new", "x")]
    define(["a", "b", "c"], writes=True)
    (finding,) = run.lint()
    assert finding.kind == "side effect"
    assert str(tmp_path / "outside") in finding.text
    (tmp_path / "outside").write_text("kept")
    run.lint()
    assert (tmp_path / "outside").read_text() == "kept"


def test_diff_aligns_two_runs_by_step(client: nb.Inngest) -> None:
    async def step(value: Any) -> Any:
        return value

    @client.create_function(fn_id="f", trigger=_trigger("f"))
    async def function(ctx: nb.Context) -> None:
        await ctx.step.run("same", step, 1)
        await ctx.step.run("other", step, ctx.event.data["n"])
        if ctx.event.data["n"] == 2:
            await ctx.step.run("more", step, 3)

    first, second = function.start({"n": 1}), function.start({"n": 2})
    first.result(5)
    second.result(5)
    table = nb.diff(first, second).set_index("step_id")
    assert table["same_output"].to_dict() == {"same": True, "other": False, "more": False}
    assert table.loc["other", "output_b"] == 2
    assert table["status_a"].isna().to_dict() == {"same": False, "other": False, "more": True}
