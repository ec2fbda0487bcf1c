"""The history of a data directory as DataFrames."""

from __future__ import annotations

from inngest_nb.history.arrow import read_parquet
from inngest_nb.history.history import History, open  # noqa: A004  # reads as `history.open(path)`

__all__ = ["History", "open", "read_parquet"]
