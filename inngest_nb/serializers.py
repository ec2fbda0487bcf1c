"""Types that are not JSON across step and function boundaries: what `output_type` is read and written with."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

import pydantic

_REMEMBERED_TYPES = 512  # an adapter is never freed by pydantic; a cell that is run again makes new types


class Serializer(Protocol):
    """Turns objects into JSON and back."""

    def serialize(self, obj: object, typ: object) -> object:
        """The JSON form (dict, list, None, …) of `obj`, which is a `typ`."""
        ...

    def deserialize(self, obj: object, typ: object) -> object:
        """The `typ` whose JSON form is `obj`."""
        ...


class PydanticSerializer(Serializer):
    """Every type that pydantic knows: models, dataclasses, TypedDicts, lists of them, datetimes, …

    >>> import datetime
    >>> serializer = PydanticSerializer()
    >>> serializer.serialize([datetime.date(2026, 1, 2)], list[datetime.date])
    ['2026-01-02']
    >>> serializer.deserialize(["2026-01-02"], list[datetime.date])
    [datetime.date(2026, 1, 2)]
    """

    def __init__(self) -> None:
        self._adapters = lru_cache(maxsize=_REMEMBERED_TYPES)(_adapter)

    def serialize(self, obj: object, typ: object) -> object:
        """The JSON form of `obj`."""
        return self._of(typ).dump_python(obj, mode="json")

    def deserialize(self, obj: object, typ: object) -> object:
        """The `typ` that `obj` describes.

        Raises:
            pydantic.ValidationError: it does not describe one.
        """
        return self._of(typ).validate_python(obj)

    def _of(self, typ: Any) -> pydantic.TypeAdapter[object]:
        try:
            return self._adapters(typ)
        except TypeError:  # Annotated[int, {"unhashable": …}]
            return _adapter(typ)


def _adapter(typ: Any) -> pydantic.TypeAdapter[object]:
    return pydantic.TypeAdapter(typ)
