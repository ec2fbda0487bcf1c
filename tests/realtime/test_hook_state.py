"""The reducer of the hook: application rules as tables, and what must hold for any sequence of messages."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest_nb.hooks.state import HookState, flush, lifecycle, receive
from inngest_nb.realtime import Message, fold_rollbacks

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
STEP = {"run_id": "r1", "step_id": "s1"}


def message(offset: int, data: Any = None, **fields: Any) -> Message:
    given: dict[str, Any] = {"channel": "c", "topic": "t", "offset": offset, "created_at": NOW}
    return Message(**(given | {"data": offset if data is None else data} | fields))


def mark(offset: int, kind: str, **fields: Any) -> Message:
    return message(offset, dict(STEP) | fields, kind=kind, topic="$step", **STEP | fields)


def after(*messages: Message, limit: int | None = None, is_buffered: bool = False) -> HookState:
    state = HookState()
    for one in messages:
        state = receive(state, one, limit=limit, is_buffered=is_buffered)
    return state


def data(messages: list[Message]) -> list[Any]:
    return [one.data for one in messages]


LIFECYCLES = [
    ({"status": "running"}, "running", False),
    ({"status": "IN_PROGRESS"}, "running", False),
    ({"state": "Complete"}, "completed", False),
    ({"runStatus": "succeeded", "output": 1}, "completed", 1),
    ({"status": "success", "output": None}, "completed", None),
    ({"status": "completed", "result": {"a": 1}}, "completed", {"a": 1}),
    ({"status": "completed", "result": None, "output": 2}, "completed", None),
    ({"status": "failed", "output": 2}, "failed", False),
    ({"status": "error", "result": 3}, "failed", 3),
    ({"status": "canceled"}, "cancelled", False),
    ({"status": "cancelled"}, "cancelled", False),
    ({"runStatus": "whatever", "status": "failed"}, "failed", False),
    ({"status": "queued"}, None, False),
    ({"status": 5}, None, False),
    ({"result": 4}, None, 4),
    ("completed", None, False),
    (None, None, False),
    ([], None, False),
]


@pytest.mark.parametrize(("told", "status", "result"), LIFECYCLES)
def test_lifecycle(told: Any, status: str | None, result: Any) -> None:
    before = HookState(run_status="running", result="before")
    state = receive(
        before, message(0, told or {}, kind="run") if told != [] else message(0, [], kind="run"), limit=None
    )
    assert lifecycle(told).status == status
    assert state.run_status == (status or "running")
    assert state.result == ("before" if result is False else result)
    assert state.messages is before.messages


def test_a_run_is_running_when_it_publishes_not_when_somebody_connects() -> None:
    assert after(message(0)).run_status == "unknown"
    assert after(message(0, run_id="r1")).run_status == "running"
    ended = receive(HookState(run_status="completed"), message(0, run_id="r1"), limit=None)
    assert ended.run_status == "completed"


def test_unbuffered_every_message_is_a_delta_of_its_own() -> None:
    state = HookState()
    for offset in range(5):
        state = receive(state, message(offset), limit=3)
        assert data(state.messages.delta) == [offset]
    assert data(state.messages.all) == [2, 3, 4]
    assert state.messages.last is not None
    assert state.messages.last.data == 4


def test_buffered_by_topic_is_ahead_and_the_rest_waits_for_the_flush() -> None:
    state = after(message(0), message(1, topic="u"), message(2), is_buffered=True)
    assert {topic: one.data for topic, one in state.messages.by_topic.items()} == {"t": 2, "u": 1}
    assert (state.messages.all, state.messages.last, state.messages.delta) == ([], None, [])
    shown = flush(state, limit=2)
    assert (data(shown.messages.all), data(shown.messages.delta)) == ([1, 2], [0, 1, 2])
    assert flush(shown, limit=2) is shown


@pytest.mark.parametrize(("limit", "kept"), [(None, [0, 1, 2]), (2, [1, 2]), (0, []), (-1, [])])
def test_history_limit(limit: int | None, kept: list[int]) -> None:
    state = after(message(0), message(1), message(2), limit=limit)
    assert data(state.messages.all) == kept
    assert state.messages.last is not None


def test_a_rollback_takes_away_what_its_attempt_published() -> None:
    state = after(message(0), message(1, "Hel", **STEP), message(2, "lo", topic="u", **STEP), mark(3, "rollback"))
    assert data(state.messages.all) == [0]
    assert {topic: one.data for topic, one in state.messages.by_topic.items()} == {"t": 0}
    assert [one.kind for one in state.messages.delta] == ["rollback"]
    assert state.messages.last is state.messages.all[0]


def test_a_rollback_leaves_what_was_committed_and_what_others_published() -> None:
    kept = [message(0, "kept", **STEP), mark(1, "commit"), message(2, "other", run_id="r2", step_id="s1")]
    state = after(
        *kept, message(3, "void", **STEP), mark(4, "rollback"), message(5, "again", **STEP), mark(6, "commit")
    )
    assert data(state.messages.all) == ["kept", "other", "again"]
    assert data(state.messages.delta) == ["again"], "a commit is no news for those who show messages"


def test_a_gap_is_shown_and_is_of_no_topic() -> None:
    state = after(message(7, {"from": 7, "lost": 3}, kind="gap", topic="$gap"))
    assert [one.kind for one in state.messages.all] == ["gap"]
    assert state.messages.by_topic == {}


# -- for any sequence ----------------------------------------------------------------------------

KINDS = st.sampled_from(["data", "data", "data", "rollback", "commit", "run", "gap", "flush"])
EVENTS = st.lists(st.tuples(KINDS, st.sampled_from(["t", "u"]), st.sampled_from([None, "s1", "s2"])), max_size=40)


def played(
    events: list[tuple[str, str, str | None]], *, limit: int | None, is_buffered: bool
) -> tuple[list[Message], list[HookState]]:
    sent: list[Message] = []
    states = [HookState()]
    for kind, topic, step in events:
        if kind == "flush":
            states.append(flush(states[-1], limit=limit))
            continue
        about = {} if step is None else {"run_id": "r1", "step_id": step}
        offset = len(sent)
        if kind == "data":
            one = message(offset, topic=topic, **about)
        elif kind in ("rollback", "commit"):
            one = mark(offset, kind, step_id=step or "s1")
        else:
            one = message(offset, {"status": "running"}, kind=kind, topic=f"${kind}")
        sent.append(one)
        states.append(receive(states[-1], one, limit=limit, is_buffered=is_buffered))
    states.append(flush(states[-1], limit=limit))
    return sent, states


@given(EVENTS, st.booleans())
def test_all_is_what_stands(events: list[tuple[str, str, str | None]], is_buffered: bool) -> None:
    sent, states = played(events, limit=None, is_buffered=is_buffered)
    standing = [one for one in states[-1].messages.all if one.kind == "data"]
    assert standing == fold_rollbacks(sent)
    newest = {one.topic: one for one in standing}
    assert dict(states[-1].messages.by_topic) == newest
    assert states[-1].buffer == ()


@given(EVENTS, st.booleans(), st.sampled_from([None, 0, 1, 3]))
def test_every_message_is_in_one_delta_in_order(
    events: list[tuple[str, str, str | None]], is_buffered: bool, limit: int | None
) -> None:
    sent, states = played(events, limit=limit, is_buffered=is_buffered)
    deltas = [b.messages.delta for a, b in itertools.pairwise(states) if a.messages.delta is not b.messages.delta]
    assert list(itertools.chain(*deltas)) == [one for one in sent if one.kind not in ("run", "commit")]


@given(EVENTS, st.booleans(), st.integers(0, 5))
def test_a_limit_keeps_the_newest_of_what_stands(
    events: list[tuple[str, str, str | None]], is_buffered: bool, limit: int
) -> None:
    _, states = played(events, limit=limit, is_buffered=is_buffered)
    _, unlimited = played(events, limit=None, is_buffered=is_buffered)
    offsets = [one.offset for one in states[-1].messages.all]
    assert len(offsets) <= limit
    assert set(offsets) <= {one.offset for one in unlimited[-1].messages.all}
    assert offsets == sorted(offsets)  # type: ignore[type-var]


@given(EVENTS)
def test_states_are_never_changed(events: list[tuple[str, str, str | None]]) -> None:
    _, states = played(events, limit=None, is_buffered=False)
    seen = [(list(state.messages.all), list(state.messages.delta), dict(state.messages.by_topic)) for state in states]
    _, again = played(events, limit=None, is_buffered=False)
    assert [(s.messages.all, s.messages.delta, s.messages.by_topic) for s in again] == seen
