"""A file written for the official SDK runs here after its import was changed, and there after it was changed back."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import inngest_nb as inngest
from inngest_nb.testing import TestEngine

FILE = Path(__file__).with_name("official_functions.py")
ORDER = inngest.Event(name="shop/order", data={"id": 7, "shop": "s"})
PAID = inngest.Event(name="shop/paid", data={"id": 7})


@pytest.fixture
def shop(engine: TestEngine) -> Iterator[types.ModuleType]:
    """The file, imported where the engine under test is in use."""
    name = "tests.sdk.official_functions"
    sys.modules.pop(name, None)
    yield importlib.import_module(name)
    del sys.modules[name]


def test_every_tool_works(engine: TestEngine, shop: types.ModuleType) -> None:
    engine.send(ORDER)
    (run,) = engine.runs(shop.order)
    result = engine.finish(run, script=[PAID])
    assert result.error is None
    assert result.output == 2 * (8 + 3 + 1 + 2 + 2)  # doubled by the function's middleware
    ids = [step.id for step in result.steps]
    assert ids == ["price", "pause", "until", "paid", "a", "b", "send", "total"]
    (total,) = engine.runs(shop.day_total)
    assert total.output == {"day": "2026-01-02", "amount": 11}


def test_the_failure_handler_gets_the_event_of_the_failed_run(engine: TestEngine, shop: types.ModuleType) -> None:
    result = engine.finish(engine.start(shop.order, ORDER))  # nobody pays
    assert result.status == "failed"
    assert result.error is not None
    assert (result.error["code"], result.error["name"]) == ("non_retriable_error", "NonRetriableError")
    assert result.on_failure is not None
    assert result.on_failure.output == "inngest/function.failed: not paid"
    (handled,) = (run for run in engine.runs() if run.function_id == shop.order.on_failure_fn_id)
    data = handled.event.data
    assert (data["function_id"], data["run_id"]) == ("shop-order", result.run_id)
    assert (data["event"]["name"], data["event"]["data"]) == ("shop/order", ORDER.data)
    assert [event["name"] for event in data["events"]] == ["shop/order"]
    assert data["error"]["name"] == "NonRetriableError"


def test_the_options_are_registered_as_the_official_sdk_registers_them(shop: types.ModuleType) -> None:
    official = pytest.importorskip("inngest")
    theirs = types.ModuleType("official_functions")
    exec(compile(FILE.read_text().replace("inngest_nb as inngest", "inngest"), FILE, "exec"), vars(theirs))
    for name in ("order", "day_total"):
        registered = vars(theirs)[name].get_config("http://app").main.to_dict()
        assert isinstance(registered, dict)
        theirs_options = official._internal.transforms.deep_strip_none(registered)
        ours = vars(shop)[name].config()
        retries = theirs_options["steps"]["step"]["retries"]["attempts"]
        assert (ours["id"], ours["name"], ours["retries"]) == (theirs_options["id"], theirs_options["name"], retries)
        assert ours["triggers"] == theirs_options["triggers"]
        assert ours["options"] == {
            key: value for key, value in theirs_options.items() if key not in ("id", "name", "steps", "triggers")
        }
