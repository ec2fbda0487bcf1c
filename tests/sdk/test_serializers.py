"""Types that are not JSON, where a type was declared."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Annotated, Any

import pydantic
import pytest

import inngest_nb as inngest
from inngest_nb.testing import TestEngine, trigger

GO = inngest.Event(name="app/go")


class Order(pydantic.BaseModel):
    day: datetime.date
    items: list[str]


@dataclasses.dataclass
class Point:
    x: int


ORDER = Order(day=datetime.date(2026, 1, 2), items=["a"])


@pytest.fixture
def client(engine: TestEngine) -> inngest.Inngest:
    return inngest.Inngest(app_id="app", serializer=inngest.PydanticSerializer())


@pytest.mark.parametrize(
    ("value", "typ"),
    [
        (ORDER, Order),
        ([ORDER, ORDER], list[Order]),
        (Point(x=1), Point),
        ({"a": {1, 2}}, dict[str, set[int]]),
        (None, Order | None),
        (3, Annotated[int, {"unhashable": []}]),
    ],
)
def test_a_step_has_its_type_on_the_first_pass_and_after_a_replay(
    client: inngest.Inngest, value: Any, typ: Any
) -> None:
    failures = iter([RuntimeError("once")])
    seen: list[Any] = []
    executed: list[int] = []

    @client.create_function(fn_id="fn", trigger=inngest.TriggerEvent(event="app/go"), retries=1)
    async def fn(ctx: inngest.Context) -> None:
        def make() -> Any:
            executed.append(1)
            return value

        seen.append(await ctx.step.run("typed", make, output_type=typ))
        if failure := next(failures, None):
            raise failure

    assert trigger(fn, GO).status == "completed"
    assert seen == [value, value]
    assert len(executed) == 1


def test_what_is_kept_is_json(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=inngest.TriggerEvent(event="app/go"), output_type=Order)
    def fn(ctx: inngest.ContextSync) -> Order:
        return ctx.step.run("typed", lambda: ORDER, output_type=Order)

    result = trigger(fn, GO).result()
    assert result.output == result.step("typed").output == {"day": "2026-01-02", "items": ["a"]}


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
def test_an_invoked_function_returns_its_type(client: inngest.Inngest, sync: bool) -> None:
    @client.create_function(fn_id="typed", trigger=inngest.TriggerEvent(event="app/never"), output_type=Order)
    async def typed(ctx: inngest.Context) -> Order:
        return ORDER

    async def body(ctx: inngest.Context) -> str:
        return (await ctx.step.invoke("call", function=typed)).day.isoformat()

    def sync_body(ctx: inngest.ContextSync) -> str:
        return ctx.step.invoke("call", function=typed).day.isoformat()

    settings: dict[str, Any] = {"fn_id": "calls", "trigger": inngest.TriggerEvent(event="app/go")}
    calls = client.create_function(**settings)(sync_body if sync else body)
    assert trigger(calls, GO, functions=[typed]).output == "2026-01-02"


def test_by_id_the_json_comes_back(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="typed", trigger=inngest.TriggerEvent(event="app/never"), output_type=Order)
    async def typed(ctx: inngest.Context) -> Order:
        return ORDER

    @client.create_function(fn_id="calls", trigger=inngest.TriggerEvent(event="app/go"))
    async def calls(ctx: inngest.Context) -> Any:
        return await ctx.step.invoke_by_id("call", function_id="typed")

    assert trigger(calls, GO, functions=[typed]).output == {"day": "2026-01-02", "items": ["a"]}


def test_without_a_serializer_the_type_means_nothing(engine: TestEngine) -> None:
    plain = inngest.Inngest(app_id="plain")

    @plain.create_function(fn_id="fn", trigger=inngest.TriggerEvent(event="app/go"), retries=0)
    async def fn(ctx: inngest.Context) -> Any:
        with pytest.raises(inngest.StepError) as raised:
            await ctx.step.run("typed", lambda: ORDER, output_type=Order)
        return [raised.value.name, await ctx.step.run("json", lambda: (1, {2: 3}), output_type=Order)]

    assert trigger(fn, GO).output == ["OutputUnserializableError", [1, {"2": 3}]]


def test_a_value_of_another_type_fails_the_step(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=inngest.TriggerEvent(event="app/go"), retries=0)
    async def fn(ctx: inngest.Context) -> None:
        await ctx.step.run("typed", object, output_type=list[int])

    error = trigger(fn, GO).error
    assert error is not None
    assert error["name"] == "PydanticSerializationError"


def test_ones_own_serializer_is_used(engine: TestEngine) -> None:
    class Reversing:
        def serialize(self, obj: object, typ: object) -> object:
            return str(obj)[::-1]

        def deserialize(self, obj: object, typ: object) -> object:
            return f"{typ}:{str(obj)[::-1]}"

    client = inngest.Inngest(app_id="app", serializer=Reversing())

    @client.create_function(fn_id="fn", trigger=inngest.TriggerEvent(event="app/go"))
    async def fn(ctx: inngest.Context) -> str:
        return await ctx.step.run("typed", lambda: "abc", output_type="word")

    result = trigger(fn, GO).result()
    assert (result.step("typed").output, result.output) == ("cba", "word:abc")
