"""Messages by the million: stretches of the log as joined texts, read while those before are parsed."""

from __future__ import annotations

import dataclasses
import importlib
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import orjson

from inngest_nb.history.filters import Filters
from inngest_nb.history.reading import SQL, connected, unless_collected, where

__all__ = ["MessageColumns", "read_messages"]

T = TypeVar("T")
_STRETCH = 50_000
_AHEAD = 8  # stretches that wait to be parsed, at most
_FEW = 20_000  # messages that are sooner looked up one by one than found by looking at all
_FIRST = {"after_channel": -1, "after_offset": -1}


@dataclasses.dataclass(slots=True)
class MessageColumns:
    """Columns in the order of channels and offsets; what repeats from row to row is kept once in `heads`."""

    offset: Any  # arrays of numpy
    created_at: Any
    data: Any
    head: Any
    heads: list[tuple[Any, ...]]

    def take(self, order: Any) -> MessageColumns:
        """Return the rows in another order, or some of them."""
        return MessageColumns(
            self.offset[order], self.created_at[order], self.data[order], self.head[order], self.heads
        )

    def by_time(self) -> MessageColumns:
        """Return the rows in the order of their time; offsets keep the order inside a channel."""
        in_order = bool(np.all(np.diff(self.created_at) >= 0))
        return self if in_order else self.take(np.argsort(self.created_at, kind="stable"))

    def repeated(self) -> dict[str, tuple[Any, ...]]:
        """Return what `head` points into, by column."""
        values = list(zip(*self.heads, strict=True)) or [()] * len(_HEAD)
        return dict(zip(_HEAD, values, strict=True))


_HEAD = ("channel", "topic", "kind", "run_id", "fn_id", "step_id", "attempt", "durable")


class _Stretch(NamedTuple):
    heads: str
    offsets: str
    times: str
    data: str


def read_messages(path: Path, filters: Filters, limit: int | None, *, parse: bool = True) -> MessageColumns:
    """Read the newest `limit` messages that pass the filters; `parse=False` leaves data as JSON text."""
    seen: dict[str, int] = {}
    data: list[Any] = []
    arrays: list[tuple[Any, Any, Any]] = []
    with connected(path) as connection, unless_collected():
        if connection is None:
            return _NOTHING
        connection.execute("BEGIN")  # all stretches see the log as it is now
        for stretch in _ahead(_stretches(connection, filters, limit)):
            heads = stretch.heads.split("\n")
            codes = np.fromiter((seen.setdefault(head, len(seen)) for head in heads), dtype=np.int32, count=len(heads))
            arrays.append((_ints(stretch.offsets), _ints(stretch.times), codes))
            data += _values(stretch.data) if parse else stretch.data.split("\x1e")
        unique = _named(connection, orjson.loads("[" + ",".join(seen) + "]"))
    offset, created_at, head = (np.concatenate(column) for column in zip(_NO_ROWS, *arrays, strict=True))
    columns = MessageColumns(offset, created_at, np.fromiter(data, dtype=object, count=len(data)), head, unique)
    if limit is None or limit >= len(data):
        return columns
    newest = np.argsort(created_at, kind="stable")[len(data) - limit :]
    return columns.take(np.sort(newest))


_NO_ROWS = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int32))
_NOTHING = MessageColumns(_NO_ROWS[0], _NO_ROWS[1], np.empty(0, object), _NO_ROWS[2], [])


def _named(connection: sqlite3.Connection, heads: list[list[Any]]) -> list[tuple[Any, ...]]:
    """Put the names of channels where their ids stand."""
    channels = orjson.dumps(list({head[0] for head in heads})).decode()
    names = dict(connection.execute(SQL.channel_names, {"channels": channels}))
    return [(names[head[0]], *head[1:]) for head in heads]


def _stretches(connection: sqlite3.Connection, filters: Filters, limit: int | None) -> Iterator[_Stretch]:
    if limit is not None:
        newest = connection.execute(
            where("messages", SQL.messages_newest, filters), {**filters, "limit": limit}
        ).fetchone()[0]
        if newest is None:
            return
        filters = {**filters, "since": max(newest, filters.get("since", newest))}
    few = ["few"] if _are_few(connection, filters) else []
    used: Filters = dict.fromkeys((*filters, *few, "after"))
    statement = where("messages", SQL.messages, used)
    parameters, rows = {**filters, **_FIRST}, _STRETCH
    while True:
        try:
            row = connection.execute(statement, {**parameters, "rows": rows}).fetchone()
        except sqlite3.DataError:  # the texts of so many large messages do not fit into one
            rows = max(1, rows // 4)
            continue
        if row[0] is None:
            return
        stretch = _Stretch(*row)
        yield stretch
        last = orjson.loads(stretch.heads[stretch.heads.rfind("\n") + 1 :])
        parameters |= {"after_channel": last[0], "after_offset": int(stretch.offsets.rpartition(",")[2])}


def _are_few(connection: sqlite3.Connection, filters: Filters) -> bool:
    if "since" not in filters or "run_id" in filters:
        return False
    counted = connection.execute(SQL.published_since, {"since": filters["since"], "rows": _FEW + 1}).fetchone()[0]
    return bool(counted <= _FEW)


def _ahead(items: Iterator[T]) -> Iterator[T]:
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


def _ints(text: str) -> Any:
    return np.array(orjson.loads(f"[{text}]"), dtype=np.int64)


def _values(text: str) -> list[Any]:
    values: list[Any] = orjson.loads("[" + text.replace("\x1e", ",") + "]")
    return values
