"""Events and runs by GET, and the end of a run by DELETE."""

from __future__ import annotations

import re
import time
from typing import Any

from inngest_nb.clock import to_iso
from inngest_nb.engine.journal.journal import SQL
from inngest_nb.engine.records import Run
from inngest_nb.errors import RunNotFoundError
from inngest_nb.times import parse_rfc3339
from inngest_nb_server.compat.handler import CompatHandler, Refusal
from inngest_nb_server.compat.shapes import NO_ID, event_shape, run_shape

DEFAULT_LIMIT, MAX_LIMIT = 20, 51
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.IGNORECASE)


class ReadHandler(CompatHandler):
    """Data in Inngest's envelope. Nothing is cached: who asks again wants to know what is true now."""

    def give(self, data: Any, *, cached: bool = True) -> None:
        """Finish with `data`; of lists, Inngest does not say how long they may be cached."""
        now = to_iso(time.time_ns() // 1000)
        self.set_header("Cache-Control", "no-store")
        self.answer({"data": data, "metadata": {"fetched_at": now} | ({"cached_until": now} if cached else {})})

    def ulid(self, text: str, what: str) -> str:
        """An id from the path."""
        if not _ULID.fullmatch(text):
            raise Refusal(400, f"Invalid {what} ID: {text}")
        return text.upper()

    def run_of(self, text: str) -> Run:
        """The run of an id from the path."""
        run_id = self.ulid(text, "run")
        try:
            return self.engine.run(run_id)
        except RunNotFoundError:
            raise Refusal(404, f"Unable to load function run: {run_id}") from None


class EventsHandler(ReadHandler):
    """The list of events."""

    def get(self) -> None:
        """What was sent, newest first: ?name=&received_after=&received_before=&cursor=&limit=."""
        filters = {
            "name": self.get_query_argument("name", "") or None,
            "after": self._time("received_after"),
            "before": self._time("received_before"),
            "cursor": self._cursor(),
            "limit": self._limit(),
        }
        rows = self.engine.core.journal.reader.execute(SQL.list_events, filters).fetchall()
        self.give([event_shape(row) for row in rows], cached=False)

    def _limit(self) -> int:
        text = self.get_query_argument("limit", "")
        asked = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0
        return min(asked, MAX_LIMIT) or DEFAULT_LIMIT

    def _time(self, name: str) -> int | None:
        text = self.get_query_argument(name, "")
        if not text:
            return None
        moment = parse_rfc3339(text)
        if moment is None:
            raise Refusal(400, f"Invalid {name} query parameter")
        return moment.ns // 1000

    def _cursor(self) -> str | None:
        text = self.get_query_argument("cursor", "")
        if text and not _ULID.fullmatch(text):
            raise Refusal(400, "Invalid cursor query parameter")
        return text.upper() or None


class EventHandler(ReadHandler):
    """One event."""

    def get(self, internal_id: str) -> None:
        """By its internal id."""
        row = self.engine.core.journal.reader.execute(SQL.one_event, (self.ulid(internal_id, "event"),)).fetchone()
        if row is None:
            raise Refusal(404, "Event not found")
        self.give(event_shape(row))


class EventRunsHandler(ReadHandler):
    """What an event has started."""

    def get(self, internal_id: str) -> None:
        """Its runs, with their true states."""
        rows = self.engine.core.journal.rows(SQL.runs_of_event, self.ulid(internal_id, "event"))
        self.give([run_shape(self.engine.run(run_id), environment=NO_ID) for (run_id,) in rows])


class RunHandler(ReadHandler):
    """One run."""

    def get(self, run_id: str) -> None:
        """Its state and output."""
        self.give(run_shape(self.run_of(run_id)))

    async def delete(self, run_id: str) -> None:
        """Cancel it, if it has not ended."""
        await self.engine.cancel(self.run_of(run_id).id, reason="cancelled by the API")
        self.set_header("Content-Type", "application/json")
        self.finish()


class UnknownHandler(CompatHandler):
    """What this API does not have."""

    def get(self, *args: str) -> None:
        """Not there."""
        self.set_status(404)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("404 page not found\n")

    post = delete = get


ROUTES = [
    (r"v1/events", EventsHandler),
    (r"v1/events/([^/]+)", EventHandler),
    (r"v1/events/([^/]+)/runs", EventRunsHandler),
    (r"v1/runs/([^/]+)", RunHandler),
]
UNKNOWN = [(r"v1/(.*)", UnknownHandler)]
