"""What an event must be, and the ids that events get."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import inngest
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest_nb.engine.flow.events import MAX_EVENT_BYTES, validate_event
from inngest_nb.engine.flow.ids import parse_seed
from inngest_nb.errors import EventInvalidError
from inngest_nb.event import Event
from inngest_nb.xxh64 import base36, xxh64
from tests.unit.vectors import cases, label

NOW_MS = 1_760_000_000_123
#: Accepted by the server, although it says itself that ts ends in the year 2100; a delay until then could not be kept.
BEYOND_ALL_CLOCKS = '{"name":"a","ts":9999999999999999}'


def bodies(case: dict[str, Any]) -> list[Any] | None:
    """The events of a request, or None where the text of the request is the point: its JSON is for the route to read."""
    generators: dict[str, Callable[[dict[str, Any]], list[Any]]] = {
        "pad_single": lambda spec: [padded(spec["event_bytes"])],
        "pad_array": lambda spec: [padded(spec["event_bytes"])],
        "count": lambda spec: [{"name": "a"}] * spec["count"],
        "name_length": lambda spec: [{"name": "a" * spec["chars"]}],
    }
    if "body_generator" in case["input"]:
        spec = case["input"]["body_generator"]
        return generators[spec["kind"]](spec)
    try:
        found = json.loads(case["input"]["body"])
    except ValueError:
        return None
    return found if isinstance(found, list) else [found]


def padded(size: int) -> dict[str, Any]:
    """An event of exactly this many bytes."""
    return {"name": "a", "data": {"p": "x" * (size - len('{"name":"a","data":{"p":""}}'))}}


def is_an_event(case: dict[str, Any]) -> bool:
    text = case["input"].get("body", "")
    # the route's business: text that is not JSON, doubled keys, half of a surrogate pair, and -0 and big numbers as doubles
    about_text = any(
        part in text for part in ('"data":{"x":1},"data"', "\\ud83d\\u", '\\ud83d"', "1e400", "12345678901234567890")
    )
    return bodies(case) is not None and not about_text


@pytest.mark.parametrize(
    "case", [case for case in cases("batch_debounce_misc", "event_ingest") if is_an_event(case)], ids=label
)
def test_accepts_what_the_server_accepts(case: dict[str, Any]) -> None:
    accepted: list[dict[str, Any]] = []
    error: EventInvalidError | None = None
    for event in bodies(case) or []:
        try:
            accepted.append(validate_event(event, now_ms=NOW_MS))
        except EventInvalidError as exc:
            error = exc
            break
    if case["input"].get("body") == BEYOND_ALL_CLOCKS:
        assert "not between 1980 and 2100" in str(error)
        return
    assert (error is None) is case["expected"]["ok"]
    assert len(accepted) == case["expected"]["accepted_count"]
    for ours, theirs in zip(
        accepted, case["expected"].get("accepted", []), strict=False
    ):  # not recorded for generated ones
        assert {"user": {}, "id": "<internal id>", **ours} == theirs


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"data": {}}, "the event has no name; give it one such as"),
        ({"name": 5}, "the name of the event must be a text, not a int"),
        ({"name": "InnGest/x"}, "'InnGest/x', begins with inngest/, which is reserved"),
        ({"name": "a", "data": [1]}, "the data of the event ('a') must be an object, not a list"),
        (
            {"name": "a", "data": {"x": {1, 2}}},
            "the event ('a') must be JSON: $.data.x is of type set, which is not JSON",
        ),
        ({"name": "a", "data": {"x": float("nan")}}, "$.data.x is nan, which JSON cannot hold"),
        (
            {"name": "a", "ts": 1_760_000_000},
            "is not between 1980 and 2100 in milliseconds since 1970; it looks like seconds, multiply by 1000",
        ),
        ({"name": "a", "ts": 1.5}, "must be whole milliseconds since 1970, not 1.5"),
        ({"name": "a", "id": 7}, "the id of the event ('a') must be a text, not a int"),
        ({"name": "a", "user": "me"}, "the user of the event ('a') must be an object, not a str"),
        (padded(MAX_EVENT_BYTES + 1), f"has {MAX_EVENT_BYTES + 1} bytes, at most {MAX_EVENT_BYTES} are possible"),
        ("a", "the event must be an object with a name and data, not a str"),
    ],
)
def test_errors_say_what_and_where(event: Any, says: str) -> None:
    with pytest.raises(EventInvalidError) as caught:
        validate_event(event, now_ms=NOW_MS)
    assert says in str(caught.value)


def test_errors_name_the_event_of_a_list() -> None:
    with pytest.raises(EventInvalidError, match="event 3 has no name"):
        validate_event({}, now_ms=NOW_MS, position=3)


def test_whole_numbers_stay_whole() -> None:
    """Inngest makes doubles of all numbers as it reads them; a Python handler gets back the number that was sent."""
    assert validate_event({"name": "a", "data": {"n": 2**63 + 1}}, now_ms=NOW_MS)["data"] == {"n": 2**63 + 1}


def test_internal_events_may_use_reserved_names() -> None:
    event = {"name": "inngest/function.failed", "data": {"_inngest": {"status": "Failed"}}}
    assert validate_event(event, now_ms=NOW_MS, internal=True) == {**event, "ts": NOW_MS}


@pytest.mark.parametrize("case", cases("batch_debounce_misc", "seeded_id"), ids=label)
def test_seeded_ids(case: dict[str, Any]) -> None:
    seed = parse_seed(case["input"]["header"])
    assert (seed is not None) is case["expected"]["valid"]
    assert seed is None or seed.ulid(case["input"]["index"]) == case["expected"]["id"]


@given(st.text(max_size=40))
def test_any_header_is_a_seed_or_none(header: str) -> None:
    assert parse_seed(header) is None or len(header) > 16


@pytest.mark.parametrize("case", cases("batch_debounce_misc", "hash36"), ids=label)
def test_xxhash(case: dict[str, Any]) -> None:
    assert base36(xxh64(case["input"]["text"].encode())) == case["expected"]["xxhash64_base36"]


def test_xxhash_of_long_texts() -> None:
    assert xxh64(b"Nobody inspects the spammish repetition") == 0xFBCEA83C8A378BF1


def test_an_event_takes_what_the_official_one_takes() -> None:
    known: dict[str, Any] = {"name": "app/a", "data": {"n": 1}, "id": "x", "ts": 5, "colour": "red"}
    ours, theirs = Event(**known), inngest.Event(**known)
    assert (ours.name, ours.data, ours.id, ours.ts) == (theirs.name, theirs.data, theirs.id, theirs.ts)
