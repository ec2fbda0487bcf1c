"""What waits for the end of a backoff is retried now: once, durably, and nothing else with it."""

from __future__ import annotations

import pytest

import inngest_nb
from inngest_nb.engine.engine import Engine
from tests.engine.embedded import GO, LIMIT_S
from tests.engine.peer import Engines, MovableClock, ScriptedPeer, function, until
from tests.support.waiting import until as until_true

LATER_MS = 3_600_000.0


async def _start(engine: Engine) -> ScriptedPeer:
    peer = ScriptedPeer(engine, function())
    await engine.send([{"name": "app/go", "data": {}}])
    return peer


def test_a_step_and_a_body_are_retried_as_soon_as_somebody_says_so(client: inngest_nb.Inngest) -> None:
    tries: list[str] = []

    @client.create_function(fn_id="work", trigger=GO, backoff=3600)
    async def work(ctx: inngest_nb.Context) -> int:
        async def fetch() -> None:
            tries.append("step")
            if len(tries) == 1:
                raise ConnectionError("cut off")

        await ctx.step.run("fetch", fetch)
        tries.append("body")
        if len(tries) == 3:
            raise ValueError("the body")
        return len(tries)

    run = work.start()
    for wanted in (["step"], ["step", "step", "body"]):
        until_true(lambda: run.retry_now() > 0)
        assert tries[: len(wanted)] == wanted
    assert run.result(LIMIT_S) == 4
    assert run.retry_now() == 0


async def test_it_is_offered_once_and_not_again_when_its_time_would_have_come(
    engine: Engine, clock: MovableClock
) -> None:
    peer = await _start(engine)
    run = await peer.started()
    step = peer.step_failed(run, "fetch", retry_after_ms=LATER_MS)
    await until(lambda: engine.core.journal.steps(run["run_id"]), "the attempt is kept")
    assert await engine.retry_now(run["run_id"]) == 1
    await peer.hear("step.again", hash=step, attempt=1)
    assert await engine.retry_now(run["run_id"]) == 0
    clock.advance(engine, 3601)
    await peer.settled()
    assert not peer.has_heard("step.again")


async def test_only_the_step_that_is_named_is_retried(engine: Engine) -> None:
    peer = await _start(engine)
    run = await peer.started()
    one, _ = (
        peer.step_failed(run, "one", retry_after_ms=LATER_MS),
        peer.step_failed(run, "two", index=1, retry_after_ms=LATER_MS),
    )
    await until(lambda: len(engine.core.journal.steps(run["run_id"])) == 2, "both attempts are kept")
    assert await engine.retry_now(run["run_id"], "nope") == 0
    assert await engine.retry_now(run["run_id"], "one") == 1
    await peer.hear("step.again", hash=one, attempt=1)
    await peer.settled()
    assert not peer.has_heard("step.again")


async def test_without_a_worker_it_holds_for_the_one_that_comes_even_after_a_restart(engines: Engines) -> None:
    engine = await engines.start()
    peer = await _start(engine)
    run = await peer.started()
    step = peer.step_failed(run, "fetch", retry_after_ms=LATER_MS)
    await until(lambda: engine.core.journal.steps(run["run_id"]), "the attempt is kept")
    peer.close()
    assert await engine.retry_now(run["run_id"]) == 1
    again = ScriptedPeer(await engines.restart(engine), function(), worker_id="peer-2")
    assert (await again.started())["retrying"] == {step: 1}
    await again.hear("step.again", hash=step, attempt=1)


async def test_a_run_that_has_ended_or_is_to_start_later_has_nothing_to_retry(
    engine: Engine, clock: MovableClock
) -> None:
    peer = await _start(engine)
    run = await peer.started()
    peer.step_failed(run, "fetch", retry_after_ms=LATER_MS)
    await peer.finish(run)
    assert await engine.retry_now(run["run_id"]) == 0
    await engine.send([{"name": "app/go", "data": {}, "ts": clock.now() // 1000 + 3_600_000}])
    (later, _) = engine.run_ids()
    assert await engine.retry_now(later) == 0
    with pytest.raises(inngest_nb.errors.RunNotFoundError):
        await engine.retry_now("nope")
