"""The history of a data directory as DataFrames."""

from __future__ import annotations

from inngest_nb.history.history import History

__all__ = ["History"]
