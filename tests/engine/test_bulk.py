"""Many runs at once: cancel, replay, and cron ticks that were missed."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import inngest_nb as inngest
from inngest_nb import links
from inngest_nb.errors import ExpressionError, FunctionConfigInvalidError, StartRefused
from tests.engine.flow import Rig, go, limited

MINUTE_US = 60_000_000


def _which(**which: Any) -> dict[str, Any]:
    return {"app_id": "app", "function": None, "status": None, "since": None, "until": None, **which}


async def _cancel(rig: Rig, if_exp: str | None = None, **which: Any) -> int:
    cancelled = await rig.peer.request("cancel_runs", _which(**which) | {"if_exp": if_exp})
    await rig.settle()
    assert isinstance(cancelled, int)
    return cancelled


async def _replay(rig: Rig, **which: Any) -> list[Any]:
    runs = await rig.peer.request("replay", _which(**which))
    await rig.settle()
    assert isinstance(runs, list)
    return runs


async def test_every_run_that_fits_is_cancelled_whatever_it_does(rig: Rig) -> None:
    await rig.start(limited(concurrency=[{"limit": 2}]), limited("app-other", "app/other"))
    await rig.send(go(n=1))
    done = rig.running[0]
    await rig.finish(done)
    await rig.send(go(n=2), go(n=3), go(n=4), go("app/other"))
    rig.peer.step_wait(rig.starts[rig.running[0]], "nap", seconds=60)
    await rig.settle()
    assert await _cancel(rig, function="app-fn") == 3
    assert [run.status for run in rig.runs("app-fn")] == ["completed", "cancelled", "cancelled", "cancelled"]
    assert rig.runs("app-fn")[1].reason == "cancelled in bulk"
    assert rig.runs("app-other")[0].status == "running"
    assert await _cancel(rig) == 1
    assert await _cancel(rig) == 0
    await rig.restart()
    assert rig.starts == {}


async def test_the_filters_of_a_cancellation(rig: Rig) -> None:
    await rig.start(limited(concurrency=[{"limit": 1}]))
    began = rig.clock.now()
    for n in range(5):
        await rig.send(go(n=n))
        await rig.advance(60)
    assert await _cancel(rig, since=began + MINUTE_US, until=began + 2 * MINUTE_US) == 1
    assert await _cancel(rig, if_exp="event.data.n == 3") == 1
    assert await _cancel(rig, status="running") == 1
    assert [run.event.as_object()["data"]["n"] for run in rig.runs() if run.status != "cancelled"] == [2, 4]
    answer = await rig.peer.request("cancel_runs", _which(if_exp="async.data.n == 1"))
    assert answer["error"]["type"] == "ExpressionError"
    assert await _cancel(rig, app_id="another") == 0


async def test_what_has_failed_is_run_again_once_each(rig: Rig) -> None:
    await rig.start(limited(retries=0, rateLimit={"limit": 100, "period": "1m"}), limited("app-other", retries=0))
    for n in range(3):
        await rig.send(go(n=n, id=f"e{n}"))
        for start in [rig.starts[run_id] for run_id in rig.running]:
            if n == 1:
                rig.peer.done(start)
            else:
                rig.peer.failed(start)
        await rig.settle()
        await rig.advance(60)
    assert len(await _replay(rig, function="app-fn", status="failed")) == 2
    assert [data["n"] for data in rig.started_data()][-2:] == [0, 2]
    again = [run for run in rig.runs("app-fn") if run.forked_from]
    assert [run.forked_from for run in again] == [rig.runs("app-fn")[0].id, rig.runs("app-fn")[2].id]
    assert len(await _replay(rig, function="app-fn", status="completed")) == 1
    assert len(await _replay(rig, function="app-fn", status=None, until=rig.clock.now() - 90 * 1_000_000)) == 2


async def test_more_runs_than_one_commit_takes(rig: Rig) -> None:
    await rig.start(limited(retries=0))
    await rig.send(*[go(n=n) for n in range(450)])
    assert await _cancel(rig) == 450
    assert len(await _replay(rig, function="app-fn", status="cancelled")) == 450


# -- backfill ------------------------------------------------------------------------------------


async def _backfill(rig: Rig, since: int, until: int | None = None) -> Any:
    answer = await rig.peer.request("backfill", {"fn_id": "app-fn", "since": since, "until": until})
    await rig.settle()
    return answer


async def test_ticks_that_had_no_run_get_one_each_in_order(rig: Rig) -> None:
    hourly = limited(triggers=[{"cron": "0 * * * *"}, {"cron": "30 12 * * *", "jitter": "300s"}])
    await rig.start(hourly)
    began = rig.clock.now()
    await rig.advance(3600)  # 09:00 was there
    await rig.restart(away_s=4.75 * 3600)  # until 13:45
    assert len(await _backfill(rig, began + 1)) == 5
    ticks = [data["scheduledAt"][11:16] for data in rig.started_data()]
    assert ticks[-5:] == ["10:00", "11:00", "12:00", "12:30", "13:00"]
    assert await _backfill(rig, began + 1) == []
    assert len(rig.runs()) == 6
    assert {run.status for run in rig.runs()} == {"running"}  # none waits for its jitter


async def test_since_counts_and_until_does_not(rig: Rig) -> None:
    await rig.start(limited(triggers=[{"cron": "0 * * * *"}]))
    began = rig.clock.now()
    assert len(await _backfill(rig, began, began + 3600 * 1_000_000)) == 1  # 08:00, not 09:00


async def test_flow_control_holds_for_ticks_that_are_made_up(rig: Rig) -> None:
    await rig.start(limited(triggers=[{"cron": "* * * * *"}], concurrency=[{"limit": 2}]))
    began = rig.clock.now()
    await _backfill(rig, began - 10 * MINUTE_US)
    assert (len(rig.running), len(rig.runs())) == (2, 10)


async def test_a_backfill_that_cannot_be_is_refused(rig: Rig) -> None:
    await rig.start(limited())
    assert (await _backfill(rig, 0))["error"]["type"] == FunctionConfigInvalidError.__name__
    rig.join(limited(triggers=[{"cron": "* * * * *"}]))
    assert (await _backfill(rig, 0))["error"]["type"] == StartRefused.__name__


# -- as a user sees it ---------------------------------------------------------------------------


@pytest.fixture
def client(tmp_path: Path) -> Iterator[inngest.Inngest]:
    """A client of an embedded engine."""
    yield inngest.Inngest(app_id="bulk", engine="embedded", data_dir=tmp_path / "data")
    links.close_links()


def test_from_a_cell(client: inngest.Inngest) -> None:
    works: list[bool] = []

    @client.create_function(fn_id="sleeper", trigger=inngest.TriggerEvent(event="bulk/sleep"))
    async def sleeper(ctx: inngest.Context) -> None:
        await ctx.step.sleep("nap", "1h")

    @client.create_function(fn_id="broken", trigger=inngest.TriggerEvent(event="bulk/break"), retries=0)
    async def broken(ctx: inngest.Context) -> str:
        if not works:
            raise ValueError("not yet")
        return "works"

    @client.create_function(fn_id="daily", trigger=inngest.TriggerCron(cron="0 0 * * *"))
    async def daily(ctx: inngest.Context) -> Any:
        return ctx.event.data["scheduledAt"]

    now = datetime.datetime.now(datetime.UTC)
    sleeping = [sleeper.start({"n": n}) for n in range(3)]
    assert (
        client.cancel_runs(function=sleeper, if_exp="event.data.n != 1", since=now - datetime.timedelta(hours=1)) == 2
    )
    assert [run.status for run in sleeping][1] in ("queued", "running", "waiting")
    assert client.cancel_runs() == 1
    with pytest.raises(ExpressionError):
        client.cancel_runs(if_exp="event.data.n ==")

    failed = broken.start()
    with pytest.raises(inngest.RunFailed):
        failed.result(20)
    works.append(True)
    (again,) = client.replay(function="broken")
    assert again.result(20) == "works"

    runs = daily.backfill(now - datetime.timedelta(days=3))
    assert len(runs) == 3
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    assert runs[-1].result(20) == midnight.isoformat().replace("+00:00", "Z")
    assert daily.backfill(now - datetime.timedelta(days=3)) == []
