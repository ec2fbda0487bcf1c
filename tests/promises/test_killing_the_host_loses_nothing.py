"""Promise 3: killing the engine's host at any instant loses nothing that was acknowledged, and every run goes on.

Seeded campaigns: one data directory each, killed until the program gets to its end, then looked at from outside.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.promises.oracle import Findings, look
from tests.support.crash import AT_FAILPOINT, FAILPOINTS, KILLED, Death, Nursery, deaths, note, repeated_after_seen

PROGRAM = "tests.promises.program:live"
DEATHS = 200
CAMPAIGNS = 150  # at most
LIVES = 25
LONGEST_S = 0.12  # an undisturbed life takes 0.3 s to 0.5 s


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    with Nursery("tests.promises.program") as nursery:
        yield nursery


def campaign(nursery: Nursery, root: Path, plan: Iterator[Death]) -> Findings:
    """Lives that end violently, until one gets to the end of the program; then one more, undisturbed."""
    for death in itertools.islice(plan, LIVES):
        if nursery.live(PROGRAM, str(root), death=death) == 0:
            break
    assert nursery.live(PROGRAM, str(root)) == 0
    return look(root)


@pytest.mark.slow
def test_two_hundred_violent_deaths(nursery: Nursery, tmp_path: Path) -> None:
    repeats = 0
    for seed in range(CAMPAIGNS):
        if nursery.ends[KILLED] + nursery.ends[AT_FAILPOINT] >= DEATHS:
            break
        root = tmp_path / str(seed)
        root.mkdir()
        found = campaign(nursery, root, deaths(seed, longest_s=LONGEST_S))
        assert not found.wrong, f"seed {seed}: {found.wrong}"
        repeats += found.repeats
    assert nursery.ends[KILLED] + nursery.ends[AT_FAILPOINT] >= DEATHS, nursery.ends
    assert nursery.ends[KILLED] >= 50, nursery.ends
    assert len(nursery.died_at) >= len(FAILPOINTS) // 2, nursery.died_at
    assert repeats >= 100, "hardly a step was interrupted: the deaths come at the wrong moments"


@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_a_death_at_every_failpoint(nursery: Nursery, tmp_path: Path, failpoint: str) -> None:
    found = campaign(nursery, tmp_path, (Death(failpoint=failpoint, count=count) for count in (1, 2, 3, 5, 8)))
    assert nursery.died_at[failpoint] >= 4
    assert not found.wrong


def test_a_fresh_interpreter_goes_on_as_well(tmp_path: Path) -> None:
    ends: Counter[int] = Counter()
    for seed, death in zip(range(6), deaths(1000, longest_s=LONGEST_S), strict=False):
        with Nursery() as cold:  # nothing imported: start-up, lock and migration are part of the life
            ends[cold.live(PROGRAM, str(tmp_path), death=Death(after_s=0.3 + (death.after_s or 0.01 * seed)))] += 1
    with Nursery() as cold:
        assert cold.live(PROGRAM, str(tmp_path)) == 0
    assert ends[KILLED] >= 2, ends
    assert not look(tmp_path).wrong


def test_the_look_finds_what_must_not_be(nursery: Nursery, tmp_path: Path) -> None:
    """The canary: each kind of loss, made by hand, is found."""
    assert nursery.live(PROGRAM, str(tmp_path)) == 0
    assert not look(tmp_path).wrong
    effects, acks = tmp_path / "effects", tmp_path / "acks"
    first = next(line.split('"')[3] for line in effects.read_text().splitlines() if '"saw"' in line)
    note(effects, "ran", first, "s0")
    note(effects, "saw", first, "s0", {"value": "another"})
    note(acks, "answered", "a question", "01NOSUCHEVENT")
    note(acks, "started", "chain", 99, "01NOSUCHRUN")
    wrong = look(tmp_path).wrong
    assert sum("after the code had seen it" in line for line in wrong) == 2
    assert sum("acknowledged and lost" in line for line in wrong) == 2


def test_repeats_before_the_code_has_seen_are_lawful() -> None:
    lawful: list[list[Any]] = [["ran", "r", "a"], ["ran", "r", "a"], ["saw", "r", "a", 1], ["saw", "r", "a", 1]]
    assert repeated_after_seen(lawful) == ([], 1)
