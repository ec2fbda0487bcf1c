"""The history for Arrow, Polars and Parquet; JSON columns are text there, marked as JSON in the schema."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inngest_nb.history.tables import TABLES, Column

if TYPE_CHECKING:
    from inngest_nb.history.frames import HistoryFrame
    from inngest_nb.history.messages import MessageColumns

__all__ = ["given_as", "read_parquet", "require_arrow", "table_of_messages", "table_of_rows", "write_parquet"]


def require_arrow() -> Any:
    """Return pyarrow.

    Raises
    ------
    ImportError
        If it is not installed; the message says how to get it.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as exc:
        raise ImportError("Arrow tables and Parquet need pyarrow: pip install 'inngest-nb[arrow]'") from exc
    return pa


def given_as(to: str, table: Any) -> Any:
    """Return an Arrow table as what the caller asked for.

    Raises
    ------
    ImportError
        If Polars is asked for and not installed.
    ValueError
        If there is no such form.
    """
    if to == "arrow":
        return table
    if to != "polars":
        raise ValueError(f"to= is 'pandas', 'arrow' or 'polars', not {to!r}")
    try:
        import polars as pl
    except ImportError as exc:
        raise ImportError("to='polars' needs Polars: pip install 'inngest-nb[polars]'") from exc
    return pl.from_arrow(table)


def table_of_rows(table: str, rows: Sequence[Sequence[Any]]) -> Any:
    """Make an Arrow table from rows as SQLite gives them."""
    pa, columns = require_arrow(), TABLES[table]
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [_array(pa, column, given) for column, given in zip(columns, values, strict=True)]
    return pa.Table.from_arrays(arrays, schema=_schema(pa, table, arrays))


def table_of_messages(messages: MessageColumns) -> Any:
    """Make an Arrow table of messages read without parsing, in the order of their time."""
    pa, messages = require_arrow(), messages.by_time()
    given = {"offset": messages.offset, "created_at": messages.created_at, "data": messages.data}
    repeated = messages.repeated()
    arrays = [
        _array(pa, column, given[column.name])
        if column.name in given
        else _array(pa, column, repeated[column.name]).take(pa.array(messages.head))
        for column in TABLES["messages"]
    ]
    return pa.Table.from_arrays(arrays, schema=_schema(pa, "messages", arrays))


def write_parquet(table: Any, path: Any) -> None:
    """Write an Arrow table with its schema's marks."""
    require_arrow().parquet.write_table(table, path)


def read_parquet(path: str | Path) -> HistoryFrame:
    """Return an exported file as the frame that it was: the same columns, dtypes and objects.

    Raises
    ------
    ValueError
        If it is not a file that `History.export` wrote.
    """
    from inngest_nb.history import frames

    stored = require_arrow().parquet.read_table(path)
    table = (stored.schema.metadata or {}).get(b"inngest_nb.table", b"").decode()
    if table not in TABLES:
        raise ValueError(f"{path} was not written by History.export: its schema names no table of the history")
    return frames.frame_of_columns(table, [_values(column, stored[column.name]) for column in TABLES[table]])


def _values(column: Column, stored: Any) -> Any:
    """Return what a column holds as SQLite gives it: times and spans in microseconds."""
    return stored.cast("int64").to_pylist() if column.kind in ("time", "span") else stored.to_pylist()


def _array(pa: Any, column: Column, values: Any) -> Any:
    if column.kind == "enum":
        # Every value that there is, as the DataFrame's categories, so that the schema does not depend on the data.
        known = [*column.choices, *sorted(set(values) - {*column.choices, None})]
        codes = {value: code for code, value in enumerate(known)}
        return pa.DictionaryArray.from_arrays(
            pa.array([codes.get(value) for value in values], pa.int8()), pa.array(known)
        )
    if column.kind == "flag":
        values = list(map(bool, values))
    return pa.array(values, _type(pa, column))


def _type(pa: Any, column: Column) -> Any:
    return {
        "text": pa.string(),
        "json": pa.string(),
        "time": pa.timestamp("us", tz="UTC"),
        "span": pa.duration("us"),
        "int": pa.int64(),
        "count": pa.int64(),
        "number": pa.float64(),
        "flag": pa.bool_(),
    }[column.kind]


def _schema(pa: Any, table: str, arrays: Sequence[Any]) -> Any:
    fields = [
        pa.field(column.name, array.type, metadata={"inngest_nb": column.kind})
        for column, array in zip(TABLES[table], arrays, strict=True)
    ]
    return pa.schema(fields, metadata={"inngest_nb.table": table})
