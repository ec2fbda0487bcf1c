"""Which waits an arriving event may resolve, at a cost of the indexed paths and the matches, not of the waits.

Each alternative of a wait's condition stands under one `async.path == literal` that it needs; a condition with an
alternative that has none stands among the others, which every event of that name visits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import orjson

from inngest_nb.expressions.binding import Bound, Term, canonical, value_at

Id = TypeVar("Id")
Terms = tuple[Term, ...]


@dataclass(slots=True)
class _ByName(Generic[Id]):
    """The waits for one event name. A bucket is a single id (which is no dict) or, for several, an ordered dict."""

    paths: dict[tuple[str, ...], dict[object, Id | dict[Id, None]]] = field(default_factory=dict)
    others: dict[Id, None] = field(default_factory=dict)

    def add(self, wait_id: Id, terms: Terms) -> None:
        if not terms:
            self.others[wait_id] = None
        for path, key in terms:
            buckets = self.paths.setdefault(path, {})
            bucket = buckets.setdefault(key, wait_id)
            if isinstance(bucket, dict):
                bucket[wait_id] = None
            elif bucket != wait_id:
                buckets[key] = {bucket: None, wait_id: None}

    def remove(self, wait_id: Id, terms: Terms) -> None:
        self.others.pop(wait_id, None)
        for path, key in terms:
            buckets = self.paths.get(path, {})
            bucket = buckets.get(key)
            if isinstance(bucket, dict):
                bucket.pop(wait_id, None)
            if not bucket or bucket == wait_id:
                buckets.pop(key, None)
            if not buckets:
                self.paths.pop(path, None)

    def candidates(self, event: Mapping[str, Any]) -> Iterator[Id]:
        for path, buckets in self.paths.items():
            key = canonical(value_at(event, path))
            bucket = None if key is None else buckets.get(key)
            if isinstance(bucket, dict):
                yield from bucket
            elif bucket is not None:
                yield bucket
        yield from self.others


class WaitIndex(Generic[Id]):
    """The open waits in memory; one thread. It keeps no list of them: who removes a wait says where it stands."""

    def __init__(self) -> None:
        self._names: dict[str, _ByName[Id]] = {}

    def add(self, wait_id: Id, event_name: str, terms: Terms) -> None:
        """Keep a wait under the terms of its condition."""
        self._names.setdefault(event_name, _ByName()).add(wait_id, terms)

    def remove(self, wait_id: Id, event_name: str, terms: Terms) -> None:
        """Forget a wait that was added like this."""
        waits = self._names[event_name]
        waits.remove(wait_id, terms)
        if not waits.paths and not waits.others:
            del self._names[event_name]

    def candidates(self, event: Mapping[str, Any]) -> list[Id]:
        """The waits that this event may satisfy, each once; all that do are among them."""
        waits = self._names.get(event["name"])
        return [] if waits is None else list(dict.fromkeys(waits.candidates(event)))


def terms_of(bound: Bound | None) -> Terms:
    """One term for each alternative of a condition; none when an alternative has none, or without a condition."""
    found = () if bound is None else bound.index_terms
    terms = tuple(term for term in found if term is not None)
    return terms if len(terms) == len(found) else ()


def encode_terms(terms: Terms) -> str:
    """Terms as JSON text: a canonical value stands for itself. What JSON has no number for is looked at for every event."""
    if any(isinstance(key, float) and not math.isfinite(key) for _, key in terms):
        return "[]"
    return orjson.dumps([[path, key[0] if isinstance(key, tuple) else key] for path, key in terms]).decode()


def decode_terms(text: str) -> Terms:
    """The terms in a text of `encode_terms`."""
    return tuple((tuple(path), canonical(value)) for path, value in orjson.loads(text))
