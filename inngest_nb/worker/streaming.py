"""`ctx.stream`: pieces of a model's answer, published as they come and collected."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any

from inngest_nb.realtime.messages import text_piece


async def stream_pieces(
    publish: Callable[[Any, Any], Awaitable[Any]],
    ref: Any,
    chunks: AsyncIterable[Any],
    to: Callable[[Any], Any] | None,
) -> str:
    """Publish each piece and join their text."""
    pieces: list[str] = []
    async for chunk in chunks:
        data = chunk if to is None else to(chunk)
        await publish(ref, data)
        pieces.append(chunk if isinstance(chunk, str) else _text_of(data))
    return "".join(pieces)


def _text_of(data: Any) -> str:
    plain = data if isinstance(data, (str, dict)) else getattr(data, "__dict__", {})
    return text_piece(plain) or ""
