"""Rate limits and throttles against what Inngest's server admitted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest_nb.durations import general_ms
from inngest_nb.engine.flow.gcra import Bucket, Rate, admit, rate_limit, throttle
from inngest_nb.errors import FunctionConfigInvalidError
from tests.unit.vectors import cases, label

_MS = 10**6


@pytest.mark.parametrize("case", cases("gcra", "rate_limit"), ids=label)
def test_rate_limit_lets_through_what_the_server_lets_through(case: dict[str, Any]) -> None:
    given = case["input"]
    rate, bucket = rate_limit(given["limit"], general_ms(given["period"])), None
    for at_ms, expected in zip(given["arrivals_ms"], case["expected"]["results"], strict=True):
        decision = admit(rate, bucket, at_ms * _MS)
        bucket = decision.bucket
        assert decision.admitted is expected["admitted"]
        if not decision.admitted:
            assert decision.retry_at_ms - at_ms == pytest.approx(
                expected["retry_after_ms"], abs=0.0011
            )  # recorded in microseconds


@pytest.mark.parametrize("case", cases("gcra", "throttle"), ids=label)
def test_throttle_starts_what_the_server_starts(case: dict[str, Any]) -> None:
    given = case["input"]
    rate, bucket = throttle(given["limit"], given["period_s"] * 1000, given["burst"]), None
    for at_ms, expected in zip(given["arrivals_ms"], case["expected"]["results"], strict=True):
        decision = admit(rate, bucket, at_ms * _MS)
        bucket = decision.bucket
        assert decision.admitted is expected["admitted"]
        if not decision.admitted:
            assert round(decision.retry_at_ms) == expected["retry_at_ms"]


def test_a_rate_needs_a_limit_and_a_period() -> None:
    for limit, period in ((0, 1000), (-1, 1000), (1, 0)):
        with pytest.raises(FunctionConfigInvalidError, match="above 0"):
            throttle(limit, period)


@given(st.integers(1, 50), st.integers(1000, 100_000), st.integers(0, 5), st.lists(st.integers(0, 20_000), max_size=60))
def test_a_refused_start_is_admitted_when_told_to_come_back(
    limit: int, period_ms: int, burst: int, gaps_ms: list[int]
) -> None:
    rate = throttle(limit, period_ms, burst)
    bucket: Bucket | None = None
    now = admitted = 0
    for gap in gaps_ms:
        now += gap * _MS
        decision = admit(rate, bucket, now)
        if not decision.admitted:
            assert not admit(rate, decision.bucket, decision.retry_at_ns - 1).admitted
            now = decision.retry_at_ns
            decision = admit(rate, decision.bucket, now)
        assert decision.admitted
        bucket, admitted = decision.bucket, admitted + 1
    assert admitted <= now / rate.interval_ns + limit + burst + 1


def test_capacity_of_a_rate_is_exact() -> None:
    assert rate_limit(10, 60_000) == Rate(interval_ns=6 * 10**9, capacity_ns=12 * 10**9, forgets=True)
    assert throttle(2, 60_000) == Rate(interval_ns=30 * 10**9, capacity_ns=90 * 10**9, forgets=False)
