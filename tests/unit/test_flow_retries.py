"""When a failed attempt is tried again, and how a step is known."""

from __future__ import annotations

import random
from typing import Any

import pytest

from inngest_nb.engine.flow.backoff import (
    TABLE_JITTER_MS,
    base_delay_ms,
    clip_retry_after_ms,
    retry_after_header_ms,
    retry_delay_ms,
)
from inngest_nb.stephash import step_hash
from tests.unit.vectors import cases, label

NOW_MS = 1_760_000_000_000


@pytest.mark.parametrize("case", cases("backoff"), ids=label)
def test_delays_are_inngest_s(case: dict[str, Any]) -> None:
    given, expected = case["input"], case["expected"]
    policy = "inngest" if given["policy"] == "table" else given["interval_ms"] / 1000
    assert base_delay_ms(policy, given["attempt"]) == expected["base_ms"]
    delays = [retry_delay_ms(policy, given["attempt"], random.Random(seed)) for seed in range(300)]
    jitters = [delay - expected["base_ms"] for delay in delays]
    if policy == "inngest":
        assert expected["jitter_min_ms"] <= min(jitters) < 1000
        assert TABLE_JITTER_MS - 1000 < max(jitters) < TABLE_JITTER_MS == expected["jitter_max_ms_exclusive"]
    else:
        assert set(jitters) == {0}


def test_the_notebook_s_own_delays_double_up_to_half_a_minute() -> None:
    assert [base_delay_ms(None, attempt) / 1000 for attempt in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert base_delay_ms(None, 10_000) == 30_000
    delays = {retry_delay_ms(None, 3, random.Random(seed)) for seed in range(50)}
    assert len(delays) > 40
    assert all(7200 <= delay <= 8000 for delay in delays)


def test_a_number_is_a_constant_number_of_seconds() -> None:
    assert [retry_delay_ms(0.5, attempt, random.Random(0)) for attempt in (0, 1, 20)] == [500, 500, 500]
    assert retry_delay_ms(0, 3, random.Random(0)) == 0


@pytest.mark.parametrize("case", cases("batch_debounce_misc", "retry_after"), ids=label)
def test_retry_after_headers(case: dict[str, Any]) -> None:
    delay = retry_after_header_ms(case["input"]["header"], NOW_MS)
    assert (delay is not None) is case["expected"]["ok"]
    assert delay is None or delay / 1000 == case["expected"]["seconds_from_now"]


def test_retry_after_an_http_date() -> None:
    assert retry_after_header_ms("Thu, 09 Oct 2025 08:54:20 GMT", NOW_MS) == 60_000
    assert retry_after_header_ms("Thu, 09 Oct 2025 08:00:00 GMT", NOW_MS) == 1000  # clipped
    assert retry_after_header_ms("Thu, 99 Oct 2025 08:00:00 GMT", NOW_MS) is None


def test_retry_after_is_clipped() -> None:
    assert [clip_retry_after_ms(ms) for ms in (0, 500, 5000, 10**9)] == [1000, 1000, 5000, 86_400_000]


@pytest.mark.parametrize("case", cases("step_hash"), ids=label)
def test_step_hashes(case: dict[str, Any]) -> None:
    counts: dict[str, int] = {}
    for step_id, expected in zip(case["input"]["step_ids"], case["expected"]["steps"], strict=True):
        repeat = counts.get(step_id, 0)
        counts[step_id] = repeat + 1
        assert (step_hash(step_id, repeat), repeat) == (expected["hash"], expected["index"])
