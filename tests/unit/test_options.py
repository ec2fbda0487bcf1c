"""The options of a function: their values, their registered form, and what registration refuses."""

from __future__ import annotations

import datetime
from typing import Any

import pydantic
import pytest

from inngest_nb.errors import FunctionConfigInvalidError
from inngest_nb.options import (
    Batch,
    Cancel,
    Concurrency,
    Debounce,
    Options,
    Priority,
    RateLimit,
    Singleton,
    Throttle,
    Timeouts,
)
from inngest_nb.registration import check_function
from inngest_nb.triggers import TriggerCron, TriggerEvent
from tests.unit.vectors import cases, label

#: What the server accepts and the official Python SDK refuses before it gets there: durations that are no whole seconds.
REFUSED_BY_THE_SDK = (
    {"rateLimit": {"limit": 1, "period": "1ms"}},
    {"throttle": {"limit": 1, "period": "500ms"}},
    {"timeouts": {"start": "bad"}},
)
#: What our registration never meets: a trigger that is both or neither, functions without steps.
NO_SUCH_THING: tuple[object, ...] = ([{}], [{"event": "a", "cron": "* * * * *"}])
_OPTIONS = {field.serialization_alias or name for name, field in Options.model_fields.items()}
ONE_EVENT = [TriggerEvent(event="a")]


def options_of(function: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in function.items() if key in _OPTIONS}


def register(function: dict[str, Any]) -> None:
    triggers = [(TriggerEvent if "event" in trigger else TriggerCron)(**trigger) for trigger in function["triggers"]]
    options = Options.from_registered(options_of(function), fn_id=function["id"])
    check_function(function["id"], name=function.get("name", ""), triggers=triggers, options=options)


def is_ours(case: dict[str, Any]) -> bool:
    function = case["input"]["function"]
    return function["triggers"] not in NO_SUCH_THING and bool(function["steps"])


@pytest.mark.parametrize(
    "case", [case for case in cases("batch_debounce_misc", "function_registration") if is_ours(case)], ids=label
)
def test_registers_what_the_server_registers(case: dict[str, Any]) -> None:
    function = case["input"]["function"]
    if case["expected"]["ok"] and options_of(function) not in REFUSED_BY_THE_SDK:
        register(function)
    else:
        with pytest.raises(FunctionConfigInvalidError, match=f"function '{function['id']}'"):
            register(function)


@pytest.mark.parametrize(
    ("option", "registered"),
    [
        (Batch(max_size=2, timeout=5000), {"maxSize": 2, "timeout": "5s"}),
        (Batch(max_size=2, timeout="1d", key="event.data.k", if_exp="event.data.ok"), {"maxSize": 2, "timeout": "24h", "key": "event.data.k", "if": "event.data.ok"}),
        (Cancel(event="c", if_exp="async.data.ok", timeout="1 hour"), {"event": "c", "if": "async.data.ok", "timeout": "1h"}),
        (Concurrency(limit=3), {"limit": 3}),
        (Concurrency(limit=3, key="'x'", scope="account"), {"limit": 3, "key": "'x'", "scope": "account"}),
        (Debounce(period=datetime.timedelta(weeks=1), timeout="90s"), {"period": "1w", "timeout": "90s"}),
        (Priority(run="120"), {"run": "120"}),
        (RateLimit(limit=1, period=86_400_000), {"limit": 1, "period": "1d"}),
        (Singleton(mode="skip"), {"mode": "skip"}),
        (Throttle(limit=1, period="1m"), {"limit": 1, "period": "1m", "burst": 1}),
        (Timeouts(finish="36h"), {"finish": "36h"}),
        (Options(batch_events=Batch(max_size=2, timeout="1s"), rate_limit=None), {"batchEvents": {"maxSize": 2, "timeout": "1s"}}),
    ],
)  # fmt: skip
def test_the_registered_form_is_inngest_s(option: Any, registered: dict[str, Any]) -> None:
    assert option.registered() == registered
    assert type(option)(**registered).registered() == registered


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (Options(throttle=Throttle(limit=1, period=1500)), "throttle, period must be a whole number of seconds from 1, not 1500"),
        (Options(timeouts=Timeouts(start="soon")), "timeouts, start must be a duration, not 'soon'"),
        (Options(cancel=[Cancel(event="c", timeout="1ms")]), "cancel 0, timeout must be a whole number of seconds"),
        (Options(cancel=[Cancel(event="c")] * 6), "cancel may have 5 entries, this one has 6"),
        (Options(concurrency=[Concurrency(limit=1, scope="env")]), "concurrency 0, key is needed for the scope 'env'"),
        (Options(concurrency=[Concurrency(limit=-1)]), "concurrency 0, limit must be 0 (none) or more"),
        (Options(batch_events=Batch(max_size=1, timeout="1s")), "batch_events, max_size must be at least 2, not 1"),
        (Options(batch_events=Batch(max_size=2, timeout="1s"), cancel=[Cancel(event="c")]), "batch_events and cancel cannot be used together"),
        (Options(batch_events=Batch(max_size=2, timeout="1s"), priority=Priority(run="1")), "batch_events and priority cannot be used together"),
        (Options(debounce=Debounce(period="8d")), "debounce, period must be between 1s and 7d, not '8d'"),
        (Options(rate_limit=RateLimit(limit=1, period="25h")), "rate_limit, period must be at most 24h, not '25h'"),
        (Options(throttle=Throttle(limit=0, period="1s")), "throttle, limit must be at least 1"),
        (Options(throttle=Throttle(limit=1, period="1s", burst=-1)), "throttle, burst must be 0 or more"),
    ],
)  # fmt: skip
def test_errors_name_function_field_and_what_is_wanted(options: Options, says: str) -> None:
    with pytest.raises(FunctionConfigInvalidError) as caught:
        check_function("app-f", name="f", triggers=ONE_EVENT, options=options)
    assert f"function 'app-f': {says}" in str(caught.value)


@pytest.mark.parametrize(
    ("triggers", "says"),
    [
        ([TriggerEvent(event=f"e{n}") for n in range(11)], "trigger may have 10 entries, this one has 11"),
        ([TriggerEvent(event="a", expression="evnt.data.x")], "trigger, expression is not a valid expression: unknown name 'evnt', expected event; did you mean 'event'?"),
        ([TriggerEvent(event="a"), TriggerEvent(event="a")], "trigger 1 is there twice: 'a'"),
        ([TriggerCron(cron=", * * * *")], "trigger cannot be used: ', * * * *' is not a cron schedule"),
        ([TriggerCron(cron="* * * * *", jitter="6m")], "trigger, jitter must be between 1s and 5m, not '6m'"),
    ],
)  # fmt: skip
def test_errors_of_triggers(triggers: list[TriggerEvent | TriggerCron], says: str) -> None:
    with pytest.raises(FunctionConfigInvalidError) as caught:
        check_function("app-f", name="f", triggers=triggers, options=Options())
    assert says in str(caught.value)


def test_what_is_accepted_but_cannot_work_is_told() -> None:
    options = Options(
        throttle=Throttle(limit=1, period="1m", key="bad key"),
        priority=Priority(run="foo"),
        idempotency="event.data.id",
    )
    doubts = check_function("app-f", name="f", triggers=[TriggerEvent(event="app/user*")], options=options)
    assert [doubt.split("is not")[0].strip() for doubt in doubts[1:]] == [
        "function 'app-f': throttle, key",
        "function 'app-f': priority, run",
    ]
    assert "* stands for anything only at the end" in doubts[0]


def test_idempotency_is_a_rate_limit_of_one_a_day() -> None:
    assert Options(
        idempotency="event.data.id", rate_limit=RateLimit(limit=9, period="1m")
    ).effective_rate_limit() == RateLimit(limit=1, period="24h", key="event.data.id")


def test_options_are_strict_values() -> None:
    with pytest.raises(pydantic.ValidationError):
        Batch(max_size="2", timeout="5s")  # type: ignore[arg-type]
    with pytest.raises(pydantic.ValidationError):
        Singleton(mode="bogus")  # type: ignore[arg-type]
    with pytest.raises(pydantic.ValidationError):
        Concurrency(limit=1, keys="x")  # type: ignore[call-arg]
    with pytest.raises(
        FunctionConfigInvalidError, match=r"function .app-f.: rateLimit\.limit: Input should be a valid integer"
    ):
        Options.from_registered({"rateLimit": {"limit": 1.5, "period": "60s"}}, fn_id="app-f")
