"""Promise 3, for runs that wait: after the host was killed no body is entered before something happens to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.promises.waiting_program import BUSY, after_death
from tests.support.crash import KILLED, Nursery

PROGRAM = "tests.promises.waiting_program"
RUNS = 10_000


@pytest.mark.slow
def test_of_ten_thousand_waiting_runs_only_the_one_that_is_answered_is_entered(tmp_path: Path) -> None:
    with Nursery(PROGRAM) as nursery:
        assert nursery.live(f"{PROGRAM}:begin", str(tmp_path), RUNS) == KILLED
        assert nursery.live(f"{PROGRAM}:resume", str(tmp_path)) == 0
    lines = after_death(tmp_path / "log")
    entered = [(kind, n) for what, kind, *n in lines if what == "entered"]
    assert sorted(entered[: len(BUSY)]) == sorted((kind, [-1 - n]) for n, kind in enumerate(BUSY))
    assert entered[len(BUSY) :] == [("still", [7])]
    assert ["memory", len(BUSY)] in lines  # the others are on disk
