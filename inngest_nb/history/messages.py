"""Messages by the million: stretches of the log as joined texts, read while the one before is parsed."""

from __future__ import annotations

import dataclasses
import sqlite3
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
_FIRST = {"after_channel": -1, "after_offset": -1}


@dataclasses.dataclass(slots=True)
class MessageColumns:
    """Columns in the order of channels and offsets; what repeats from row to row is kept once in `heads`."""

    offset: Any  # arrays of numpy
    created_at: Any
    data: list[Any]
    head: Any
    heads: list[tuple[Any, ...]]

    def take(self, order: Any) -> MessageColumns:
        """Return the rows in another order, or some of them."""
        data = np.fromiter(self.data, dtype=object, count=len(self.data))[order].tolist()
        return MessageColumns(self.offset[order], self.created_at[order], data, self.head[order], self.heads)

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
        stretches = _stretches(connection, filters, limit) if connection else iter(())
        for stretch in _ahead(stretches):
            heads = stretch.heads.split("\n")
            codes = np.fromiter((seen.setdefault(head, len(seen)) for head in heads), dtype=np.int32, count=len(heads))
            arrays.append((_ints(stretch.offsets), _ints(stretch.times), codes))
            data += _values(stretch.data) if parse else stretch.data.split("\x1e")
    offset, created_at, head = (np.concatenate(column) for column in zip(_NO_ROWS, *arrays, strict=True))
    unique = [tuple(item[:8]) for item in orjson.loads("[" + ",".join(seen) + "]")]
    columns = MessageColumns(offset, created_at, data, head, unique)
    if limit is None or limit >= len(data):
        return columns
    newest = np.argsort(created_at, kind="stable")[len(data) - limit :]
    return columns.take(np.sort(newest))


_NO_ROWS = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int32))


def _stretches(connection: sqlite3.Connection, filters: Filters, limit: int | None) -> Iterator[_Stretch]:
    if limit is not None:
        newest = connection.execute(
            where("messages", SQL.messages_newest, filters), {**filters, "limit": limit}
        ).fetchone()[0]
        if newest is None:
            return
        filters = {**filters, "since": max(newest, filters.get("since", newest))}
    used = dict.fromkeys((*filters, "after"))
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
        parameters |= {"after_channel": last[8], "after_offset": int(stretch.offsets.rpartition(",")[2])}


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """Let a thread fetch the next item while the caller works on this one; SQLite works without the GIL."""
    next_item: Callable[[], T | None] = lambda: next(items, None)  # noqa: E731  # typed for mypy
    with ThreadPoolExecutor(1, "inngest-nb history") as pool:
        coming = pool.submit(next_item)
        while (item := coming.result()) is not None:
            coming = pool.submit(next_item)
            yield item


def _ints(text: str) -> Any:
    return np.array(orjson.loads(f"[{text}]"), dtype=np.int64)


def _values(text: str) -> list[Any]:
    values: list[Any] = orjson.loads("[" + text.replace("\x1e", ",") + "]")
    return values
