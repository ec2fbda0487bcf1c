"""Which waits an arriving event may resolve, at a cost of the indexed paths and the matches, not of the waits.

Each alternative of a wait's condition stands under one `async.path == literal` that it needs; a condition with an
alternative that has none stands among the others, which every event of that name visits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from inngest_nb.expressions.binding import ANY, Bound, Term, canonical, value_at

Id = TypeVar("Id")


@dataclass(slots=True)
class _ByName(Generic[Id]):
    """The waits for one event name. A bucket is a single id (in a one-tuple) or, for several, an ordered dict."""

    paths: dict[tuple[str, ...], dict[object, tuple[Id] | dict[Id, None]]] = field(default_factory=dict)
    others: dict[Id, None] = field(default_factory=dict)

    def add(self, wait_id: Id, terms: tuple[Term, ...] | None) -> None:
        if terms is None:
            self.others[wait_id] = None
            return
        for path, key in terms:
            buckets = self.paths.setdefault(path, {})
            bucket = buckets.get(key)
            if bucket is None:
                buckets[key] = (wait_id,)
            elif isinstance(bucket, dict):
                bucket[wait_id] = None
            elif bucket[0] != wait_id:
                buckets[key] = {bucket[0]: None, wait_id: None}

    def remove(self, wait_id: Id, terms: tuple[Term, ...] | None) -> None:
        self.others.pop(wait_id, None)
        for path, key in terms or ():
            buckets = self.paths.get(path, {})
            bucket = buckets.get(key)
            if isinstance(bucket, dict):
                bucket.pop(wait_id, None)
            if not bucket or (isinstance(bucket, tuple) and bucket[0] == wait_id):
                buckets.pop(key, None)
            if not buckets:
                self.paths.pop(path, None)

    def candidates(self, event: Mapping[str, Any]) -> Iterator[Id]:
        for path, buckets in self.paths.items():
            key = canonical(value_at(event, path))
            if key is not None:
                yield from buckets.get(key, ())
        yield from self.others


class Lightened:
    """What the index needs of a condition that somebody else keeps."""

    __slots__ = ("index_terms",)

    def __init__(self, index_terms: tuple[Term | None, ...]) -> None:
        self.index_terms = index_terms


class WaitIndex(Generic[Id]):
    """The open waits in memory; one thread."""

    def __init__(self) -> None:
        self._names: dict[str, _ByName[Id]] = {}
        self._waits: dict[Id, tuple[str, Bound | Lightened]] = {}

    def __len__(self) -> int:
        return len(self._waits)

    def __contains__(self, wait_id: Id) -> bool:
        return wait_id in self._waits

    def add(self, wait_id: Id, event_name: str, bound: Bound | None) -> None:
        """Keep a wait, without a condition for None; the same id again replaces the earlier one."""
        self.remove(wait_id)
        bound = bound or ANY
        self._waits[wait_id] = (event_name, bound)
        self._names.setdefault(event_name, _ByName()).add(wait_id, _terms(bound))

    def lighten(self, wait_id: Id) -> None:
        """Let go of the condition of a wait, which is on disk: `candidates` finds it as before."""
        event_name, bound = self._waits[wait_id]
        self._waits[wait_id] = (event_name, Lightened(bound.index_terms))

    def remove(self, wait_id: Id) -> None:
        """Forget a wait; an unknown id is no error, since a wait may be resolved and expire at once."""
        event_name, bound = self._waits.pop(wait_id, ("", None))
        if bound is None:
            return
        waits = self._names[event_name]
        waits.remove(wait_id, _terms(bound))
        if not waits.paths and not waits.others:
            del self._names[event_name]

    def candidates(self, event: Mapping[str, Any]) -> list[Id]:
        """The waits that this event may satisfy, each once; all that do are among them."""
        waits = self._names.get(event["name"])
        return [] if waits is None else list(dict.fromkeys(waits.candidates(event)))

    def matching(self, event: Mapping[str, Any]) -> list[Id]:
        """The waits that this event satisfies, of those whose condition is kept here."""
        found = ((wait_id, self._waits[wait_id][1]) for wait_id in self.candidates(event))
        return [wait_id for wait_id, bound in found if isinstance(bound, Bound) and bound.matches(event)]


def _terms(bound: Bound | Lightened) -> tuple[Term, ...] | None:
    """One term for each alternative, or None when an alternative has none."""
    terms = tuple(term for term in bound.index_terms if term is not None)
    return terms if len(terms) == len(bound.index_terms) else None
