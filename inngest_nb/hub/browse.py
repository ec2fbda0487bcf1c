"""Looking through logs: pages backwards, searches and counts, read in a thread beside the hub."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from inngest_nb.errors import ListingError
from inngest_nb.hub.log import Publish, encode
from inngest_nb.store import Reader, load_queries

MOST_MESSAGES = 1000
#: How far one search looks: the next one goes on, and nobody waits long for an answer.
STRETCH = 100_000
_MOST_COUNTED = 256
_SQL = load_queries("inngest_nb.hub", "browse.sql")
_PATH = re.compile(r"[^\s.\[\]\"]+(\.[^\s.\[\]\"]+|\[\d+\])*")
_OF_A_RUN = re.compile(r"0[0-9A-Z]{25}")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which messages are wanted, and below which offset; what is None does not matter."""

    before: int | None = None
    limit: int = 200
    topics: tuple[str, ...] | None = None
    kind: str | None = None
    run: str | None = None
    text: str | None = None
    path: str | None = None
    value: str = ""

    @property
    def plain(self) -> bool:
        """Whether everything fits."""
        return all(part is None for part in (self.topics, self.kind, self.run, self.text, self.path))

    def bound(self) -> dict[str, Any]:
        """The values of the statement."""
        return {
            "topics": None if self.topics is None else json.dumps(self.topics), "kind": self.kind,
            "run": None if self.run is None else f"%{self.run.replace('%', '').replace('_', '')}",
            "text": None if self.text is None else _like(self.text),
            "path": None if self.path is None else _json_path(self.path),
            "value": self.value, "quoted": json.dumps(self.value, ensure_ascii=False), "limit": self.limit,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Counted:
    """What was counted of a log, from its first message to below an offset."""

    epoch: int
    first: int
    upto: int
    counts: Counter[tuple[str, str]]


class Browse:
    """Has two connections of its own, opened when they are first needed: nobody who turns a page waits for who counts."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._reader, self._counter = Reader(connect), Reader(connect)
        self._counted: OrderedDict[int, _Counted] = OrderedDict()

    async def topics(self, log_id: int, epoch: int, first: int, upto: int) -> list[tuple[str, str, int]]:
        """(topic, kind, how many) of a log; what was counted before is not counted again."""
        known = self._counted.get(log_id)
        if known is None or (known.epoch, known.first) != (epoch, first) or known.upto > upto:
            known = _Counted(epoch, first, first, Counter())
        rows = await self._counter.rows(_SQL.topics, (log_id, known.upto, upto))
        counts = known.counts + Counter({(topic, kind): count for topic, kind, count in rows})
        self._counted[log_id] = _Counted(epoch, first, upto, counts)
        if len(self._counted) > _MOST_COUNTED:
            self._counted.popitem(last=False)
        return [(topic, kind, count) for (topic, kind), count in sorted(counts.items())]

    async def channels(self) -> list[tuple[str, int, int, int | None]]:
        """(name, first offset, next offset, time of the last message) of the logs of data."""
        return await self._counter.rows(_SQL.channels, ())

    async def said_by_run(self, run_id: str) -> list[tuple[str, str, str]]:
        """(channel, topic, data as JSON text) of what a run has published, newest first."""
        return await self._reader.rows(_SQL.said_by_run, (run_id,))

    async def search(self, log_id: int, name: str, first: int, before: int, search: Search) -> tuple[list[bytes], int]:
        """What fits below an offset, oldest first, and down to which offset that is all there is."""
        after = first if search.plain else max(first, before - STRETCH)
        about = {"channel": log_id, "before": before, "after": after, **search.bound()}
        statement = f"{_SQL.unpacked} {_SQL.search}" if _OF_A_RUN.fullmatch(name) else _SQL.search
        rows = await self._reader.rows(statement, about)
        reached = rows[-1][0] if len(rows) == search.limit else after
        return [encode(Publish(name, *fields), offset) for offset, *fields in reversed(rows)], reached

    async def close(self) -> None:
        """Let go of the file."""
        await self._reader.close()
        await self._counter.close()


def _like(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _json_path(path: str) -> str:
    """`usage.items[0].name` as SQLite writes it.

    Raises:
        ListingError: it is not such a path.
    """
    if not _PATH.fullmatch(path) or len(path) > 200:
        raise ListingError(
            f"a path is names with dots between them, such as usage.model or items[0].id, not {path[:40]!r}"
        )
    return "$" + re.sub(r"(?:^|\.)([^.\[]+)", r'."\1"', path)
