"""Priority, debounce, batch, singleton and the buckets they go by."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest_nb.engine.flow import keys, singleton
from inngest_nb.engine.flow.batch import Collected, collect
from inngest_nb.engine.flow.debounce import Pending, debounce
from inngest_nb.errors import ExpressionError
from tests.unit.vectors import cases, label

EVENT = {"name": "a", "data": {"id": "u_1", "n": 5, "off": False}}


@pytest.mark.parametrize("case", cases("batch_debounce_misc", "priority"), ids=label)
def test_priority(case: dict[str, Any]) -> None:
    factor, fault = keys.priority_factor(case["input"]["expression"], case["input"]["event"])
    assert factor == case["expected"]["factor"]
    assert (fault is not None) is case["expected"]["error"]


def test_priority_says_how_to_write_it() -> None:
    assert "write int(...) around a number of the event" in (keys.priority_factor("event.data.n", EVENT)[1] or "")
    assert keys.priority_factor(None, EVENT) == (0, None)


def test_buckets() -> None:
    assert [keys.bucket(text, EVENT) for text in (None, "event.data.id", "event.data.x", "event.data['x']", "bad key")] == [
        "", "u_1", "false", "false", "false",
    ]  # fmt: skip
    assert [keys.debounce_bucket(text, EVENT) for text in (None, "event.data.id", "event.data.x", "event.data['x']")] == [
        "", "u_1", "false", "<invalid>",
    ]  # fmt: skip
    assert [keys.limiter_bucket(text, EVENT) for text in (None, "event.data.id", "event.data.x", "event.data.off")] == [
        "",
        "u_1",
        None,
        None,
    ]
    with pytest.raises(ExpressionError):
        keys.limiter_bucket("event.data['x']", EVENT)
    assert [keys.holds(text, EVENT) for text in (None, "event.data.n == 5", "event.data.n", "!event.data.n")] == [
        True,
        True,
        False,
        False,
    ]


def test_debounce_restarts_with_each_event() -> None:
    first = debounce(None, event_id="a", event_ts=100, now_ms=1000, period_ms=500)
    assert first == Pending(event_id="a", event_ts=100, first_at=1000, fires_at=1500)
    second = debounce(first, event_id="b", event_ts=101, now_ms=1400, period_ms=500)
    assert second == Pending(event_id="b", event_ts=101, first_at=1000, fires_at=1900)


def test_debounce_ignores_what_is_older() -> None:
    first = debounce(None, event_id="a", event_ts=100, now_ms=1000, period_ms=500)
    assert debounce(first, event_id="b", event_ts=99, now_ms=1400, period_ms=500) is first
    assert debounce(first, event_id="b", event_ts=100, now_ms=1400, period_ms=500).event_id == "b"


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30), st.integers(1, 1000), st.integers(1, 5000))
def test_debounce_never_waits_longer_than_its_timeout(gaps: list[int], period: int, timeout: int) -> None:
    pending, now = None, 0
    for number, gap in enumerate(gaps):
        now += gap
        pending = debounce(
            pending, event_id=str(number), event_ts=number, now_ms=now, period_ms=period, timeout_ms=timeout
        )
        assert pending.fires_at <= gaps[0] + timeout
        assert pending.fires_at <= now + period


def test_batch_goes_when_it_is_full() -> None:
    one = collect(None, event_id="a", event_bytes=10, now_ms=1000, max_size=2, timeout_ms=500)
    assert (one.is_full, one.batch.fires_at) == (False, 1500)
    two = collect(one.batch, event_id="b", event_bytes=10, now_ms=1400, max_size=2, timeout_ms=500)
    assert two.is_full
    assert two.batch == Collected(event_ids=("a", "b"), size_bytes=20, fires_at=1500)


def test_batch_takes_an_event_once() -> None:
    one = collect(None, event_id="a", event_bytes=10, now_ms=0, max_size=2, timeout_ms=500)
    assert collect(one.batch, event_id="a", event_bytes=10, now_ms=1, max_size=2, timeout_ms=500) == one


def test_batch_goes_at_ten_mebibytes() -> None:
    one = collect(None, event_id="a", event_bytes=6 * 2**20, now_ms=0, max_size=100, timeout_ms=500)
    assert not one.is_full
    assert collect(one.batch, event_id="b", event_bytes=4 * 2**20, now_ms=1, max_size=100, timeout_ms=500).is_full


def test_singleton() -> None:
    assert singleton.decide("skip", None).starts
    skipped = singleton.decide("skip", "run_1")
    assert (skipped.starts, skipped.cancels, skipped.reason) == (False, None, "run run_1 has the singleton's key")
    replaced = singleton.decide("cancel", "run_1")
    assert (replaced.starts, replaced.cancels) == (True, "run_1")
