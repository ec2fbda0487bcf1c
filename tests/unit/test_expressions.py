"""Expressions against what Inngest's server answered, and where ours deliberately answers otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from inngest_nb import expressions
from inngest_nb.errors import ExpressionError
from inngest_nb.expressions.values import go_text, type_of
from inngest_nb.times import Timestamp, parse_date
from tests.unit.vectors import cases, label, load

EVENTS: dict[str, Any] = load("cel")["events"]

#: Inngest decodes no escape and reads raw, byte and triple-quoted strings as names that are never there. Ours decodes
#: them as CEL says, which is what their author meant. Expression to what ours gives.
DECODED_STRINGS: dict[str, object] = {
    "'a\\nb'": "a\nb",
    "'a\\tb'": "a\tb",
    "'\\x41'": "A",
    "'\\101'": "A",
    "size('a\\nb')": 3,
    "r'a\\nb'": "a\\nb",
    "b'abc'": b"abc",
    '"""abc"""': "abc",
    "string(b'abc')": "abc",
    "bytes('abc') == b'abc'": True,
    'event.data.quote == "say \\"hi\\""': True,
    "event.data.apos == 'it\\'s'": True,
    "event.data.bs == r'a\\b'": True,
    'event.data.nl == "a\\nb"': True,
}
#: Names of types in the vectors that differ from CEL's own.
TYPES = {
    "null_type": "null",
    "google.protobuf.Timestamp": "timestamp",
    "google.protobuf.Duration": "duration",
    "type": "string",
}


def deviation(text: str) -> object:
    """What ours gives where Inngest does not decode a string; KeyError elsewhere."""
    if text.startswith("event.data.nl != 'x0' && ") and text.endswith("event.data.nl == 'a\\nb'"):
        return True  # the case "27th literal has escape"
    return DECODED_STRINGS[text]


def is_deviation(text: str) -> bool:
    try:
        deviation(text)
    except KeyError:
        return False
    return True


@pytest.mark.parametrize("case", cases("cel", "evaluate"), ids=label)
def test_evaluates_as_the_server_does(case: dict[str, Any]) -> None:
    given, expected = case["input"], case["expected"]
    event, async_event = EVENTS[given["event"]], EVENTS.get(given.get("async"))
    if is_deviation(given["expression"]):
        assert expressions.compile(given["expression"]).evaluate(event, async_event) == deviation(given["expression"])
        return
    if expected["error"]:
        with pytest.raises(ExpressionError):
            expressions.matches(given["expression"], event, async_event)
        return
    value = expressions.compile(given["expression"]).evaluate(event, async_event)
    kind = type_of(value)
    assert (TYPES.get(kind, kind), go_text(value)) == (expected["type"], expected["text"])
    assert expressions.matches(given["expression"], event, async_event) is expected["match"]


@pytest.mark.parametrize("case", [c for c in cases("cel") if "registers" in c["expected"]], ids=label)
def test_registration_refuses_what_the_server_refuses(case: dict[str, Any]) -> None:
    text, expected = case["input"]["expression"], case["expected"]
    for strict, wanted in ((False, expected["registers"]), (True, expected["registers_strict"])):
        if wanted:
            expressions.check(text, variables=("event", "async", "vars"), strict=strict)
        else:
            with pytest.raises(ExpressionError):
                expressions.check(text, variables=("event", "async", "vars"), strict=strict)


@pytest.mark.parametrize("case", cases("cel", "key"), ids=label)
def test_keys_have_the_server_s_text(case: dict[str, Any]) -> None:
    text, event, expected = case["input"]["expression"], EVENTS[case["input"]["event"]], case["expected"]
    if is_deviation(text):
        assert expressions.key(text, event) == deviation(text)
        return
    assert expressions.key(text, event) == expected["concurrency_key_text"] == expected["throttle_key_text"]
    assert expected["rate_limit"] == expected["singleton"]
    if expected["rate_limit"] == "error":
        with pytest.raises(ExpressionError):
            expressions.key_or_off(text, event)
    else:
        assert expressions.key_or_off(text, event) == (
            None if expected["rate_limit"] == "off" else expressions.key(text, event)
        )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("asnc.data.x == 1", "unknown name 'asnc', expected async or event; did you mean 'async'?"),
        ("event.data.s.conains('x')", "unknown function 'conains'; did you mean 'contains'?"),
        ("event.data.x ==", "expected a value, found the end"),
        ("event.data.x == 1 &&\n  event.data.y = 2", "line 2, column 16"),
        ("event.data.s == 'it''s'", "a string cannot stand directly before this"),
        ("event.data.s == 'it", "has no closing '"),
        ("size(event.data.a, 1) > 1", "size() takes 1 argument(s), this one has 2"),
        ("event.data.in == 1", "'in' is a reserved word; write ['in']"),
        ("", "an expression is empty"),
    ],
)
def test_errors_say_what_where_and_what_to_do(text: str, says: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        expressions.check(text, variables=("event", "async"))
    assert says in str(caught.value)


def test_a_caret_points_at_the_fault() -> None:
    with pytest.raises(ExpressionError) as caught:
        expressions.check("event.data.a == 1 && evnt.data.b == 2", variables=("event",))
    _, line, caret = str(caught.value).splitlines()
    assert line[caret.index("^") :].startswith("evnt")


def test_cancel_conditions_name_the_way_out() -> None:
    with pytest.raises(ExpressionError, match="cannot be used in a cancel condition; use comparisons"):
        expressions.check("async.data.name.contains('x')", variables=("event", "async"), strict=True)


def test_limits_are_clear_errors() -> None:
    with pytest.raises(ExpressionError, match="100000 characters"):
        expressions.compile("1" * 100_001)
    with pytest.raises(ExpressionError, match="250 deep"):
        expressions.compile("(" * 250 + "true" + ")" * 250)
    for deep in (" + ".join(["event.data.n"] * 200), "event.data.s" + ".size()" * 200):
        with pytest.raises(ExpressionError, match="200 deep"):
            expressions.compile(deep)


def test_what_is_within_the_limits_works_under_a_notebook_s_stack() -> None:
    def below(frames: int) -> None:
        if frames:
            below(frames - 1)
            return
        for text in (
            "(" * 249 + "event.data.n" + ")" * 249,
            "!(" * 198 + "event.data.ok" + ")" * 198,
            "[" * 198 + "async.data.n" + "]" * 198,
        ):
            expressions.check(text, variables=("event", "async"))
            expressions.compile(text).evaluate({"data": {"n": 1, "ok": True}}, {"data": {"n": 1}})
            assert expressions.bind(text, {"data": {"n": 1, "ok": True}}).residual

    below(60)


def test_what_is_long_but_flat_has_no_depth() -> None:
    text = " || ".join(f"event.data.s == 'v{n}'" for n in range(3000))
    assert expressions.matches(text, {"data": {"s": "v2999"}})
    path = "event" + ".a" * 10_000
    assert expressions.matches(f"{path} == null", {"a": {}})


def test_the_time_is_an_argument() -> None:
    in_two_hours = expressions.compile("date(event.data.at) > now_plus('1h')")
    event = {"data": {"at": "1970-01-01T02:00:00Z"}}
    assert in_two_hours.matches(event, now_ns=lambda: 0)
    assert not in_two_hours.matches(event, now_ns=lambda: 3600 * 10**9)


def test_a_missing_selection_hides_the_shorter_ones_on_its_way() -> None:
    event = {"data": {"user": {"name": "x"}}}
    assert expressions.matches("event.data.user != null", event)
    assert not expressions.matches("event.data.user != null && event.data.user.id == null", event)


@pytest.mark.parametrize("case", cases("batch_debounce_misc", "date"), ids=label)
def test_dates_in_many_spellings(case: dict[str, Any]) -> None:
    moment = parse_date(case["input"]["text"])
    assert (moment is not None) is case["expected"]["ok"]
    assert moment is None or Timestamp(moment.ns).rfc3339() == case["expected"]["utc"]
