"""The card of a feed: the last messages of a channel, pieces of one step in one row."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from inngest_nb.widgets.snapshot import format as fmt
from inngest_nb.widgets.snapshot.card import MUTED, banner, body, card, footer, header
from inngest_nb.widgets.snapshot.state import LISTENING

__all__ = ["feed_html"]

_MOST_ROWS = 40
_FOLDED_FROM = 3
_PREVIEW = 160
_TEXT_FIELDS = ("token", "text", "content", "delta")
_CELL = "padding:3px 8px;border:none;background:transparent;text-align:left;white-space:nowrap;font-size:12px"
_EMPTY = f'<p style="text-align:center;{MUTED}">No messages yet</p>'
Message = Mapping[str, Any]


def feed_html(params: Mapping[str, Any], initial: Mapping[str, Any]) -> str:
    """Return the card."""
    saved_at, topics = initial["saved_at"], params.get("topics")
    messages = [m for m in initial.get("messages") or () if not topics or m.get("topic") in topics]
    name = fmt.channel_label(params["channel"])
    if not messages:
        return card([header(LISTENING, name, "", [], saved_at), banner(), body(_EMPTY)])
    rows = list(_folded(messages))
    shown = "".join(_row(pieces) for pieces in rows[-_MOST_ROWS:])
    table = f'<table style="width:100%;border-collapse:collapse;table-layout:fixed;margin:4px 0"><tbody>{shown}</tbody></table>'
    more = [f"{len(rows) - _MOST_ROWS:,} rows before these are not saved"] if len(rows) > _MOST_ROWS else []
    figures = [f"up to offset {messages[-1]['offset']:,}"]
    return card([header(LISTENING, name, "", figures, saved_at), banner(), table, footer(more)])


def _folded(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Messages that belong in one row."""
    for key, group in itertools.groupby(messages, _key):
        pieces = list(group)
        if key is not None and len(pieces) >= _FOLDED_FROM:
            yield pieces
        else:
            yield from ([piece] for piece in pieces)


def _key(message: Message) -> tuple[Any, ...] | None:
    if message.get("kind", "data") != "data" or _piece(message.get("data")) is None:
        return None
    return tuple(message.get(field) for field in ("topic", "run_id", "step_id", "attempt"))


def _piece(data: Any) -> str | None:
    found = next((data[f] for f in _TEXT_FIELDS if f in data), None) if isinstance(data, dict) else data
    return found if isinstance(found, str) else None


def _row(pieces: Sequence[Message]) -> str:
    first, last = pieces[0], pieces[-1]
    if len(pieces) > 1:
        text = "".join(_piece(piece["data"]) or "" for piece in pieces[:200])
        offsets, more = f"{first['offset']:,}\u2013{last['offset']:,}", f"{len(pieces):,} pieces"
    else:
        text, offsets, more = _said(first), f"{first['offset']:,}", fmt.short_id(first.get("run_id") or "")
    short = escape(" ".join(text.split())[:_PREVIEW])
    mono = "font-family:monospace;overflow:hidden;text-overflow:ellipsis"
    cells = [
        (f"width:90px;text-align:right;{MUTED}", offsets),
        (f"width:90px;{MUTED}", escape(str(first.get("created_at", ""))[11:19])),
        ("width:110px;overflow:hidden;text-overflow:ellipsis", escape(str(first.get("topic", "")))),
        (mono, short),
        (f"width:90px;text-align:right;{MUTED}", escape(more)),
    ]
    return f'<tr style="background:transparent">{"".join(f"<td style={chr(34)}{_CELL};{style}{chr(34)}>{text}</td>" for style, text in cells)}</tr>'


def _said(message: Message) -> str:
    data = message.get("data")
    if message.get("kind", "data") != "data" and isinstance(data, dict):
        about = data.get("status") or message["kind"]
        return f"{data.get('name') or data.get('step_id') or ''} {about}".strip()
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
