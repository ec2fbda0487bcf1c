"""Messages by the million as columns, whose repeated values are kept once."""

from __future__ import annotations

import dataclasses
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from inngest_nb.history.filters import Filters
from inngest_nb.history.reading import SQL, connected, unless_collected
from inngest_nb.history.stretches import Stretch, ahead, stretches
from inngest_nb.history.unpacking import unpacked

__all__ = ["MessageColumns", "read_messages"]

_QUOTE = ord('"')


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

    def by_channel(self) -> MessageColumns:
        """Return the rows in the order of channels and offsets, in which SQLite may not have found them."""
        channels = {channel: number for number, channel in enumerate(dict.fromkeys(self.repeated()["channel"]))}
        numbers = np.array([channels[head[0]] for head in self.heads], dtype=np.int64)[self.head]
        step = np.diff(numbers)
        in_order = bool(np.all((step > 0) | (step == 0) & (np.diff(self.offset) > 0)))
        return self if in_order else self.take(np.lexsort((self.offset, numbers)))

    def by_time(self) -> MessageColumns:
        """Return the rows in the order of their time; offsets keep the order inside a channel."""
        in_order = bool(np.all(np.diff(self.created_at) >= 0))
        return self if in_order else self.take(np.argsort(self.created_at, kind="stable"))

    def repeated(self) -> dict[str, tuple[Any, ...]]:
        """Return what `head` points into, by column."""
        values = list(zip(*self.heads, strict=True)) or [()] * len(_HEAD)
        return dict(zip(_HEAD, values, strict=True))


_HEAD = ("channel", "topic", "kind", "run_id", "fn_id", "step_id", "attempt", "durable")


def read_messages(path: Path, filters: Filters, limit: int | None, *, parse: bool = True) -> MessageColumns:
    """Read the newest `limit` messages that pass the filters; `parse=False` leaves data as JSON text."""
    seen: dict[tuple[Any, ...], int] = {}
    data: list[Any] = []
    arrays: list[tuple[Any, Any, Any]] = []
    with connected(path) as connection, unless_collected():
        if connection is None:
            return _NOTHING
        connection.text_factory = bytes
        connection.execute("BEGIN")  # all stretches see the log as it is now
        for stretch in ahead(stretches(connection, filters, limit, separated=not parse)):
            arrays.append((_ints(stretch.offset), _ints(stretch.created_at), _heads(stretch, seen)))
            data += orjson.loads(b"[%b]" % stretch.data) if parse else stretch.data.decode().split("\x1e")
        heads = _named(connection, list(seen))
    offset, created_at, head = (np.concatenate(column) for column in zip(_NO_ROWS, *arrays, strict=True))
    columns = MessageColumns(offset, created_at, np.fromiter(data, dtype=object, count=len(data)), head, heads)
    columns = unpacked(columns.by_channel(), filters, parse=parse)
    if limit is None or limit >= len(columns.data):
        return columns
    newest = np.argsort(columns.created_at, kind="stable")[len(columns.data) - limit :]
    return columns.take(np.sort(newest))


_NO_ROWS = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int32))
_NOTHING = MessageColumns(_NO_ROWS[0], _NO_ROWS[1], np.empty(0, object), _NO_ROWS[2], [])


def _named(connection: sqlite3.Connection, heads: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Put the names of channels where their ids stand."""
    channels = orjson.dumps(list({head[0] for head in heads})).decode()
    names = dict(connection.execute(SQL.channel_names, {"channels": channels}))
    return [(names[channel].decode(), *rest) for channel, *rest in heads]


def _ints(text: bytes) -> Any:
    return np.fromstring(text, dtype=np.int64, sep=",")


def _heads(stretch: Stretch, seen: dict[tuple[Any, ...], int]) -> Any:
    """Return the number of each message's head; heads are looked at only where one differs from that before."""
    columns = [_comparable(getattr(stretch, name), stretch.rows) for name in _HEAD]
    changed = np.zeros(stretch.rows, dtype=bool)
    changed[0] = True
    for column in columns:
        if len(column) > 1:
            changed[1:] |= column[1:] != column[:-1]
    first = np.flatnonzero(changed)
    values = [_values(column[first] if len(column) > 1 else column.repeat(len(first))) for column in columns]
    numbers = [seen.setdefault(head, len(seen)) for head in zip(*values, strict=True)]
    return np.repeat(np.array(numbers, dtype=np.int32), np.diff(first, append=stretch.rows))


def _comparable(text: bytes, rows: int) -> Any:
    """Return a JSON list as an array: one item if all are equal, bytes if all are strings of one width, else objects."""
    width = (len(text) - 1) // rows
    item = text[1:width]
    if text == b"[" + (item + b",") * (rows - 1) + item + b"]":
        return np.fromiter([orjson.loads(item)], dtype=object)
    if len(text) == rows * width + 1 and text.count(b'"') == 2 * rows:
        letters = np.frombuffer(text[1:-1] + b",", dtype=np.uint8).reshape(rows, width)
        quoted = (letters[:, 0] == _QUOTE) & (letters[:, width - 2] == _QUOTE)
        if quoted.all():
            return letters.view(f"S{width}").ravel()
    return np.fromiter(orjson.loads(text), dtype=object, count=rows)


def _values(column: Any) -> list[Any]:
    if column.dtype == object:
        return list(column)
    values: list[Any] = orjson.loads(b"[" + b"".join(column.tolist())[:-1] + b"]")
    return values
