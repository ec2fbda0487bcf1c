"""What a page about the whole engine shows: its health, functions, events, channels and open questions."""

from __future__ import annotations

import statistics
import time
from collections import deque
from pathlib import Path
from typing import Any

import orjson

from inngest_nb.approvals import answers
from inngest_nb.engine.core import Core
from inngest_nb.engine.journal.journal import SQL
from inngest_nb.engine.lifecycle import ms
from inngest_nb.engine.listing import LISTING_SQL, Listings, asking
from inngest_nb.engine.records import dense, fragment
from inngest_nb.errors import ListingError

_PROBES = 31


class Overview:
    """Answers by name: `health`, `functions`, `events`, `channels`, `questions`."""

    def __init__(self, core: Core, listings: Listings, data_dir: Path) -> None:
        self._core, self._listings, self._data_dir = core, listings, data_dir
        self._since = core.clock.now()
        self._commits: deque[float] = deque(maxlen=_PROBES)

    async def of(self, what: str) -> dict[str, Any]:
        """The answer to one question.

        Raises:
            ListingError: there is no such question.
        """
        known = {
            "health": self._health, "functions": self._functions, "events": self._events,
            "channels": self._channels, "questions": self._questions,
        }  # fmt: skip
        if what not in known:
            raise ListingError(f"an overview is of {', '.join(known)}, not of {what[:40]!r}")
        return {**await known[what](), "now": self._core.clock.now() / 1000}

    async def close(self) -> None:
        """Let go of the files."""
        await self._listings.close()

    async def _health(self) -> dict[str, Any]:
        core = self._core
        outage = core.journal.writer.outage
        if outage is None:
            await self._probe()
        peers = [
            dense({"label": peer.label, "pid": peer.pid, "host": peer.host, "user": peer.user, "runs": len(peer.runs)})
            for peer in core.peers.all
            if peer.functions
        ]
        return {
            "workers": peers,
            "commit_ms": statistics.median(self._commits) if self._commits else None,
            "journal_bytes": _size(self._data_dir / "journal.db"),
            "messages_bytes": _size(self._data_dir / "messages.db"),
            "since": ms(self._since),
            "outage": outage.message if outage else None,
            "data_dir": str(self._data_dir),
        }

    async def _probe(self) -> None:
        """What a commit takes here and now, with all that is on its way."""
        began = time.perf_counter()
        await self._core.journal.commit([(SQL.set_meta, ("commit_probe", str(self._core.clock.now())))])
        self._commits.append((time.perf_counter() - began) * 1000)

    async def _functions(self) -> dict[str, Any]:
        rows = await self._listings.read(lambda reader: reader.execute(LISTING_SQL.functions).fetchall())
        figures = {fn_id: (runs, failed, newest) for fn_id, runs, failed, newest in rows}
        functions = []
        for function in self._core.functions.all():
            runs, failed, newest = figures.get(function.id, (0, 0, None))
            functions.append(
                dense({
                    "id": function.id, "name": function.name, "app_id": function.app_id, "paused": function.paused,
                    "triggers": [dict(trigger) for trigger in function.triggers], "runs": runs, "failed": failed,
                    "newest": newest, "connected": self._core.peers.for_function(function.id) is not None,
                })
            )  # fmt: skip
        return {"functions": functions}

    async def _events(self) -> dict[str, Any]:
        def ask(reader: Any) -> list[Any]:
            rows = reader.execute(LISTING_SQL.events).fetchall()
            return [(*row, *reader.execute(LISTING_SQL.example, (row[0],)).fetchone()) for row in rows]

        events = {}
        for name, count, at, data in await self._listings.read(ask):
            events[name] = {"name": name, "count": count, "last_at": ms(at), "example": fragment(data), "starts": []}
        for function in self._core.functions.all():
            for trigger in function.triggers:
                if "event" in trigger:
                    event = events.setdefault(trigger["event"], {"name": trigger["event"], "count": 0, "starts": []})
                    event["starts"].append(function.name)
        return {"events": list(events.values())}

    async def _channels(self) -> dict[str, Any]:
        rows = await self._core.hub.browse.channels()
        return {
            "channels": [
                {"name": name, "messages": next_ - first, "last_at": ms(at)} for name, first, next_, at in rows
            ]
        }

    async def _questions(self) -> dict[str, Any]:
        def ask(reader: Any) -> list[Any]:
            return list(reader.execute(LISTING_SQL.questions, {"asking": asking(reader)}).fetchall())

        questions = []
        for run_id, fn_id, step_hash, step_id, event, expression, created_at, expires_at in await self._listings.read(
            ask
        ):
            function = self._core.functions.get(fn_id)
            question = dense({
                "run_id": run_id, "fn_id": fn_id, "name": function.name if function else fn_id, "hash": step_hash,
                "step_id": step_id, "event": event, "asked_at": ms(created_at), "expires_at": ms(expires_at),
            })  # fmt: skip
            wait = {"event": event, "if": expression}
            asked = next(
                (said for said in await self._core.hub.browse.said_by_run(run_id) if _asks(said[2], wait)), None
            )
            if asked is not None:
                question |= {"channel": asked[0], "topic": asked[1], "data": fragment(asked[2])}
            questions.append(question)
        return {"questions": questions}


def _asks(data: str, wait: dict[str, Any]) -> bool:
    question = orjson.loads(data)
    return isinstance(question, dict) and answers(question, wait)


def _size(path: Path) -> int:
    """How much disk a store takes, its write-ahead log included."""
    return sum(file.stat().st_size for file in (path, path.with_name(f"{path.name}-wal")) if file.exists())
