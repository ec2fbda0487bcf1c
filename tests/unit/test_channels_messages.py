"""Messages on the wire, and which of them stand after rollbacks."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest_nb.realtime import Message, fold_rollbacks, text_piece

NOW = dt.datetime(2026, 11, 21, 10, 2, 27, 1243, tzinfo=dt.UTC)


def message(offset: int, data: Any = None, **fields: Any) -> Message:
    return Message(**{"channel": "ai:1", "topic": "tokens", "data": data, "created_at": NOW, "offset": offset} | fields)


def rollback(offset: int, step: str = "generate", run: str = "r1", kind: str = "rollback") -> Message:
    about = {"run_id": run, "step_id": step, "hash": "h", "attempt": 0}
    return message(offset, about, kind=kind, topic="$step")


def token(offset: int, step: str | None = "generate", run: str = "r1") -> Message:
    return message(offset, {"token": str(offset)}, run_id=run, step_id=step, attempt=0)


def standing(*messages: Message) -> list[int | None]:
    return [kept.offset for kept in fold_rollbacks(messages)]


def test_the_wire_form_leaves_out_what_is_not_set() -> None:
    assert message(3, {"token": "a"}).to_wire() == {
        "channel": "ai:1",
        "topic": "tokens",
        "kind": "data",
        "data": {"token": "a"},
        "created_at": "2026-11-21T10:02:27.001243Z",
        "offset": 3,
    }
    assert message(3, run_id="r", attempt=0).to_wire().keys() >= {"run_id", "attempt", "data"}


@given(
    data=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5),
    offset=st.none() | st.integers(min_value=0),
    attempt=st.none() | st.integers(min_value=0),
    created_at=st.datetimes(timezones=st.just(dt.UTC)),
)
def test_a_message_survives_the_wire(
    data: Any, offset: int | None, attempt: int | None, created_at: dt.datetime
) -> None:
    original = Message(
        channel="c", topic="t", data=data, offset=offset, attempt=attempt, created_at=created_at, run_id="r", fn_id="f"
    )
    assert Message.from_wire(original.to_wire()) == original


def test_unknown_keys_on_the_wire_are_ignored() -> None:
    assert Message.from_wire(token(1).to_wire() | {"env_id": "x"}) == token(1)


def test_another_time_zone_is_written_in_utc_and_none_is_refused() -> None:
    east = NOW.astimezone(dt.timezone(dt.timedelta(hours=2)))
    assert message(0, created_at=east).to_wire()["created_at"] == "2026-11-21T10:02:27.001243Z"
    with pytest.raises(ValueError, match="no time zone"):
        message(0, created_at=NOW.replace(tzinfo=None))


def test_the_repr_is_short_whatever_the_data() -> None:
    assert repr(message(12, "Hello")) == "<Message ai:1 tokens #12 data 'Hello'>"
    assert len(repr(message(0, {"text": "x" * 100_000, "list": list(range(10_000))}))) < 250


def test_a_rollback_voids_what_its_step_had_published() -> None:
    assert standing(token(0, step=None), token(1), token(2), rollback(3), token(4)) == [0, 4]


def test_a_rollback_leaves_other_steps_runs_and_channels_alone() -> None:
    elsewhere = message(7, {"token": "x"}, channel="ai:2", run_id="r1", step_id="generate")
    assert standing(token(0), token(1, step="other"), token(2, run="r2"), elsewhere, rollback(3)) == [1, 2, 7]


def test_what_was_committed_is_not_voided_by_a_later_execution_of_the_same_id() -> None:
    assert standing(token(0), rollback(1, kind="commit"), token(2), rollback(3)) == [0]


def test_two_rollbacks_in_a_row_void_nothing_twice() -> None:
    assert standing(token(0), rollback(1), rollback(2), token(3)) == [3]


def test_lifecycle_messages_are_not_part_of_a_transcript() -> None:
    assert standing(message(0, {}, kind="run"), message(1, {}, kind="step"), token(2), message(3, {}, kind="gap")) == [
        2
    ]


@pytest.mark.parametrize(
    ("data", "field", "piece"),
    [
        ("lo", None, "lo"),
        ({"token": "Hel"}, None, "Hel"),
        ({"delta": "a", "token": ""}, None, ""),
        ({"token": 3, "content": "x"}, None, "x"),
        ({"n": 1}, None, None),
        ({"line": "x"}, "line", "x"),
        ({"token": "x"}, "line", None),
        ("lo", "line", None),
        ([1], None, None),
    ],
)
def test_the_text_of_a_message(data: Any, field: str | None, piece: str | None) -> None:
    assert text_piece(data, field) == piece
