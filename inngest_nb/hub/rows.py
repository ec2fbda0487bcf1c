"""What rows of the log on disk say: one message each, or several in one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from inngest_nb.hub.log import ENTRY_BYTES, Entry, Publish
from inngest_nb.packs import Unpacked, is_pack, unpack


def in_bounds(rows: Iterable[tuple[Any, ...]], most_bytes: int) -> list[tuple[Any, ...]]:
    """As many of the rows as fit, at least one."""
    taken: list[tuple[Any, ...]] = []
    size = 0
    for row in rows:
        size += len(row[2]) + ENTRY_BYTES
        if size > most_bytes and taken:
            break
        taken.append(row)
    return taken


def entries(channel: str, rows: Iterable[tuple[Any, ...]], start: int = 0) -> list[Entry]:
    """The messages in rows of a log, from an offset on."""
    entries: list[Entry] = []
    for offset, *fields in rows:
        publish = Publish(channel, *fields)
        if is_pack(publish.attempt):
            entries += (_entry(publish, one) for one in unpack(offset, publish.data) if one.offset >= start)
        else:
            entries.append(Entry(offset, publish))
    return entries


def _entry(packed: Publish, one: Unpacked) -> Entry:
    offset, data, step_id, attempt, created_at = one
    return Entry(offset, packed._replace(data=data, step_id=step_id, attempt=attempt, created_at=created_at))
