"""Every kind of the vectors has its test, or a reason why nothing of ours answers it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from inngest_nb import Concurrency, Context, Inngest, TriggerEvent
from inngest_nb.engine.flow.config import read_flow
from inngest_nb.engine.functions import from_config
from inngest_nb.errors import FunctionConfigInvalidError
from inngest_nb.testing import TestEngine
from inngest_nb.xxh64 import base36, xxh64
from tests.engine.peer import function
from tests.unit.vectors import cases, label, load

TESTS = Path(__file__).parents[1]
NOT_OURS = {
    "slug": "the server makes an id of a name where an SDK gives none; ours always gives one",
    "app_url": "the server compares the URLs at which apps are served over HTTP; ours are reached by their connection",
    "should_retry": "the server reads HTTP answers of apps; our workers say whether an error may be retried",
    "deterministic_ulid": "the server derives ids of its own queue items",
}
MOST_RETRIES = 20  # more is refused where the function is defined; the server takes it for so many
AS_LISTS = [
    case for case in cases("batch_debounce_misc", "concurrency_decode") if case["input"]["json"].startswith("[")
]


def test_every_kind_is_tested_or_not_ours() -> None:
    kinds = {case["input"]["kind"] for case in load("batch_debounce_misc")["cases"]}
    tests = "".join(path.read_text() for path in TESTS.rglob("test_*.py"))
    tested = set(re.findall(r'cases\("batch_debounce_misc", "(\w+)"', tests))
    assert tested | NOT_OURS.keys() == kinds
    assert not tested & NOT_OURS.keys()


@pytest.mark.parametrize("case", cases("batch_debounce_misc", "retry_count"), ids=label)
def test_attempts(case: dict[str, Any]) -> None:
    retries = case["input"]["retries"]
    if retries > MOST_RETRIES:
        with pytest.raises(FunctionConfigInvalidError, match="from 0 to 20"):
            from_config(function(retries=retries), paused=False)
        retries = MOST_RETRIES
    assert from_config(function(retries=retries), paused=False).max_attempts == case["expected"]["max_attempts"]


@pytest.mark.filterwarnings("ignore:.*foo")  # the server takes an unknown name silently, we warn
@pytest.mark.parametrize("case", AS_LISTS, ids=label)
def test_limits_of_concurrency(case: dict[str, Any]) -> None:
    """As the official SDK registers them: a list. Numbers alone and objects are forms of others."""
    given, expected = json.loads(case["input"]["json"]), case["expected"]
    decoded = read_flow({"concurrency": given}).concurrency
    assert [(limit.limit, limit.key) for limit in decoded] == [
        (limit["limit"], limit.get("key")) for limit in expected["limits"]
    ]
    assert [base36(xxh64(limit.key.encode())) if limit.key is not None else "" for limit in decoded] == [
        limit["hash"] for limit in expected["limits"]
    ]
    assert _is_valid(given) is expected["valid"]


def _is_valid(given: list[dict[str, Any]]) -> bool:
    async def handler(ctx: Context) -> None:
        """It is not called."""

    limits = [Concurrency(**item) for item in given]
    with TestEngine():
        define = Inngest(app_id="app").create_function
        try:
            define(fn_id="fn", trigger=TriggerEvent(event="app/go"), concurrency=limits)(handler)
        except FunctionConfigInvalidError:
            return False
    return True
