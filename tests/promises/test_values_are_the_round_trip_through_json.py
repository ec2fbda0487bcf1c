"""Promise 4: a value read from a step is the JSON round trip of what the step returned, on the first pass too."""

from __future__ import annotations

import contextlib
import datetime
import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import inngest_nb as inngest
from inngest_nb import RunFailed

TRIGGER = inngest.TriggerEvent(event="promise/go")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


class Echo:
    """Returns the value of the moment from a step, as the body saw it in each of two passes."""

    def __init__(self, client: inngest.Inngest) -> None:
        self.value: Any = None
        self.seen: list[Any] = []

        @client.create_function(fn_id="echo", trigger=TRIGGER, backoff=0.0)
        async def echo(ctx: inngest.Context) -> Any:
            self.seen.append(await ctx.step.run("value", lambda: self.value))
            if len(self.seen) == 1:
                raise RuntimeError("once more, from memos")
            return self.seen[-1]

        self._function = echo

    def __call__(self, value: Any) -> list[Any]:
        """First pass, second pass, the run's output."""
        self.value, self.seen = value, []
        output = self._function.start({}).result(timeout=20)
        return [*self.seen, output]


@pytest.fixture
def echo(client: inngest.Inngest) -> Echo:
    return Echo(client)


@pytest.mark.parametrize(
    ("returned", "read"),
    [
        ((1, (2, 3)), [1, [2, 3]]),
        ({"a": (1,), "b": {"c": None}}, {"a": [1], "b": {"c": None}}),
        ([], []),
        ("", ""),
        (None, None),
        (-0.0, 0.0),
        ("\ud7ff\U0001f600\u0000 zero", "\ud7ff\U0001f600\u0000 zero"),
        (10**15, 10**15),
        (0.1 + 0.2, 0.30000000000000004),
    ],
)
def test_both_passes_see_what_json_makes_of_it(echo: Echo, returned: Any, read: Any) -> None:
    values = echo(returned)
    assert values == [read] * 3
    assert [type(value) for value in values] == [type(read)] * 3


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=JSON)
def test_any_json_comes_back_as_it_is(echo: Echo, value: Any) -> None:
    assert echo(value) == [json.loads(json.dumps(value))] * 3


@pytest.mark.parametrize("value", [{1, 2}, object(), math.nan, b"bytes", datetime.date(2026, 1, 1)])
def test_what_is_not_json_is_refused_or_read_back_alike(echo: Echo, value: Any) -> None:
    values: list[Any] = [None] * 3
    with contextlib.suppress(RunFailed):
        values = echo(value)
    assert values[0] == values[1] == values[2], "the first pass must not see more than the second"
