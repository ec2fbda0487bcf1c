"""Messages of a channel as a page looks through them: from any offset backwards, by what they hold, with counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from inngest_nb.engine.engine import Engine
from inngest_nb.errors import ListingError
from inngest_nb.hub.browse import MOST_MESSAGES, Search

KINDS = ("data", "run", "step", "rollback", "commit")


def search_of(asked: Mapping[str, Any]) -> Search:
    """From the texts of a query.

    Raises:
        ListingError: something in it is not understood.
    """
    topics, kind = asked.get("topics"), asked.get("kind") or None
    if kind is not None and kind not in KINDS:
        raise ListingError(f"kind must be one of {', '.join(KINDS)}, not {str(kind)[:40]!r}")
    before, limit = asked.get("before"), str(asked.get("limit") or 200)
    for number in (before, limit):
        if number and not (str(number).isascii() and str(number).isdecimal() and len(str(number)) < 18):
            raise ListingError(f"before and limit must be whole numbers, not {str(number)[:40]!r}")
    return Search(
        before=int(before) if before else None, limit=max(1, min(int(limit), MOST_MESSAGES)), kind=kind,
        topics=tuple(str(topics).split(",")) if topics else None, run=asked.get("run") or None,
        text=str(asked["text"])[:200] if asked.get("text") else None, path=asked.get("path") or None,
        value=str(asked.get("value") or "")[:200],
    )  # fmt: skip


async def browse(engine: Engine, channel: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """{"messages": oldest first, "reached", "first", "next", "epoch"}; all that fits from `reached` on is there."""
    search, log = search_of(asked), engine.core.hub.log(channel)
    before = log.visible if search.before is None else min(search.before, log.visible)
    messages, reached = await engine.core.hub.browse.search(log.id, log.name, log.first, before, search)
    return {
        "messages": [orjson.Fragment(message) for message in messages],
        "reached": reached,
        **_extent(engine, channel),
    }


async def topics(engine: Engine, channel: str) -> dict[str, Any]:
    """{"topics": [{"topic", "kind", "count"}, …], "first", "next", "epoch"}; the counts hold for what is below `next`."""
    extent = _extent(engine, channel)
    counted = (extent["epoch"], extent["first"], extent["next"])
    rows = await engine.core.hub.browse.topics(engine.core.hub.log(channel).id, *counted)
    return {"topics": [{"topic": topic, "kind": kind, "count": count} for topic, kind, count in rows], **extent}


def _extent(engine: Engine, channel: str) -> dict[str, int]:
    log = engine.core.hub.log(channel)
    return {"first": log.first, "next": log.visible, "epoch": log.epoch}
