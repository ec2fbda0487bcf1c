"""What a topic's data must look like, and how it becomes the JSON text that is sent."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import orjson

from inngest_nb.errors import ChannelError, PayloadError, SchemaError

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

    from inngest_nb.realtime.refs import TopicRef

__all__ = ["MAX_DATA_BYTES", "StaticSchema", "TopicConfig", "static_schema", "topic_config", "validate"]

T = TypeVar("T")

#: The most that one message may carry, as on Inngest's own `/v1/realtime/publish`.
MAX_DATA_BYTES = 524_288

_JSON_OPTIONS = orjson.OPT_NON_STR_KEYS
_SHOWN_ERRORS = 10
_SHOWN_INPUT = 80


@dataclasses.dataclass(frozen=True, slots=True)
class StaticSchema(Generic[T]):
    """A type that checkers see and nothing checks at run time; made by `static_schema`."""

    type: type[T]


def static_schema(type_: type[T]) -> StaticSchema[T]:
    """Declare a topic's type without validating its data.

    >>> static_schema(dict).type
    <class 'dict'>
    """
    return StaticSchema(type_)


@dataclasses.dataclass(frozen=True, slots=True)
class TopicConfig(Generic[T]):
    """How one topic is declared: its `schema`, and by that the `type` of its data."""

    schema: object
    _adapter: TypeAdapter[T] | None = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        adapter = None if isinstance(self.schema, StaticSchema) else _adapter(self.schema)
        object.__setattr__(self, "_adapter", adapter)

    def __reduce__(self) -> tuple[Any, ...]:
        return TopicConfig, (self.schema,)

    @property
    def type(self) -> type[T]:
        """The type of the topic's data."""
        return cast("type[T]", self.schema.type if isinstance(self.schema, StaticSchema) else self.schema)

    @property
    def validates(self) -> bool:
        """Whether data is checked at run time."""
        return self._adapter is not None

    def load(self, data: object) -> T:
        """Turn received JSON data into the topic's type; data of a static topic stays as it is.

        Raises
        ------
        pydantic.ValidationError
            If the data does not fit.
        """
        return self._adapter.validate_python(data) if self._adapter else cast("T", data)

    def dump(self, data: object) -> object:
        """Return `data` as plain JSON values, validated unless the topic is static.

        Raises
        ------
        pydantic.ValidationError, pydantic_core.PydanticSerializationError
            If the data does not fit.
        """
        if self._adapter is None:
            return data
        value = self._adapter.validate_python(data)
        # A model changed after it was made is not validated again, but then its dump warns.
        return self._adapter.dump_python(value, mode="json", by_alias=True, warnings="error")

    def numbers(self, data: object) -> object:
        """Return `data` as `dump` does, except that NaN and infinity, which `dump` may turn into None, are still there."""
        if self._adapter is None:
            return data
        return self._adapter.dump_python(self._adapter.validate_python(data), warnings=False)


def topic_config(topic: str, declared: object) -> TopicConfig[Any]:
    """Read one value of `topics={...}`: a schema, `{"schema": ...}` or a config."""
    if isinstance(declared, TopicConfig):
        return declared
    if isinstance(declared, Mapping):
        if set(declared) != {"schema"}:
            raise ChannelError(f'topic {topic!r}: give a schema or {{"schema": ...}}, not {declared!r}')
        declared = declared["schema"]
    try:
        return TopicConfig(declared)
    except (TypeError, ValueError) as exc:
        raise ChannelError(f"topic {topic!r}: {exc}") from exc


def validate(ref: TopicRef[Any], data: object) -> str:
    """Return `data` as the JSON text to send to `ref`.

    What is sent is the validated value, so defaults are filled in, and what the schema does not know is left out.

    Raises
    ------
    SchemaError
        If the data does not fit the topic's schema; it lists every field.
    PayloadError
        If the data is not JSON, has a number that JSON cannot carry, or is larger than `MAX_DATA_BYTES`.
    """
    from pydantic import ValidationError
    from pydantic_core import PydanticSerializationError

    try:
        plain = ref.config.dump(data)
    except ValidationError as exc:
        raise SchemaError(field_errors(ref, exc, "nothing was sent")) from exc
    except PydanticSerializationError as exc:
        raise SchemaError(f"data for {ref.label} does not fit {_type_name(ref.config.type)}: {exc}") from exc
    except (ValueError, RecursionError) as exc:  # values in values without end
        raise PayloadError(f"data for {ref.label} is not JSON: {exc}") from exc
    text = _encode(ref, plain, data)
    if len(text) > MAX_DATA_BYTES:
        raise PayloadError(
            f"data for {ref.label} is {len(text):,} bytes of JSON, and a message carries at most {MAX_DATA_BYTES:,}; "
            "publish it in pieces, or publish where it can be fetched"
        )
    return text.decode()


def _adapter(schema: object) -> TypeAdapter[Any]:
    from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter

    if schema is None or isinstance(schema, str):
        raise TypeError(f"{schema!r} is not a schema; give a pydantic model, a type or static_schema(T)")
    try:
        return TypeAdapter(cast("Any", schema))
    except (PydanticSchemaGenerationError, PydanticUserError) as exc:
        reason = str(exc).splitlines()[0]
        raise TypeError(
            f"{_type_name(schema)} is not a schema ({reason}); use static_schema(T) to skip validation"
        ) from exc


def _encode(ref: TopicRef[Any], plain: object, data: object) -> bytes:
    try:
        text = orjson.dumps(plain, default=_as_json, option=_JSON_OPTIONS)
    except (orjson.JSONEncodeError, RecursionError) as exc:
        raise PayloadError(f"data for {ref.label} is not JSON: {exc}") from exc
    # pydantic and orjson write NaN and infinity as null, so only a text with a null in it can hide one.
    if b"null" in text and (path := next(_not_finite(ref.config.numbers(data), "data"), None)) is not None:
        raise PayloadError(f"data for {ref.label} is not JSON: {path} is NaN or infinite; send None or a string")
    return text


def _as_json(value: object) -> object:
    """Return what orjson cannot write itself: models in static topics, NumPy values, sets."""
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if (tolist := getattr(value, "tolist", None)) is not None:  # NumPy scalars and arrays, pandas series
        return tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _not_finite(value: object, path: str) -> Iterator[str]:
    if isinstance(value, float):
        if not math.isfinite(value):
            yield path
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _not_finite(item, f"{path}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _not_finite(item, f"{path}[{index}]")
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _not_finite(getattr(value, field.name), f"{path}.{field.name}")
    elif value is not None and not isinstance(value, (str, int)):
        try:
            yield from _not_finite(_as_json(value), path)
        except TypeError:
            return  # dates, uuids, enums: orjson wrote them as strings


def field_errors(ref: TopicRef[Any], exc: ValidationError, outcome: str) -> str:
    """Say which fields of data do not fit a topic, and what became of it."""
    errors = exc.errors(include_url=False)
    lines = [
        f"  {_path(error['loc'])}: {error['msg']}, got {_short(error['input'])}" for error in errors[:_SHOWN_ERRORS]
    ]
    if len(errors) > _SHOWN_ERRORS:
        lines.append(f"  and {len(errors) - _SHOWN_ERRORS} more")
    return "\n".join([f"data for {ref.label} does not fit {_type_name(ref.config.type)}; {outcome}", *lines])


def _path(location: tuple[int | str, ...]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".") or "data"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_INPUT else text[: _SHOWN_INPUT - 1] + "…"


def _type_name(type_: object) -> str:
    return getattr(type_, "__name__", None) or repr(type_)
