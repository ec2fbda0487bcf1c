"""Several messages about the steps of a run as one row of the log.

Most runs are never watched, and a row for each of their steps costs more than the step itself does. The row has the offset
and the time of its last message, so that every statement that asks for the end of a log, or for what is behind an offset,
finds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

#: What follows one another in a log: [created_at, StepState].
Notes = list[tuple[int, dict[str, Any]]]


class Unpacked(NamedTuple):
    """One message out of a pack; `data` is JSON text."""

    offset: int
    data: str
    step_id: str
    attempt: int
    created_at: int


def pack(notes: Notes) -> str:
    """The data of the row."""
    return orjson.dumps(notes).decode()


def is_pack(attempt: int | None) -> bool:
    """Whether a row is one: in the place of an attempt it has how many messages it holds, below zero."""
    return attempt is not None and attempt < 0


def unpack(last_offset: int, data: str) -> Iterator[Unpacked]:
    """The messages of a row, in their order."""
    notes = orjson.loads(data)
    first = last_offset - len(notes) + 1
    for offset, (created_at, state) in enumerate(notes, first):
        yield Unpacked(offset, orjson.dumps(state).decode(), state["step_id"], state["attempt"], created_at)
