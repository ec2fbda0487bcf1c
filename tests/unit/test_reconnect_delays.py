"""How long subscribers wait before they connect again: what `reconnect_min_ms` and `reconnect_max_ms` promise."""

from __future__ import annotations

import pytest

from inngest_nb.realtime.backoff import Backoff

CHANCES = (0.0, 0.25, 0.5, 0.75, 0.999)


def test_the_defaults_are_inngests_with_chance_at_the_end_too() -> None:
    delays = [(Backoff().delay_ms(n, chance=0.0), Backoff().delay_ms(n, chance=1.0)) for n in range(8)]
    assert delays == [(250, 500), (500, 750), (1000, 1250), (2000, 2250), (4000, 4250), *[(4750, 5000)] * 3]


@pytest.mark.parametrize(("least", "most"), [(250, 5000), (4000, 5000), (500, 500), (0, 40), (3, 1e9)])
def test_no_delay_is_shorter_than_the_least_or_longer_than_the_most(least: float, most: float) -> None:
    backoff = Backoff(least_ms=least, most_ms=most)
    delays = [backoff.delay_ms(attempt, chance) for attempt in (*range(12), 10_000) for chance in CHANCES]
    assert least <= min(delays)
    assert max(delays) <= most
    assert backoff.delay_ms(10_000, 1.0) == most


def test_least_and_most_may_be_the_same() -> None:
    backoff = Backoff(least_ms=300, most_ms=300)
    assert {backoff.delay_ms(attempt) for attempt in range(20)} == {300}


def test_the_most_holds_even_where_the_least_is_more() -> None:
    assert {Backoff(least_ms=900, most_ms=100).delay_ms(attempt) for attempt in range(20)} == {100}


def test_near_the_most_there_is_still_chance() -> None:
    backoff = Backoff(least_ms=4000, most_ms=5000)
    assert len({backoff.delay_ms(0) for _ in range(50)}) == 50
