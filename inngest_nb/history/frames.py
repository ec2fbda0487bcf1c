"""The history as DataFrames: the same columns and dtypes whatever the store holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import orjson
import pandas as pd

from inngest_nb.history.messages import MessageColumns
from inngest_nb.history.reading import unless_collected
from inngest_nb.history.tables import IDS, TABLES, Column

__all__ = ["HistoryFrame", "array_of", "frame_of_columns", "frame_of_messages", "frame_of_rows", "parse_json"]

# Before pandas 3 "str" would turn a missing value into the text "None".
_TEXT = "str" if int(pd.__version__.partition(".")[0]) >= 3 else "object"
_ON = frozenset({"on", "left_on", "right_on", "left_index", "right_index"})
_VIA = "both to runs or steps, or name `on`"
_MISSING_TIME = np.iinfo(np.int64).min  # what numpy reads as NaT


class HistoryFrame(pd.DataFrame):
    """A DataFrame that knows which table of the history it is."""

    _metadata = ["table", "ids"]
    table: str | None = None
    ids: tuple[str, ...] = ()

    @property
    def _constructor(self) -> type[HistoryFrame]:
        return HistoryFrame

    @classmethod
    def of(cls, table: str, columns: Mapping[str, Any]) -> HistoryFrame:
        """Return the frame of a table."""
        frame = cls(dict(columns), copy=False)
        frame.table, frame.ids = table, IDS[table]
        return frame

    def merge(self, right: Any, *args: Any, **options: Any) -> Any:
        """As pandas', but tables of the history are joined on the ids that both have, unless `on` is named.

        `runs.merge(steps)` joins on `run_id`. Other columns that both have get the name of their table: `status_run`,
        `status_step`; what is an id of only one of them stays as it is there: `attempt` is the step's.
        """
        if not isinstance(right, HistoryFrame) or not (self.ids and right.ids) or args[1:] or _ON & options.keys():
            return super().merge(right, *args, **options)
        on = [name for name in self.ids if name in right.ids]
        if not on:
            raise ValueError(f"there is no id that {self.table} and {right.table} have in common; join {_VIA}")
        given = {"on": on, "suffixes": (_suffix(self), _suffix(right)), **options}
        merged: Any = pd.DataFrame.merge(_yielding(self, right), _yielding(right, self), *args, **given)
        merged.table, merged.ids = None, tuple(dict.fromkeys((*self.ids, *right.ids)))
        return merged

    def expand(self, *columns: str) -> HistoryFrame:
        """Replace columns of objects by one column for each of their keys: `data` by `data.token`, ….

        Values that are no objects (text, lists) stay in the column; without such values it is left out.

        Raises
        ------
        KeyError
            If there is no such column.
        """
        if unknown := [name for name in columns if name not in self.columns]:
            raise KeyError(f"no column {unknown[0]!r} to expand; there are {', '.join(map(repr, self.columns))}")
        parts = [part for name in self.columns for part in (self._spread(name) if name in columns else [self[[name]]])]
        expanded = HistoryFrame(pd.concat(parts, axis=1))
        expanded.table, expanded.ids = self.table, self.ids
        return expanded

    def _spread(self, name: str) -> list[pd.DataFrame]:
        values = self[name].tolist()
        objects = [value if isinstance(value, dict) else {} for value in values]
        others = [None if isinstance(value, dict) else value for value in values]
        keys = pd.DataFrame.from_records(objects, index=self.index).add_prefix(f"{name}.")
        kept = (
            []
            if all(other is None for other in others)
            else [pd.DataFrame({name: _objects(others)}, index=self.index, dtype=object)]
        )
        return [*kept, keys]


def _suffix(frame: HistoryFrame) -> str:
    return f"_{frame.table.removesuffix('s')}" if frame.table else ""


def _yielding(frame: HistoryFrame, other: HistoryFrame) -> HistoryFrame:
    """Return the frame without a claim to the names that are ids of the other one only."""
    theirs = {name: name + (_suffix(frame) or "_left") for name in other.ids if name not in frame.ids}
    return frame.rename(columns=theirs)


def frame_of_rows(table: str, rows: Sequence[Sequence[Any]], *, parsed: bool = False) -> HistoryFrame:
    """Make the frame of a table from rows as SQLite gives them, with JSON as text unless it is `parsed`."""
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(TABLES[table])
    return frame_of_columns(table, columns, parsed=parsed)


def frame_of_columns(table: str, values: Sequence[Sequence[Any]], *, parsed: bool = False) -> HistoryFrame:
    """Make the frame of a table from the values of its columns."""
    columns = TABLES[table]
    with unless_collected():
        if not parsed:
            values = [parse_json(v) if c.kind == "json" else v for c, v in zip(columns, values, strict=True)]
        return _frame(table, [array_of(column, given) for column, given in zip(columns, values, strict=True)])


def frame_of_messages(messages: MessageColumns) -> HistoryFrame:
    """Make the frame of messages, in the order of their time; offsets keep the order inside a channel."""
    messages = messages.by_time()
    given = {"offset": messages.offset, "created_at": messages.created_at, "data": messages.data}
    repeated = messages.repeated()
    arrays = [
        array_of(column, given[column.name])
        if column.name in given
        else array_of(column, repeated[column.name]).take(messages.head)
        for column in TABLES["messages"]
    ]
    return _frame("messages", arrays)


def array_of(column: Column, values: Any) -> Any:
    """Return the values as an array of the column's dtype."""
    match column.kind:
        case "json":
            return pd.Series(_objects(values), dtype=object, copy=False)  # else texts alone would become "str"
        case "text":
            return pd.array(_objects(values), dtype=cast("Any", _TEXT))
        case "time":
            return pd.DatetimeIndex(_microseconds(values).view("M8[us]")).tz_localize("UTC").array
        case "span":
            return pd.array(_microseconds(values).view("m8[us]"))
        case "enum":
            unknown = sorted(set(values) - {*column.choices, None})  # of a newer version
            return pd.Categorical(_objects(values), categories=[*column.choices, *unknown])
        case "int":
            return pd.array(list(values), dtype="Int64")
        case "flag":
            return np.asarray(values, dtype=bool)
        case "count":
            return np.asarray(values, dtype=np.int64)
        case "number":
            return np.asarray(values, dtype=np.float64)


def parse_json(texts: Sequence[str | None]) -> list[Any]:
    """Parse many JSON texts as one; NULL is None."""
    values: list[Any] = orjson.loads("[" + ",".join("null" if text is None else text for text in texts) + "]")
    return values


def _frame(table: str, arrays: Sequence[Any]) -> HistoryFrame:
    return HistoryFrame.of(table, dict(zip((column.name for column in TABLES[table]), arrays, strict=True)))


def _microseconds(values: Any) -> Any:
    if isinstance(values, np.ndarray):
        return values
    whole = (_MISSING_TIME if value is None else value for value in values)
    return np.fromiter(whole, dtype=np.int64, count=len(values))


def _objects(values: Any) -> Any:
    if isinstance(values, np.ndarray):
        return values
    return np.fromiter(values, dtype=object, count=len(values))
