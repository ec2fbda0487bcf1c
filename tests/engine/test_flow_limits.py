"""How large one run may become: steps, what is remembered of them, and how long it may wait."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from inngest_nb.engine import limits
from inngest_nb.stephash import step_hash
from tests.engine.flow import Rig, go, limited


async def _run(rig: Rig) -> dict[str, Any]:
    await rig.start(limited())
    await rig.send(go())
    return rig.starts[rig.running[0]]


def _error(rig: Rig) -> dict[str, Any]:
    (run,) = rig.runs()
    assert run.status == "failed"
    error: dict[str, Any] = orjson.loads(run.error or "{}")
    return error


@pytest.mark.parametrize("after", ["", "a restart"])
async def test_a_run_of_more_than_a_thousand_steps_fails(rig: Rig, after: str) -> None:
    start = await _run(rig)
    for n in range(999):
        rig.peer.step_done(start, f"s{n}", index=n, output="1")
    rig.peer.step_failed(start, "s999")
    await rig.settle()
    if after:
        await rig.restart()
        (start,) = rig.starts.values()
    rig.peer.step_done(start, "s999", attempt=1, output="1")  # the same step: not one more
    await rig.settle()
    assert rig.runs()[0].status == "running"
    rig.peer.step_wait(start, "s1000")
    await rig.settle()
    error = _error(rig)
    assert error["name"] == "InngestErrFunctionOverflowed"
    assert error["message"] == "The function run exceeded the step limit of 1000 steps."


@pytest.mark.parametrize("after", ["", "a restart"])
async def test_a_run_that_remembers_more_than_32_megabytes_fails(
    rig: Rig, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert limits.MAX_STATE_BYTES == 33_554_432
    monkeypatch.setattr(limits, "MAX_STATE_BYTES", 1000)
    start = await _run(rig)
    rig.peer.step_done(start, "one", output=f'"{"x" * 500}"')
    await rig.settle()
    if after:
        await rig.restart()
        (start,) = rig.starts.values()
    rig.peer.step_done(start, "two", index=1, output=f'"{"x" * 497}"')
    await rig.settle()
    assert _error(rig)["name"] == "InngestErrStateOverflowed"


@pytest.mark.parametrize("kind", ["sleep", "wait_for_event"])
async def test_a_wait_of_more_than_366_days_fails_the_run_at_once(rig: Rig, kind: str) -> None:
    start = await _run(rig)
    more: dict[str, Any] = {"event": "app/x"} if kind == "wait_for_event" else {}
    rig.peer.step_wait(start, "year", seconds=366 * 86_400, **more)
    await rig.settle()
    assert rig.runs()[0].status == "waiting"
    rig.peer.step_wait(start, "longer", seconds=367 * 86_400, index=1, **more)
    await rig.settle()
    assert _error(rig)["message"] == "step 'longer' would wait 367 days; at most 366 are possible"
    assert not rig.peer.has_heard("step.memo", hash=step_hash("longer", 0))
