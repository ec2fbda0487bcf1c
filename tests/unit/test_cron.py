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


@pytest.mark.parametrize(
    ("cron", "after", "fires"),
    [
        # half an hour shown twice: the hours after it are looked for from half past
        (
            "TZ=Australia/Lord_Howe */25 */12 * * *",
            "2011-04-02T05:57:41",
            ["02 13:00", "02 13:25", "02 13:50", "03 02:20"],
        ),
        # no midnight on the day that matches, so the search goes past it or begins late
        ("TZ=Asia/Beirut * 9 18,8,9,25 * 0", "2010-03-26T07:44:56", ["04 06:00", "04 06:01"]),
        ("TZ=Africa/Cairo 25 * 5-10 * 5", "2026-04-22T19:05:39", ["30 21:25", "30 22:25"]),
        ("TZ=America/Sao_Paulo 0 0 * * *", "2018-11-03T00:00:00", ["03 03:00", "05 02:00"]),
        # a minute past midnight shown twice
        (
            "TZ=America/St_Johns */24 0 * * 0-3/5",
            "2011-03-12T19:54:53",
            ["13 03:30", "20 02:54", "20 03:18", "27 02:30"],
        ),
        # a day that the zone has left out
        ("TZ=Pacific/Apia */7 14 * * 6-6/5", "2011-12-29T15:29:50", ["31 00:00", "31 00:07"]),
    ],
)
def test_odd_changes_of_the_clock_are_stepped_over_as_the_server_does(cron: str, after: str, fires: list[str]) -> None:
    found = next_fires(cron, datetime.datetime.fromisoformat(f"{after}+00:00"), len(fires))
    assert [fire.strftime("%d %H:%M") for fire in found] == fires


def test_at_the_end_of_the_calendar_there_is_nothing_more() -> None:
    assert next_fires("TZ=Asia/Tokyo 59 23 31 12 *", datetime.datetime(9999, 12, 31, 23, tzinfo=datetime.UTC), 2) == []
    assert next_fires("0 0 30 2 *", datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), 1) == []


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
