"""Calls of models as traces describe them: from what a step asked, what it was answered, and what it published."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from inngest_nb.history.semconv import OPERATIONS, PROVIDERS
from inngest_nb.history.usage import Tokens, tokens_in
from inngest_nb.jsontext import loads

if TYPE_CHECKING:
    from inngest_nb.history.frames import HistoryFrame

__all__ = ["Call", "call_of", "published_calls"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a model; what is not known is None."""

    provider: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    finish_reasons: tuple[str, ...] | None = None
    first_chunk_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None

    @property
    def model(self) -> str | None:
        """The model that was asked for, else the one that answered."""
        return self.request_model or self.response_model

    def attributes(self) -> dict[str, Any]:
        """Return what a span says of it, by the names of the table."""
        return {"operation": OPERATIONS["model"], **dataclasses.asdict(self)}


def call_of(op: str, opts: str | None, output: str | None, published: Call | None) -> Call | None:
    """Return the call of a step, None if it is none: `step.ai`, or a step that published its usage."""
    if not op.startswith("ai."):
        return published
    asked, answer = loads(opts) if opts else {}, loads(output) if output else None
    known = _asked(asked if isinstance(asked, Mapping) else {})
    known |= _answered(answer) if isinstance(answer, Mapping) else {}
    told = {} if published is None else dataclasses.asdict(published)
    return Call(**{name: value for name, value in {**told, **known}.items() if value is not None})


def published_calls(usage: HistoryFrame, latency: HistoryFrame) -> dict[tuple[str, str], Call]:
    """Return what steps published on `usage`, all attempts together, and how fast their first tokens came."""
    first = {(row.run_id, row.step_id): row.first_token.total_seconds() for row in _rows(latency)}
    calls: dict[tuple[str, str], Call] = {}
    for row in _rows(usage.dropna(subset=["run_id", "step_id"])):
        place = (row.run_id, row.step_id)
        before = calls.get(place, Call())
        seconds = first.get(place, math.nan)
        calls[place] = Call(
            response_model=_text(row.model),
            first_chunk_s=None if math.isnan(seconds) else seconds,
            input_tokens=(before.input_tokens or 0) + row.input_tokens,
            output_tokens=(before.output_tokens or 0) + row.output_tokens,
            cached_tokens=((before.cached_tokens or 0) + row.cached_tokens) or None,
        )
    return calls


def _rows(frame: Any) -> Iterator[Any]:
    yield from frame.itertuples()  # whose fields no type checker knows


def _asked(opts: Mapping[str, Any]) -> dict[str, Any]:
    given = opts.get("input")
    body = given[0] if isinstance(given, list) and given and isinstance(given[0], Mapping) else {}
    return {"provider": PROVIDERS.get(str(opts.get("format"))), "request_model": _text(body.get("model"))}


def _answered(answer: Mapping[str, Any]) -> dict[str, Any]:
    tokens = tokens_in(answer)
    choices = answer.get("choices")
    reasons = [c.get("finish_reason") for c in choices if isinstance(c, Mapping)] if isinstance(choices, list) else []
    reasons = [reason for reason in (*reasons, answer.get("stop_reason")) if isinstance(reason, str)]
    return {
        "response_model": _text(answer.get("model")) or (tokens.model if tokens else None),
        "response_id": _text(answer.get("id")),
        "finish_reasons": tuple(reasons) or None,
        **(_counts(tokens) if tokens else {}),
    }


def _counts(tokens: Tokens) -> dict[str, Any]:
    cached = tokens.cached or None
    return {"input_tokens": tokens.input, "output_tokens": tokens.output, "cached_tokens": cached}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
