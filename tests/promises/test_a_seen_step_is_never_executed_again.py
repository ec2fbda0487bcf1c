"""Promise 1: the memo of a step is on disk before the body goes on, so nothing that the code has seen is done again.

What follows from it under kill -9 is in test_killing_the_host_loses_nothing; that the sync is waited for as well, in
test_a_failing_disk_acknowledges_nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import inngest_nb as inngest
from inngest_nb import links

TRIGGER = inngest.TriggerEvent(event="promise/go")


def kept(data_dir: Path, run_id: str) -> int:
    """How many results of a run another process would find now."""
    with contextlib.closing(sqlite3.connect(f"file:{data_dir / 'journal.db'}?mode=ro", uri=True)) as journal:
        sql = "SELECT count(*) FROM steps WHERE run_id = ? AND status = 'completed'"
        (count,) = journal.execute(sql, (run_id,)).fetchone()
    return int(count)


def test_when_the_body_has_the_value_the_memo_is_on_disk(client: inngest.Inngest, tmp_path: Path) -> None:
    @client.create_function(fn_id="async", trigger=TRIGGER)
    async def in_async(ctx: inngest.Context) -> Any:
        counts = []
        for i in range(20):
            await ctx.step.run(f"s{i}", lambda: i)  # noqa: B023  # called before i changes
            counts.append(kept(tmp_path / "data", ctx.run_id))
        await ctx.step.sleep("nap", 1)
        return [*counts, kept(tmp_path / "data", ctx.run_id)]

    @client.create_function(fn_id="sync", trigger=TRIGGER)
    def in_sync(ctx: inngest.ContextSync) -> Any:
        counts = []
        for i in range(20):
            ctx.step.run(f"s{i}", lambda: i)  # noqa: B023  # called before i changes
            counts.append(kept(tmp_path / "data", ctx.run_id))
        return counts

    assert in_async.start({}).result(timeout=20) == list(range(1, 22))
    assert in_sync.start({}).result(timeout=20) == list(range(1, 21))


def test_branches_that_end_together_are_all_on_disk(client: inngest.Inngest, tmp_path: Path) -> None:
    @client.create_function(fn_id="many", trigger=TRIGGER)
    async def many(ctx: inngest.Context) -> Any:
        async def branch(i: int) -> bool:
            before = kept(tmp_path / "data", ctx.run_id)
            await ctx.step.run(f"s{i}", lambda: i)
            return kept(tmp_path / "data", ctx.run_id) > before

        return await asyncio.gather(*(branch(i) for i in range(30)))

    assert all(many.start({}).result(timeout=20))


def test_a_function_level_retry_and_a_new_engine_pass_over_what_was_seen(tmp_path: Path) -> None:
    executed: list[str] = []
    entered: list[int] = []

    async def execute(name: str) -> int:
        executed.append(name)
        return len(executed)

    def define() -> inngest.Function[Any]:
        client = inngest.Inngest(app_id="promise", engine="embedded", data_dir=tmp_path / "data")

        @client.create_function(fn_id="again", trigger=TRIGGER, backoff=0.01)
        async def again(ctx: inngest.Context) -> Any:
            entered.append(ctx.attempt)
            first = await ctx.step.run("first", execute, "first")
            if len(entered) == 1:
                raise RuntimeError("between the steps")
            event = await ctx.step.wait_for_event("open", event="promise/open", timeout="5m")
            second = await ctx.step.run("second", execute, "second")
            return [first, event is not None, second]

        return again

    function = define()
    run = function.start({})
    while run.status != "waiting":
        pass
    links.close_links()
    client = define()._client
    client.send_sync(inngest.Event(name="promise/open"))
    assert client.run(run.id).result(timeout=20) == [1, True, 2]
    assert executed == ["first", "second"]
    assert len(entered) >= 3
    links.close_links()
