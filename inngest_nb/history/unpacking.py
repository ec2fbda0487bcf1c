"""Messages about steps that are several in one row of the log, each as a row of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from inngest_nb.history.filters import Filters
from inngest_nb.packs import Unpacked, is_pack, unpack

if TYPE_CHECKING:
    from inngest_nb.history.messages import MessageColumns

__all__ = ["unpacked"]

_STEP_ID, _ATTEMPT = 5, 6  # places in a head


def unpacked(columns: MessageColumns, filters: Filters, *, parse: bool) -> MessageColumns:
    """Return the columns with a row for each message of the time that is asked for; without packs as they are."""
    packs = [code for code, head in enumerate(columns.heads) if is_pack(head[_ATTEMPT])]
    if not packs:
        return columns
    rows = np.flatnonzero(np.isin(columns.head, packs))
    messages = {row: list(unpack(int(columns.offset[row]), _text(columns.data[row]))) for row in rows}
    counts = np.ones(len(columns.data), dtype=np.intp)
    counts[rows] = [len(of_row) for of_row in messages.values()]
    source = np.repeat(np.arange(len(counts)), counts)
    wide = columns.take(source)
    wide.heads = list(columns.heads)
    places = np.flatnonzero(np.isin(source, rows))
    _fill(wide, places, [message for of_row in messages.values() for message in of_row], parse=parse)
    asked = (wide.created_at >= filters.get("since", -1)) & (wide.created_at < filters.get("until", 1 << 62))
    return wide if asked.all() else wide.take(asked)


def _fill(wide: MessageColumns, places: Any, messages: list[Unpacked], *, parse: bool) -> None:
    numbers = {head: number for number, head in enumerate(wide.heads)}
    for place, message in zip(places, messages, strict=True):
        head = list(wide.heads[wide.head[place]])
        head[_STEP_ID], head[_ATTEMPT] = message.step_id, message.attempt
        wide.head[place] = numbers.setdefault(tuple(head), len(numbers))
        wide.offset[place], wide.created_at[place] = message.offset, message.created_at
        wide.data[place] = orjson.loads(message.data) if parse else message.data
    wide.heads = list(numbers)


def _text(data: Any) -> str:
    return data if isinstance(data, str) else orjson.dumps(data).decode()
