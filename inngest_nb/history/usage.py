"""What models used and cost, from messages in the words of any of the usual APIs."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import Any, NamedTuple

from inngest_nb.history.messages import MessageColumns
from inngest_nb.history.streams import stands

__all__ = ["Price", "Tokens", "tokens_in", "usage_rows"]

#: What a million tokens cost: (input, output), or {"input": …, "output": …, "cached": …}.
Price = tuple[float, float] | Mapping[str, float]

_INPUT = ("input_tokens", "prompt_tokens", "inputTokens", "promptTokens", "promptTokenCount")
_OUTPUT = ("output_tokens", "completion_tokens", "outputTokens", "completionTokens", "candidatesTokenCount")
_CACHED = ("cached_tokens", "cachedInputTokens", "cachedContentTokenCount")
_CACHED_BESIDE = ("cache_read_input_tokens", "cache_creation_input_tokens")  # Anthropic counts these apart
_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_COST = ("cost", "cost_usd", "total_cost")
_MODEL = ("model", "modelVersion", "model_name")
_NESTED = ("usage", "usageMetadata")


class Tokens(NamedTuple):
    """What one call used; `input` includes what the provider had cached."""

    model: str | None
    input: int
    output: int
    cached: int
    cost: float | None

    def cost_by(self, prices: Mapping[str, Price]) -> float | None:
        """Return what was said, else what follows from the prices, else None."""
        if self.cost is not None:
            return self.cost
        price = _price_of(self.model, prices)
        if price is None:
            return None
        fresh = (self.input - self.cached) * price["input"] + self.cached * price.get("cached", price["input"])
        return (fresh + self.output * price["output"]) / 1e6


def usage_rows(messages: MessageColumns, prices: Mapping[str, Price]) -> list[tuple[Any, ...]]:
    """Return the rows of the table "usage", in the order of their time."""
    rows = []
    columns = (messages.head.tolist(), messages.data, messages.created_at.tolist(), stands(messages).tolist())
    for code, data, time, stays in zip(*columns, strict=True):
        channel, _, kind, run_id, fn_id, step_id, attempt, _ = messages.heads[code]
        tokens = tokens_in(data) if kind == "data" else None
        if tokens is not None:
            counts = (tokens.input, tokens.output, tokens.cached)
            place = (run_id, fn_id, step_id, attempt, channel, time)
            rows.append((*place, tokens.model, *counts, tokens.cost_by(prices), not stays))
    return sorted(rows, key=lambda row: row[5])


def tokens_in(data: Any) -> Tokens | None:
    """Return what a message or an API's answer says about tokens, None if it says nothing.

    >>> tokens_in({"model": "m", "usage": {"prompt_tokens": 7, "completion_tokens": 2}})
    Tokens(model='m', input=7, output=2, cached=0, cost=None)
    """
    if not isinstance(data, Mapping):
        return None
    nested: Mapping[str, Any] = next((data[name] for name in _NESTED if isinstance(data.get(name), Mapping)), {})
    told = {**data, **nested}
    given, made = _first(told, _INPUT), _first(told, _OUTPUT)
    if given is None and made is None:
        return None
    beside = sum(int(_first(told, (name,)) or 0) for name in _CACHED_BESIDE)
    cached = _first(told, _CACHED) or _first(_details(told), _CACHED) or _first(told, _CACHED_BESIDE[:1]) or 0
    model = next((str(told[name]) for name in _MODEL if told.get(name)), None)
    return Tokens(model, int(given or 0) + beside, int(made or 0), int(cached), _first(told, _COST))


def _details(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((told[name] for name in _DETAILS if isinstance(told.get(name), Mapping)), {})


def _first(told: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    values = (told.get(name) for name in names)
    return next((v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)), None)


def _price_of(model: str | None, prices: Mapping[str, Price]) -> Mapping[str, float] | None:
    if model is None:
        return None
    name = model if model in prices else next((p for p in prices if fnmatch.fnmatchcase(model, p)), None)
    if name is None:
        return None
    price = prices[name]
    if isinstance(price, Mapping):
        missing = {"input", "output"} - price.keys()
        if missing:
            raise ValueError(f'the price of {name!r} lacks {min(missing)!r}; write {{"input": …, "output": …}}')
        return price
    if not isinstance(price, (tuple, list)) or len(price) != 2:
        raise ValueError(f"the price of {name!r} is {price!r}; write what a million tokens cost: (input, output)")
    return {"input": price[0], "output": price[1]}
