"""The macros over lists and maps, as Inngest's server runs them when an element is missing or fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from inngest_nb.expressions.values import UNKNOWN, Failure, go_text, is_truthy

OfElement = Callable[[object], object]
Fold = Callable[[Iterable[object], OfElement, OfElement | None], object]


def _all(values: Iterable[object], body: OfElement, _where: OfElement | None) -> object:
    result: object = True
    for value in values:
        result = body(value)
        if not is_truthy(result):
            break
    return result


def _exists(values: Iterable[object], body: OfElement, _where: OfElement | None) -> object:
    result: object = False
    for value in values:
        result = body(value)
        if result is not False:  # a failing element ends the search
            break
    return result


def _exists_one(values: Iterable[object], body: OfElement, _where: OfElement | None) -> object:
    return sum(is_truthy(body(value)) for value in values) == 1


def _filter(values: Iterable[object], body: OfElement, _where: OfElement | None) -> object:
    return tuple(value for value in values if is_truthy(body(value)))


def _map(values: Iterable[object], body: OfElement, where: OfElement | None) -> object:
    """The list of results; once an element fails, a text of what followed, since `+` joins what it cannot add."""
    found: list[object] = []
    text: str | None = None
    for value in values:
        if where is not None and not is_truthy(where(value)):
            continue
        result = body(value)
        if result is UNKNOWN:
            continue
        if isinstance(result, Failure):
            text = (text or "[]") + result.message
        elif text is None:
            found.append(result)
        else:
            text += go_text((result,))
    return tuple(found) if text is None else text


FOLDS: dict[str, Fold] = {"all": _all, "exists": _exists, "exists_one": _exists_one, "map": _map, "filter": _filter}
