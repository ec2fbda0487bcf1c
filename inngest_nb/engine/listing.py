"""Lists of runs: pages with their counts, read beside the engine, and brought up to what the engine knows now.

A page, its counts and the feed of changes come from one place, so that a list and what it opens never disagree: a page
says up to which change of the feed it holds.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeVar

import orjson

from inngest_nb.clock import encode_ulid
from inngest_nb.engine.core import Core
from inngest_nb.engine.lifecycle import run_line, run_state, step_state, wait_extra
from inngest_nb.engine.records import Run, StepRow, StoredEvent
from inngest_nb.errors import ListingError
from inngest_nb.store import Reader, load_queries

GROUPS = ("all", "running", "asking", "failed", "recent", "queued", "waiting", "completed", "cancelled")
ORDERS = ("started", "status", "function", "run", "duration", "steps", "trigger")
MOST_ROWS = 500
MINUTES = 60
_MOST_STEPS = 200
_MINUTE_US = 60_000_000
_LAST_MS = (1 << 48) - 1  # what a ULID can say
LISTING_SQL = load_queries("inngest_nb.engine.journal", "listing.sql")
#: Events that sound like a person's answer.
_PERSON = re.compile(r"approv|confirm|review|decision|decid|answer|human|consent|permission", re.IGNORECASE)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a list shows: which runs, in which order, from which one on."""

    group: str = "all"
    function: str | None = None
    text: str = ""
    payload: bool = False
    order: str = "started"
    up: bool = False
    offset: int = 0
    limit: int = 60
    upto: str | None = None
    #: Milliseconds between which a run was queued; None is no bound.
    since: int | None = None
    until: int | None = None

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Listing:
        """From the texts of a query.

        Raises:
            ListingError: something in it is not understood.
        """
        group, order = str(asked.get("group") or "all"), str(asked.get("order") or "started")
        if group not in GROUPS:
            raise ListingError(f"group must be one of {', '.join(GROUPS)}, not {group[:40]!r}")
        if order not in ORDERS:
            raise ListingError(f"order must be one of {', '.join(ORDERS)}, not {order[:40]!r}")
        return cls(
            group=group, order=order, function=asked.get("function") or None, text=str(asked.get("q") or "")[:200],
            payload=asked.get("payload") == "1", up=asked.get("up") == "1", upto=asked.get("upto") or None,
            offset=_number(asked, "offset", 0, 1 << 40), limit=_number(asked, "limit", 60, MOST_ROWS),
            since=_number(asked, "from", 0, _LAST_MS) or None, until=_number(asked, "to", 0, _LAST_MS) or None,
        )  # fmt: skip


def _number(asked: Mapping[str, Any], name: str, default: int, most: int) -> int:
    text = str(asked.get(name) or default)
    if not (text.isascii() and text.isdecimal()) or len(text) > 15:
        raise ListingError(f"{name} must be a whole number, not {text[:40]!r}")
    return min(int(text), most)


class Listings:
    """Reads with a connection of its own, in a thread: the engine's loop is the Jupyter server's."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._reader = Reader(core.journal.another_reader)

    async def read(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        """Ask the journal something that may take long."""
        return await self._reader.ask(lambda connection: _in_one_view(connection, ask))

    async def close(self) -> None:
        """Let go of the file."""
        await self._reader.close()

    async def page(self, listing: Listing) -> dict[str, Any]:
        """{"rows": [{"run", "steps"}, …], "total", "counts", "minutes", "upto", "next"}."""
        now = self._core.clock.now()
        found = await self.read(lambda reader: _page(reader, listing, now))
        counts = {**found["counts"], "minutes": found["minutes"]}
        return {
            "rows": [self._row(row, steps, waits) for row, steps, waits in found["rows"]],
            "total": found["total"],
            "counts": counts,
            "upto": listing.upto or found["newest"],
            "next": self._core.lifecycle.runs.next,
            "epoch": self._core.lifecycle.runs.epoch,
            "now": now / 1000,
        }

    def _row(self, row: tuple[Any, ...], steps: list[Any], waits: list[Any]) -> dict[str, Any]:
        known = {wait[0]: wait_extra(wait) for wait in waits}
        function = self._core.functions.get(row[1])
        most = function.max_attempts if function else None
        shown = [step_state(row[0], StepRow(*step), most, **known.get(step[0], {})) for step in steps]
        run = self._core.runs.get(row[0])  # it may have gone on since it was written
        line = run_line(run, function) if run is not None else run_state(_run_of(row), function)
        if run is None and row[11] is not None:
            line["error"] = {"name": row[11], "message": row[12]}
        return {"run": line, "steps": shown}


def asks_person(event_name: str) -> bool:
    """Whether a wait for such an event is for a person, as far as its name can tell."""
    return _PERSON.search(event_name) is not None


def asking(reader: sqlite3.Connection) -> str:
    """The names of events that are waited for and sound like a person's answer, as JSON."""
    names = [name for (name,) in reader.execute(LISTING_SQL.waited_for) if asks_person(name)]
    return orjson.dumps(names).decode()


def _in_one_view(reader: sqlite3.Connection, ask: Callable[[sqlite3.Connection], T]) -> T:
    """Everything is read as of one moment."""
    reader.execute("BEGIN")
    try:
        return ask(reader)
    finally:
        reader.execute("COMMIT")


def _page(reader: sqlite3.Connection, listing: Listing, now: int) -> dict[str, Any]:
    about = {
        "function": listing.function, "text": _like(listing.text), "upto": listing.upto, "now": now,
        "hour": hour_ago(now), "since": now - MINUTES * _MINUTE_US, "asking": asking(reader),
        "limit": listing.limit, "offset": listing.offset,
        "first": encode_ulid(listing.since or 0, 0), "last": encode_ulid(listing.until or _LAST_MS, (1 << 80) - 1),
    }  # fmt: skip
    count = cache(partial(_count, reader, about))
    where = " AND ".join(_conditions(listing))
    ordered = f"{getattr(LISTING_SQL, f'by_{listing.order}')} {'ASC' if listing.up else 'DESC'}"
    # Every part is a statement of the package; what users say is bound.
    page = f"{LISTING_SQL.page} WHERE {where} ORDER BY {ordered}, r.id DESC LIMIT :limit OFFSET :offset"
    rows = reader.execute(page, about).fetchall()
    newest = reader.execute("SELECT max(id) FROM runs").fetchone()[0]
    return {
        "rows": [(row, *_steps(reader, row[0])) for row in rows],
        "total": count(where),
        "newest": newest,
        **_counts(reader, listing, about, count),
    }


def _conditions(listing: Listing) -> list[str]:
    conditions = [getattr(LISTING_SQL, f"is_{listing.group}"), *_scope(listing)]
    if listing.upto is not None:
        conditions.append(LISTING_SQL.is_known)
    if listing.text:
        conditions.append(LISTING_SQL.has_payload if listing.payload else LISTING_SQL.has_text)
    return conditions


def _scope(listing: Listing) -> list[str]:
    """What holds for the list and for its counts."""
    conditions = [] if listing.function is None else [LISTING_SQL.is_function]
    if listing.since is not None or listing.until is not None:
        conditions.append(LISTING_SQL.is_between)
    return conditions


def _steps(reader: sqlite3.Connection, run_id: str) -> tuple[list[Any], list[Any]]:
    steps = reader.execute(LISTING_SQL.steps_of, (run_id, _MOST_STEPS)).fetchall()
    waits = (
        reader.execute(LISTING_SQL.waits_of, (run_id,)).fetchall()
        if any(step[4] == "wait_for_event" for step in steps)
        else []
    )
    return steps, waits


def _count(reader: sqlite3.Connection, about: dict[str, Any], where: str) -> int:
    return int(reader.execute(f"{LISTING_SQL.total} WHERE {where}", about).fetchone()[0])


def _counts(
    reader: sqlite3.Connection, listing: Listing, about: dict[str, Any], count: Callable[[str], int]
) -> dict[str, Any]:
    def of(group: str) -> int:
        return count(" AND ".join([getattr(LISTING_SQL, f"is_{group}"), *_scope(listing)]))

    opened = dict(reader.execute(LISTING_SQL.open_by_status, about).fetchall())
    minutes = reader.execute(LISTING_SQL.last_hour, about).fetchall()
    by_status: dict[str, int] = {}
    for _, status, n in minutes:
        by_status[status] = by_status.get(status, 0) + n
    return {
        "counts": {
            "all": of("all"),
            "running": opened.get("queued", 0) + opened.get("running", 0),
            "waiting": opened.get("waiting", 0),
            "asking": of("asking"),
            "failed": of("failed"),
            "recent": sum(by_status.values()),
            "recent_completed": by_status.get("completed", 0),
            "recent_failed": by_status.get("failed", 0),
        },
        "minutes": per_minute(minutes),
    }


def per_minute(rows: list[tuple[int, str, int]]) -> list[list[int]]:
    """[all, failed] of each of the last 60 minutes, oldest first."""
    minutes = [[0, 0] for _ in range(MINUTES)]
    for minute, status, n in rows:
        bucket = minutes[min(max(minute, 0), MINUTES - 1)]
        bucket[0] += n
        bucket[1] += n if status == "failed" else 0
    return minutes


def hour_ago(now: int) -> str:
    """The least id that a run of the last hour can have."""
    return encode_ulid((now - MINUTES * _MINUTE_US) // 1000, 0)


def _like(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _run_of(row: tuple[Any, ...]) -> Run:
    """The run in a row of `page`, with as much of its event as lists show."""
    event = StoredEvent(id="", event_id="", name=row[3], data="{}", user=None, ts=0)
    return Run(
        id=row[0], fn_id=row[1], status=row[2], events=[event], queued_at=row[4], started_at=row[5], ended_at=row[6],
        attempt=row[7], wake_at=row[8], reason=row[9], forked_from=row[10],
    )  # fmt: skip
