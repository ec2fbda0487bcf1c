"""Throttle delays starts, rate limit and idempotency drop them; all by key, all over a restart."""

from __future__ import annotations

import pytest

from inngest_nb.errors import StartRefused
from tests.engine.flow import Rig, go, limited

THROTTLE = {"limit": 1, "period": "10s", "burst": 1}


def _ns(rig: Rig) -> list[object]:
    return [data.get("n") for data in rig.started_data()]


# -- throttle ------------------------------------------------------------------------------------


async def test_a_throttle_lets_a_burst_start_then_one_each_interval_first_in_first_out(rig: Rig) -> None:
    await rig.start(limited(throttle=THROTTLE))
    await rig.send(*[go(n=n) for n in range(5)])
    assert _ns(rig) == [0, 1]
    assert rig.runs()[2].reason == "delayed by its throttle"
    await rig.advance(9.9)
    assert _ns(rig) == [0, 1]
    await rig.advance(0.2)
    assert _ns(rig) == [0, 1, 2]
    await rig.advance(20)
    assert _ns(rig) == [0, 1, 2, 3, 4]
    started = [run.started_at or 0 for run in rig.runs()]
    assert [round((at - started[0]) / 1e6) for at in started] == [0, 0, 10, 20, 30]


async def test_each_key_of_a_throttle_has_its_own_pace(rig: Rig) -> None:
    await rig.start(limited(throttle={**THROTTLE, "key": "event.data.user"}))
    await rig.send(*[go(n=n, user=user) for n, user in enumerate("aaabbb")])
    assert _ns(rig) == [0, 1, 3, 4]
    await rig.advance(10.1)
    assert sorted(_ns(rig), key=str) == [0, 1, 2, 3, 4, 5]


async def test_a_throttle_delays_starts_only(rig: Rig) -> None:
    await rig.start(limited(throttle=THROTTLE, backoff=0.5))
    await rig.send(*[go(n=n) for n in range(3)])
    first = rig.starts[rig.running[0]]
    rig.peer.failed(first)
    await rig.advance(1)
    again = rig.starts[first["run_id"]]
    assert (again["attempt"], again["lease"] != first["lease"]) == (1, True)
    nap = rig.peer.step_wait(again, "nap", seconds=1)
    await rig.advance(2)
    assert rig.peer.has_heard("step.memo", hash=nap)
    assert _ns(rig) == [0, 1]


async def test_a_throttle_goes_on_at_its_pace_after_a_restart(rig: Rig) -> None:
    await rig.start(limited(throttle=THROTTLE))
    await rig.send(*[go(n=n) for n in range(4)])
    await rig.restart()
    assert _ns(rig) == [0, 1]  # they had started: they go on
    await rig.advance(10.1)
    assert _ns(rig) == [0, 1, 2]
    await rig.advance(10.1)
    assert _ns(rig) == [0, 1, 2, 3]


async def test_a_cancelled_run_does_not_use_up_the_throttle(rig: Rig) -> None:
    await rig.start(limited(throttle=THROTTLE))
    await rig.send(*[go(n=n) for n in range(4)])
    await rig.engine.cancel(rig.runs()[2].id)
    await rig.advance(10.1)
    assert _ns(rig) == [0, 1, 3]


async def test_what_a_throttle_let_go_does_not_pay_twice_where_concurrency_or_a_worker_is_missing(rig: Rig) -> None:
    await rig.start(limited(throttle=THROTTLE, concurrency=[{"limit": 1}]))
    await rig.send(*[go(n=n) for n in range(3)])
    await rig.advance(60)  # all three have passed the throttle, one has the place
    assert _ns(rig) == [0]
    for n in range(3):
        assert _ns(rig) == [n]
        await rig.finish(rig.running[0])


# -- rate limit ----------------------------------------------------------------------------------


async def test_a_rate_limit_drops_what_is_over_it(rig: Rig) -> None:
    await rig.start(limited(rateLimit={"limit": 10, "period": "60s"}), limited("app-other"))
    await rig.send(*[go(n=n) for n in range(4)])
    assert len(rig.runs("app-fn")) == 2  # a tenth of the limit and one more at once
    assert len(rig.runs("app-other")) == 4
    await rig.advance(6.1)
    await rig.send(go(n=5), go(n=6))
    assert len(rig.runs("app-fn")) == 3


async def test_a_rate_limit_counts_by_key_and_holds_after_a_restart(rig: Rig) -> None:
    await rig.start(limited(rateLimit={"limit": 1, "period": "60s", "key": "event.data.user"}))
    await rig.send(go(user="a", n=1), go(user="a", n=2), go(user="b", n=3))
    assert _ns(rig) == [1, 3]
    await rig.restart(away_s=30)
    await rig.send(go(user="a", n=4))
    assert 4 not in _ns(rig)
    await rig.advance(31)
    await rig.send(go(user="a", n=5))
    assert 5 in _ns(rig)


@pytest.mark.parametrize("key", ["event.data.missing", "event.data.limited == true", "false"])
async def test_a_key_that_is_false_turns_the_rate_limit_off(rig: Rig, key: str) -> None:
    await rig.start(limited(rateLimit={"limit": 1, "period": "60s", "key": key}))
    await rig.send(go(n=1), go(n=2, limited=False))
    assert len(rig.runs()) == 2


async def test_a_key_that_fails_lets_nothing_through_and_says_so(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    await rig.start(limited(rateLimit={"limit": 1, "period": "60s", "key": "event.data['user']"}))
    await rig.send(go())
    assert rig.runs() == []
    assert "the rate limit's key failed" in caplog.text


async def test_a_start_that_is_dropped_is_refused_with_the_reason(rig: Rig) -> None:
    function = limited(rateLimit={"limit": 1, "period": "60s"})
    await rig.start(function)
    await rig.engine.start_function("app-fn", go())
    with pytest.raises(StartRefused, match="rate limit"):
        await rig.engine.start_function("app-fn", go())


async def test_what_a_rate_limit_drops_in_an_invoke_fails_the_step(rig: Rig) -> None:
    await rig.start(limited("app-caller"), limited("app-callee", "app/x", rateLimit={"limit": 1, "period": "60s"}))
    await rig.send(go())
    caller = rig.starts[rig.running[0]]
    for index, step_id in enumerate(("one", "two")):
        rig.peer.step_wait(caller, step_id, kind="invoke", function_id="app-callee", data="{}", index=index)
    await rig.settle()
    (told,) = [message for message in rig.peer.heard if message["op"] == "step.failed"]
    assert told["error"]["message"] == "invoked function is rate limited"
    assert len(rig.runs("app-callee")) == 1


# -- idempotency ---------------------------------------------------------------------------------


async def test_idempotency_is_one_run_a_day_for_each_key_and_wins_over_the_rate_limit(rig: Rig) -> None:
    await rig.start(limited(idempotency="event.data.order", rateLimit={"limit": 1000, "period": "1s"}))
    await rig.send(go(order=1), go(order=1), go(order=2), go(), go())
    assert [data.get("order") for data in rig.started_data()] == [1, 2, None, None]
    await rig.restart(away_s=86_000)
    await rig.send(go(order=1))
    assert len(rig.runs()) == 4
    await rig.advance(500)
    await rig.send(go(order=1))
    assert len(rig.runs()) == 5


async def test_rates_that_have_drained_are_forgotten(rig: Rig) -> None:
    await rig.start(limited(idempotency="event.data.order"))
    await rig.send(*[go(order=n) for n in range(10)])
    await rig.restart(away_s=90_000)
    assert rig.engine.core.journal.rows("SELECT * FROM flow_state") == []


@pytest.mark.parametrize(("burst", "at_once"), [(0, 2), (None, 3), (1, 3), (4, 6)])
async def test_a_burst_is_what_may_start_beyond_the_limit(rig: Rig, burst: int | None, at_once: int) -> None:
    await rig.start(limited(throttle={"limit": 2, "period": "10s", "burst": burst}))
    await rig.send(*[go(n=n) for n in range(10)])
    assert len(_ns(rig)) == at_once
