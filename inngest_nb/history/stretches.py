"""The message log in stretches, each column as one text, read while those before are parsed."""

from __future__ import annotations

import importlib
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from inngest_nb.history.filters import Filters
from inngest_nb.history.reading import SQL, where

__all__ = ["Stretch", "ahead", "stretches"]

T = TypeVar("T")
_ROWS = 20_000  # their texts stay in the processor's cache, and memory is used again
_AHEAD = 20  # stretches that wait to be parsed, at most
_FEW = 20_000  # messages that are sooner looked up one by one than found by looking at all
_BEFORE_ALL, _BEHIND_ALL = (-1, -1), (2**63 - 1, 2**63 - 1)  # channels and offsets
_EVER = {"since": -(2**63), "until": 2**63 - 1}  # microseconds


class Stretch(NamedTuple):
    """A row of `messages`: how many there are, then a text for each column."""

    rows: int
    offset: bytes
    created_at: bytes
    data: bytes
    #: JSON lists of what repeats from message to message.
    channel: bytes
    topic: bytes
    kind: bytes
    run_id: bytes
    fn_id: bytes
    step_id: bytes
    attempt: bytes
    durable: bytes


def stretches(
    connection: sqlite3.Connection, filters: Filters, limit: int | None, *, separated: bool
) -> Iterator[Stretch]:
    """Yield the messages that pass the filters, the newest `limit` and maybe some more; data is joined by commas or separated."""
    if limit is not None:
        newest = connection.execute(
            where("messages", SQL.messages_newest, filters), {**filters, "limit": limit}
        ).fetchone()[0]
        if newest is None:
            return
        filters = {**filters, "since": max(newest, filters.get("since", newest))}
    used: Filters = dict.fromkeys((*filters, *(["few"] if _are_few(connection, filters) else []), "within"))
    data = SQL.messages_separated if separated else SQL.messages_joined
    statement = where("messages", SQL.messages, used).replace("/* data */", data)
    ending = where("messages", SQL.messages_end, used)
    after, rows = _BEFORE_ALL, _ROWS
    while after != _BEHIND_ALL:
        asked = {**_EVER, **filters, "rows": rows, **_within(after, _BEHIND_ALL)}
        upto = connection.execute(ending, asked).fetchone() or _BEHIND_ALL
        try:
            stretch = Stretch(*connection.execute(statement, asked | _within(after, upto)).fetchone())
        except sqlite3.DataError:  # so many large messages do not fit into one text
            rows = max(1, rows // 4)
            continue
        after = upto
        if stretch.rows:
            yield stretch


def _within(after: tuple[int, int], upto: tuple[int, int]) -> dict[str, int]:
    return {"after_channel": after[0], "after_offset": after[1], "upto_channel": upto[0], "upto_offset": upto[1]}


def _are_few(connection: sqlite3.Connection, filters: Filters) -> bool:
    if not filters.keys() & _EVER.keys() or "run_id" in filters:
        return False
    counted = connection.execute(SQL.published_between, {**_EVER, **filters, "rows": _FEW + 1}).fetchone()[0]
    return bool(counted <= _FEW)


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Let a thread fetch the next items while the caller works on those before; SQLite works without the GIL."""
    next_item: Callable[[], T | None] = lambda: next(items, None)  # noqa: E731  # typed for mypy
    pool = ThreadPoolExecutor(1, "inngest-nb history")
    try:
        coming = deque(pool.submit(next_item) for _ in range(_AHEAD))
        importlib.import_module("pandas")  # meanwhile: the first import takes as long as some of them
        while (item := coming.popleft().result()) is not None:
            coming.append(pool.submit(next_item))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)
