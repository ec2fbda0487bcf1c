"""Promise 5, durable: `step.realtime.publish` is in the log exactly once, in the order of its run, whenever the process dies."""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.promises.durable_program import look
from tests.support.crash import AT_FAILPOINT, KILLED, Death, Nursery

PROGRAM = "tests.promises.durable_program:live"
FAILPOINTS = tuple(
    f"{store}.{instant}"
    for store in ("journal", "messages")
    for instant in ("before-begin", "before-commit", "after-commit")
)


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    with Nursery("tests.promises.durable_program") as nursery:
        yield nursery


def deaths(seed: int) -> Iterator[Death]:
    """A third at random instants, the others between two statements of one of the two stores."""
    rng = random.Random(seed)
    while True:
        if rng.random() < 0.34:
            yield Death(after_s=rng.random() * 0.12)
        else:
            yield Death(failpoint=rng.choice(FAILPOINTS), count=rng.randint(1, 12))


def kill(nursery: Nursery, folder: Path, *, kills: int) -> None:
    """Campaigns on a directory each, until so many lives have ended violently."""
    for seed in itertools.count():
        root = folder / str(seed)
        root.mkdir()
        for death in itertools.islice(deaths(seed), 12):
            if nursery.live(PROGRAM, str(root), death=death) == 0:
                break
        assert nursery.live(PROGRAM, str(root)) == 0
        assert look(root) == [], f"seed {seed}"
        if nursery.ends[KILLED] + nursery.ends[AT_FAILPOINT] >= kills:
            return


def test_thirty_deaths(nursery: Nursery, tmp_path: Path) -> None:
    kill(nursery, tmp_path, kills=30)
    assert len(nursery.died_at) >= 4, nursery.died_at


@pytest.mark.slow
def test_two_hundred_deaths(nursery: Nursery, tmp_path: Path) -> None:
    kill(nursery, tmp_path, kills=200)
    assert set(nursery.died_at) == set(FAILPOINTS)
    assert nursery.ends[KILLED] >= 30


def test_the_look_finds_what_must_not_be(nursery: Nursery, tmp_path: Path) -> None:
    """The canary: a publish that is there twice, one that is missing, a hole."""
    assert nursery.live(PROGRAM, str(tmp_path)) == 0
    assert look(tmp_path) == []
    with closing(sqlite3.connect(tmp_path / "data" / "messages.db")) as log, log:
        channel = log.execute("SELECT id FROM channels WHERE name = 'out'").fetchone()[0]
        log.execute(
            "UPDATE messages SET step_id = 'row1', data = '1' WHERE step_id = 'row0' AND channel_id = ?", (channel,)
        )
    assert len(look(tmp_path)) == 3
    with closing(sqlite3.connect(tmp_path / "data" / "messages.db")) as log, log:
        log.execute('DELETE FROM messages WHERE "offset" = 2 AND channel_id = ?', (channel,))
    assert len(look(tmp_path)) == 4
