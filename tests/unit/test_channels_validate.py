"""What is sent for the data of a publish, and what is refused before anything is sent."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import uuid
from typing import Any

import numpy as np
import pydantic
import pytest

from inngest_nb import realtime
from inngest_nb.errors import PayloadError, SchemaError
from inngest_nb.realtime.schemas import MAX_DATA_BYTES


class Step(pydantic.BaseModel):
    name: str
    took: float | None = None


class Status(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(populate_by_name=True)
    message: str
    at: dt.datetime | None = None
    steps: list[Step] = []
    confirmation_uuid: str | None = pydantic.Field(None, alias="confirmationUuid")


def ref(schema: Any) -> realtime.TopicRef[Any]:
    return realtime.TopicRef("chat:t1", "status", realtime.TopicConfig(schema))


def static() -> realtime.TopicRef[Any]:
    return ref(realtime.static_schema(object))


def sent(schema: Any, data: Any) -> Any:
    return json.loads(realtime.validate(ref(schema), data))


def test_a_dict_and_its_model_are_sent_alike() -> None:
    at = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)
    wire = {"message": "hi", "at": "2026-11-21T10:00:00Z", "steps": [], "confirmationUuid": "u1"}
    assert sent(Status, Status(message="hi", at=at, confirmation_uuid="u1")) == wire
    assert sent(Status, {"message": "hi", "at": at, "confirmationUuid": "u1"}) == wire


def test_what_was_sent_loads_as_what_was_published() -> None:
    status = Status(message="hi", steps=[Step(name="a", took=1.5)], confirmation_uuid="u1")
    assert realtime.TopicConfig(Status).load(sent(Status, status)) == status


@pytest.mark.parametrize("text", ["", "plain", '{"json": "in a string"}', "ä😀\x00"])
def test_strings_stay_strings(text: str) -> None:
    assert sent(str, text) == text
    assert json.loads(realtime.validate(static(), text)) == text


@pytest.mark.parametrize(("schema", "data"), [(list[int], [1, 2]), (dict[str, float], {"a": 0.5}), (int | None, None)])
def test_any_type_is_a_schema(schema: Any, data: Any) -> None:
    assert sent(schema, data) == data


def test_the_errors_of_every_field_are_listed_with_path_and_value() -> None:
    with pytest.raises(SchemaError) as caught:
        realtime.validate(ref(Status), {"message": 5, "steps": [{"name": "a"}, {"took": "long"}]})
    said = str(caught.value)
    assert said.startswith("data for topic 'status' of channel 'chat:t1' does not fit Status; nothing was sent")
    assert "\n  message: Input should be a valid string, got 5" in said
    assert "\n  steps[1].name: Field required, got {'took': 'long'}" in said
    assert "\n  steps[1].took: Input should be a valid number" in said


def test_a_long_list_of_errors_and_a_long_value_are_cut() -> None:
    with pytest.raises(SchemaError) as caught:
        realtime.validate(ref(list[int]), ["x" * 500] * 30)
    assert "and 20 more" in str(caught.value)
    assert max(map(len, str(caught.value).splitlines())) < 250


def test_a_model_that_was_changed_into_something_else_is_refused() -> None:
    status = Status(message="hi")
    status.message = 5  # type: ignore[assignment]
    with pytest.raises(SchemaError, match="does not fit Status"):
        realtime.validate(ref(Status), status)


def test_static_topics_check_nothing_but_that_it_is_json() -> None:
    data = {
        "model": Step(name="a"),
        "numpy": np.float32(0.5),
        "array": np.arange(3),
        "id": uuid.UUID(int=1),
        "set": {"b", "a"},
        1: "int key",
        "none": None,
    }
    assert json.loads(realtime.validate(static(), data)) == {
        "model": {"name": "a", "took": None},
        "numpy": 0.5,
        "array": [0, 1, 2],
        "id": "00000000-0000-0000-0000-000000000001",
        "set": ["a", "b"],
        "1": "int key",
        "none": None,
    }


@dataclasses.dataclass
class Reading:
    value: float


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (float("nan"), "data"),
        ({"a": [1.0, float("inf")]}, r"data\.a\[1\]"),
        ({"a": Step(name="x", took=float("-inf"))}, r"data\.a\.took"),
        ({"a": np.array([1.0, np.nan])}, r"data\.a\[1\]"),
        (Reading(float("nan")), r"data\.value"),
    ],
)
def test_numbers_that_json_has_not_are_refused_with_their_path(data: Any, path: str) -> None:
    with pytest.raises(PayloadError, match=f"{path} is NaN or infinite"):
        realtime.validate(static(), data)


def test_numbers_that_json_has_not_are_refused_in_models_too() -> None:
    with pytest.raises(PayloadError, match="took is NaN or infinite"):
        realtime.validate(ref(Step), {"name": "a", "took": float("nan")})


@pytest.mark.parametrize("schema", [Any, object, dict[str, Any], Status | dict[str, Any]])
def test_numbers_that_json_has_not_are_refused_whatever_the_schema(schema: Any) -> None:
    with pytest.raises(PayloadError, match=r"data\.a\[1\] is NaN or infinite"):
        realtime.validate(ref(schema), {"a": [1.5, float("nan")], "b": None})
    assert sent(schema, {"a": [1.5, None]}) == {"a": [1.5, None]}


@pytest.mark.parametrize("schema", [Any, realtime.static_schema(object)])
def test_values_in_values_without_end_are_refused(schema: Any) -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(PayloadError, match="is not JSON"):
        realtime.validate(ref(schema), deep)


@pytest.mark.parametrize("data", [object(), {"f": print}, b"bytes", 2**70, "\ud800"])
def test_what_has_no_json_form_is_refused(data: Any) -> None:
    with pytest.raises(PayloadError, match="data for topic 'status' of channel 'chat:t1' is not JSON"):
        realtime.validate(static(), data)


def test_a_loop_in_the_data_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(PayloadError, match="is not JSON"):
        realtime.validate(static(), loop)


def test_the_largest_message_passes_and_one_byte_more_does_not() -> None:
    assert len(realtime.validate(static(), "x" * (MAX_DATA_BYTES - 2))) == MAX_DATA_BYTES
    with pytest.raises(PayloadError, match=r"is 524,289 bytes of JSON, and a message carries at most 524,288"):
        realtime.validate(static(), "x" * (MAX_DATA_BYTES - 1))


def test_the_size_is_counted_in_bytes() -> None:
    with pytest.raises(PayloadError, match=r"524,290 bytes"):
        realtime.validate(static(), "ä" * (MAX_DATA_BYTES // 2))
