"""Every public name of the official SDK is here, and takes what it takes there."""

from __future__ import annotations

import dataclasses
import enum
import inspect
from typing import Any

import pydantic
import pytest

import inngest_nb
from inngest_nb import experimental, realtime
from inngest_nb.experimental import ai, mocked
from inngest_nb.experimental import realtime as experimental_realtime
from inngest_nb.worker.steps import StepAI
from inngest_nb.worker.steps_sync import StepAISync

official = pytest.importorskip("inngest")

#: Not called by users: made by the SDK and handed to them.
HANDED = {"Function", "Step", "StepSync", "StepMemos"}
#: What the official SDK needs in order to be called over HTTP.
OF_THE_TRANSPORT = {
    "Function": {"call", "call_sync", "get_config"},
    "StepMemos": {"from_raw"},
    "NonRetriableError": {"include_stack"},
    "RetryAfterError": {"include_stack"},
    "StepError": {"include_stack"},
}
#: The server refuses a batch without it; the official SDK finds that out when it registers.
REQUIRED_HERE = {("Batch", "timeout")}


def members(cls: type) -> dict[str, Any]:
    """What a class offers beyond what pydantic and enum give it."""
    bases = (pydantic.BaseModel, enum.Enum, object)
    names = {name for name in dir(cls) if not name.startswith("_")} - {name for base in bases for name in dir(base)}
    return {name: getattr(cls, name) for name in names if not name.startswith("serialize_")}


def check(name: str, theirs: Any, ours: Any) -> None:
    """Ours takes every argument that theirs takes, in the same way and with the same default."""
    taken = inspect.signature(ours).parameters
    keyed = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in taken.values())
    for parameter in inspect.signature(theirs).parameters.values():
        if parameter.name in ("self", "args", "__pydantic_self__"):
            continue
        own = taken.get(parameter.name)
        if own is None:
            assert keyed, f"{name} does not take {parameter.name}"
            continue
        assert own.kind == parameter.kind or own.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD, f"{name}: {own}"
        if parameter.default is not inspect.Parameter.empty and (name, parameter.name) not in REQUIRED_HERE:
            assert same_default(parameter.default, own.default), f"{name}: {own}, there {parameter}"


def same_default(theirs: Any, ours: Any) -> bool:
    if isinstance(theirs, type) and theirs.__name__ == "EmptySentinel":
        return isinstance(ours, type) and ours.__name__ == "EmptySentinel"
    if isinstance(theirs, enum.Enum):
        return bool(theirs.value == ours.value)
    return theirs is ours or theirs == ours or repr(theirs) == repr(ours)


@pytest.mark.parametrize("name", official.__all__)
def test_every_name_is_there(name: str) -> None:
    assert name in inngest_nb.__all__


@pytest.mark.parametrize("name", [name for name in official.__all__ if inspect.isclass(getattr(official, name))])
def test_classes_offer_the_same(name: str) -> None:
    theirs, ours = getattr(official, name), getattr(inngest_nb, name)
    if name not in HANDED and not issubclass(theirs, enum.Enum):
        check(name, theirs, ours)
    if issubclass(theirs, enum.Enum):
        assert {item.name: item.value for item in theirs} == {item.name: item.value for item in ours}
    fields = {field.name for field in dataclasses.fields(ours)} if dataclasses.is_dataclass(ours) else set()
    for member, value in members(theirs).items() if not issubclass(theirs, pydantic.BaseModel) else ():
        if member in OF_THE_TRANSPORT.get(name, ()) or member in fields:
            continue
        own = inspect.getattr_static(ours, member, None)
        assert own is not None or member in getattr(ours, "__annotations__", {}), f"{name}.{member}"
        if inspect.isfunction(value):
            assert inspect.iscoroutinefunction(value) == inspect.iscoroutinefunction(own), f"{name}.{member}"
            check(f"{name}.{member}", value, own)


@pytest.mark.parametrize("name", ["Context", "ContextSync"])
def test_a_context_can_be_made_by_hand(name: str) -> None:
    theirs = [field.name for field in dataclasses.fields(getattr(official, name))]
    assert [field.name for field in dataclasses.fields(getattr(inngest_nb, name))][: len(theirs)] == theirs


@pytest.mark.parametrize("name", ["NonRetriableError", "RetryAfterError", "StepError"])
def test_errors_say_the_same(name: str) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "NonRetriableError": ("no", True),
        "RetryAfterError": ("later", 3000),
        "StepError": ("broken", "ValueError", "a stack"),
    }
    theirs = getattr(official, name)(*arguments[name])
    ours = getattr(inngest_nb, name)(*arguments[name])
    for attribute in ("message", "name", "is_retriable"):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
    assert str(ours) == str(theirs)
    assert ours.code == theirs.code.value
    assert type(ours.stack) is type(theirs.stack)


def test_experimental_names() -> None:
    import inngest.experimental.ai
    import inngest.experimental.mocked
    import inngest.experimental.realtime

    for name in inngest.experimental.__all__:
        check(name, getattr(inngest.experimental, name), getattr(experimental, name))
    for name in inngest.experimental.realtime.__all__:
        theirs, ours = getattr(inngest.experimental.realtime, name), getattr(experimental_realtime, name)
        assert inspect.iscoroutinefunction(theirs) == inspect.iscoroutinefunction(ours)
        check(name, theirs, ours)
    assert set(inngest.experimental.mocked.__all__) <= set(mocked.__all__)
    check("trigger", inngest.experimental.mocked.trigger, mocked.trigger)


@pytest.mark.parametrize("provider", ["anthropic", "deepseek", "gemini", "grok", "openai"])
def test_adapters_ask_as_the_official_ones(provider: str) -> None:
    module = __import__(f"inngest.experimental.ai.{provider}", fromlist=["Adapter"])
    own = getattr(ai, provider).Adapter
    check(provider, module.Adapter, own)
    options: dict[str, Any]
    for options in ({}, {"base_url": "https://proxy.test/v9/"}, {"headers": {"x": "y"}}):
        theirs, ours = (made(auth_key="k", model="m", **options) for made in (module.Adapter, own))
        for method in ("auth_key", "format", "headers", "url_infer"):
            assert getattr(ours, method)() == getattr(theirs, method)()
        bodies: tuple[dict[str, object], ...] = ({"messages": []}, {"model": "other"})
        for body in bodies:
            there: dict[str, object] = dict(body)
            here: dict[str, object] = dict(body)
            theirs.on_call(there)
            ours.on_call(here)
            assert here == there


@pytest.mark.parametrize("ours", [StepAI, StepAISync])
def test_step_ai(ours: type) -> None:
    from inngest._internal.step_lib import step_async, step_sync

    theirs = step_async.AI if ours is StepAI else step_sync.AI
    check("infer", theirs.infer, ours.infer)  # type: ignore[attr-defined]


def test_our_own_names_do_not_hide_theirs() -> None:
    assert not set(realtime.__all__) & {"publish", "publish_sync"}
