"""Cron schedules and triggers against what Inngest's scheduler computed."""

from __future__ import annotations

import datetime
from typing import Any

import pydantic
import pytest

from inngest_nb.triggers import TriggerCron, TriggerEvent, candidates, cron_jitter_ns, next_fires
from tests.unit.vectors import cases, label


@pytest.mark.parametrize("case", cases("cron"), ids=label)
def test_fires_as_the_server_does(case: dict[str, Any]) -> None:
    after = datetime.datetime.fromisoformat(case["input"]["from"])
    if not case["expected"]["registers"]:
        with pytest.raises(ValueError, match="cron schedule"):
            next_fires(case["input"]["cron"], after, 5)
        return
    fires = next_fires(case["input"]["cron"], after, 5)
    assert [fire.strftime("%Y-%m-%dT%H:%M:%SZ") for fire in fires] == (case["expected"].get("next") or [])
    assert all(fire.tzinfo is datetime.UTC for fire in fires)


@pytest.mark.parametrize(
    ("cron", "says"),
    [
        (", * * * *", "the minute is empty, so it would never fire"),  # Inngest registers it, and it never fires
        ("* * 0 * *", "the day of month goes from 1 to 31, found '0'"),
        ("5-1 * * * *", "the minute has an empty range, '5-1'"),
        ("* * * * fry", "the day of week cannot be 'fry'"),
        ("* * *", "five fields (minute hour day month weekday), not 3"),
        ("@daily", "0 0 * * * for @daily"),
        ("TZ=Mars/Base 0 0 * * *", "no time zone 'Mars/Base'"),
        ("0 0 * * *" + " " * 255, "255 characters"),
    ],
)
def test_errors_name_the_part(cron: str, says: str) -> None:
    with pytest.raises(ValueError, match="cron schedule") as caught:
        next_fires(cron, datetime.datetime.now(datetime.UTC), 1)
    assert says in str(caught.value)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a time with a time zone"):
        next_fires("* * * * *", datetime.datetime(2026, 1, 1), 1)  # noqa: DTZ001  # that is the point


def test_a_repeated_hour_fires_in_order() -> None:
    after = datetime.datetime(2025, 10, 25, 23, 59, tzinfo=datetime.UTC)
    fires = next_fires("TZ=Europe/Paris */20 2 * * *", after, 7)
    assert [fire.strftime("%d %H:%M") for fire in fires] == [
        "26 00:00",
        "26 00:20",
        "26 00:40",
        "26 01:00",
        "26 01:20",
        "26 01:40",
        "27 01:00",
    ]


@pytest.mark.parametrize("case", cases("batch_debounce_misc", "trigger_patterns"), ids=label)
def test_patterns_of_an_event_name(case: dict[str, Any]) -> None:
    assert candidates(case["input"]["event_name"]) == case["expected"]["patterns"]


@pytest.mark.parametrize("case", cases("batch_debounce_misc", "cron_jitter"), ids=label)
def test_jitter_is_the_server_s(case: dict[str, Any]) -> None:
    given = case["input"]
    assert cron_jitter_ns(given["seed"], given["min_ms"], given["max_ms"]) == case["expected"]["ns"]


def test_triggers_are_strict_values() -> None:
    assert TriggerEvent(event="a").model_dump(exclude_none=True) == {"event": "a"}
    with pytest.raises(pydantic.ValidationError):
        TriggerCron(cron="* * * * *", jitter=5)  # type: ignore[arg-type]
    with pytest.raises(pydantic.ValidationError):
        TriggerEvent(event="a", expresion="x")  # type: ignore[call-arg]
