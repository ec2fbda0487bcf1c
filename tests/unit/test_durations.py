"""Durations as users write them and as Inngest reads them."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest_nb import durations
from inngest_nb.goduration import LONG_UNITS, go_string, parse_ns
from tests.unit.vectors import cases, label


def outcome(parse: Callable[..., float], *args: object) -> dict[str, object]:
    try:
        return {"ok": True, "value": parse(*args)}
    except ValueError:
        return {"ok": False, "value": None}


@pytest.mark.parametrize("case", cases("batch_debounce_misc", "duration"), ids=label)
def test_reads_what_the_server_reads(case: dict[str, Any]) -> None:
    text, now, expected = case["input"]["text"], case["input"]["now_ms"], case["expected"]
    for name, parse, args, key in (
        ("general", durations.general_ms, (), "ms"),
        ("batch_timeout", durations.batch_timeout_ms, (), "ms"),
        ("wait_timeout", durations.expires_at_ms, (now,), "expires_ms"),
        ("sleep", durations.sleep_ms, (now,), "ms"),
    ):
        if name in expected:  # a sleep until a past date was not recorded
            wanted = {"ok": expected[name]["ok"], "value": expected[name].get(key)}
            assert outcome(parse, text, *args) == wanted, name


@pytest.mark.parametrize(
    ("duration", "milliseconds"),
    [
        (1500, 1500), ("15m", 900_000), ("1h30m", 5_400_000), ("7d", 604_800_000), ("1.5s", 1500), ("1 hour", 3_600_000), ("2 days", 172_800_000),
        ("1 hour and 30 minutes", 5_400_000), ("90 mins", 5_400_000), (datetime.timedelta(days=1), 86_400_000), (datetime.timedelta(microseconds=1), 1),
        ("1ns", 1), (datetime.timedelta(seconds=-5), 0), (-5, 0), ("-1h", 0), (0, 0),
    ],
)  # fmt: skip
def test_users_durations(duration: durations.Duration, milliseconds: int) -> None:
    assert durations.to_milliseconds(duration) == milliseconds


@pytest.mark.parametrize("wrong", ["", "5", "soon", "1 month", "1y", 1.5, True, None, [1]])
def test_errors_name_the_field_and_the_forms(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"timeout of step 'a' must be a duration, not .*; write a timedelta"):
        durations.to_milliseconds(wrong, field="the timeout of step 'a'")


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        ("90m", "90m"),
        (86_400_000, "1d"),
        ("14d", "2w"),
        (datetime.timedelta(hours=36), "36h"),
        ("61s", "61s"),
        ("1 week", "1w"),
    ],
)
def test_to_wire_uses_the_largest_even_unit(duration: durations.Duration, text: str) -> None:
    assert durations.to_wire(duration) == text


@pytest.mark.parametrize("wrong", [0, 999, 1500, "100ms"])
def test_to_wire_takes_whole_seconds(wrong: durations.Duration) -> None:
    with pytest.raises(ValueError, match="the period must be a whole number of seconds from 1"):
        durations.to_wire(wrong, field="the period")


@given(st.integers(1, 10**9))
def test_to_wire_loses_nothing(seconds: int) -> None:
    assert durations.to_milliseconds(durations.to_wire(seconds * 1000)) == seconds * 1000


@given(st.integers(-(10**18), 10**18))
def test_go_strings_read_back(ns: int) -> None:
    assert parse_ns(go_string(ns), LONG_UNITS) == ns
