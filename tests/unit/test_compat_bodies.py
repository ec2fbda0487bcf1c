"""Bodies of intake requests, read as Inngest's server was recorded to read them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inngest_nb_server.compat.bodies import Batch, read_batch

from inngest_nb.engine.flow.events import MAX_EVENT_BYTES, MAX_EVENTS
from tests.unit.vectors import cases, label

NOW_MS = 1_760_000_000_123
#: What is read otherwise here, on purpose: the body, what is accepted, and why.
DIFFERENT: dict[str, tuple[list[dict[str, Any]], bool]] = {
    # a body that was cut off is said to be, after the events before the cut
    '[{"name":"a"}': ([{"name": "a", "data": {}, "ts": NOW_MS}], False),
    # the year 318857: a delay until then could not be kept
    '{"name":"a","ts":9999999999999999}': ([], False),
    # of two values of one name the last counts; Go merges objects
    '{"name":"a","data":{"x":1},"data":{"y":2}}': ([{"name": "a", "data": {"y": 2}, "ts": NOW_MS}], True),
    # numbers stay as they were sent
    '{"name":"a","data":{"n":12345678901234567890}}': (
        [{"name": "a", "data": {"n": 12345678901234567890}, "ts": NOW_MS}],
        True,
    ),
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
EVENT = st.fixed_dictionaries(
    {"name": st.text(min_size=1, max_size=20)},
    optional={"data": JSON, "id": JSON, "ts": JSON, "user": JSON, "v": JSON, "meta": JSON, "more": JSON},
)


def body_of(case: dict[str, Any]) -> bytes:
    """The request of a vector."""
    spec = case["input"].get("body_generator")
    if spec is None:
        return str(case["input"]["body"]).encode()
    if spec["kind"] == "count":
        return json.dumps([{"name": "a"}] * spec["count"]).encode()
    if spec["kind"] == "name_length":
        return json.dumps({"name": "a" * spec["chars"]}).encode()
    frame = '{"name":"a","data":{"p":""}}'
    event = frame.replace('""', f'"{"x" * (spec["event_bytes"] - len(frame))}"')
    return (event if spec["kind"] == "pad_single" else f"[{event}]").encode()


@pytest.mark.parametrize("case", cases("batch_debounce_misc", "event_ingest"), ids=label)
async def test_reads_what_the_server_reads(case: dict[str, Any]) -> None:
    batch = await read_batch(body_of(case), now_ms=NOW_MS)
    expected = case["expected"]
    accepted, ok = DIFFERENT.get(case["input"].get("body", ""), (expected.get("accepted"), expected["ok"]))
    assert (batch.fault is None) is ok, batch.fault
    if accepted is None:
        assert len(batch.events) == expected["accepted_count"]
    else:
        assert [_full(event) for event in batch.events] == [_full(event) for event in accepted]


def _full(event: dict[str, Any]) -> dict[str, Any]:
    return {"user": {}, "id": "<internal id>", **event}


@pytest.mark.parametrize(
    ("body", "accepted", "says"),
    [
        (b"", 0, None),
        (b"hello", 0, "must contain an event object or an array"),
        (b'{"name":"a/b","data":{', 0, "unexpected end of JSON input"),
        (b'{"name":"a', 0, "unexpected end of JSON input"),
        (b'{"name":"a"}x', 0, "invalid character 'x' after top-level value, at character 12"),
        (b'[{"name":"a"},]', 1, "invalid character ']' looking for beginning of value, at character 14"),
        (b'[{"name":"a"} {"name":"b"}]', 1, "invalid character '{' after array element"),
        (b'[{"name":"a"}]]', 1, "invalid character ']' after top-level value"),
        (b'[{"name":"a"},{"name":"inngest/x"},{"name":"c"}]', 1, "'inngest/x', begins with inngest/"),
        (b'[{"name":"a"},"b"]', 1, "event 1 must be an object"),
        (b'{"name":"a","data":{"x":NaN}}', 0, "NaN is not JSON"),
        (b'{"name":"a","data":{"x":1e999}}', 0, "$.data.x is inf"),
        (b'{"name":"a","data":{"x":%s}}' % (b"9" * 5000), 0, "cannot be read"),
        (b'{"name":"a","data":{"x":%s%s}}' % (b"[" * 3000, b"]" * 3000), 0, "cannot be read"),
        (b'{"name":"\xff"}', 1, None),
        (b"[" + b'{"name":"a"},' * MAX_EVENTS + b'{"name":"a"}]', MAX_EVENTS, "more than 5000 events"),
        (b'{"name":"a","data":{"x":"%s"}}' % (b"y" * MAX_EVENT_BYTES), 0, "over the max size: Max 3145728 bytes"),
    ],
)
async def test_says_what_is_wrong_and_where(body: bytes, accepted: int, says: str | None) -> None:
    batch = await read_batch(body, now_ms=NOW_MS)
    assert len(batch.events) == accepted
    assert (says or "") in (batch.fault or "")
    assert (batch.fault is None) is (says is None)


@given(st.lists(EVENT, max_size=5), st.booleans())
async def test_any_events_are_read_or_refused(events: list[dict[str, Any]], spaced: bool) -> None:
    body = json.dumps(events, indent=1 if spaced else None).encode()
    batch = await read_batch(body, now_ms=NOW_MS)
    assert len(batch.events) == len(events) or batch.fault
    assert [event["name"] for event in batch.events] == [event["name"] for event in events][: len(batch.events)]


@given(st.binary(max_size=300))
async def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    assert isinstance(await read_batch(body, now_ms=NOW_MS), Batch)
