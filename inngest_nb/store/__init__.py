"""SQLite as both stores need it: one writer thread with group commit, named queries, schema versions."""

from __future__ import annotations

from inngest_nb.store.database import connect_reader, open_database
from inngest_nb.store.lock import DataDirLock
from inngest_nb.store.queries import load_queries
from inngest_nb.store.reader import Reader
from inngest_nb.store.writer import Write, Writer

__all__ = ["DataDirLock", "Reader", "Write", "Writer", "connect_reader", "load_queries", "open_database"]
