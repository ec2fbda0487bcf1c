"""A file of functions as it is written for the official SDK; only the line of the import would differ there."""

import datetime
import typing

import pydantic

import inngest_nb as inngest


class Total(pydantic.BaseModel):
    """What is not JSON."""

    day: datetime.date
    amount: int


class Doubling(inngest.MiddlewareSync):
    """Annotations are evaluated here: every name must exist, and `Function` must take a parameter."""

    def transform_input(
        self,
        ctx: inngest.Context | inngest.ContextSync,
        function: inngest.Function[typing.Any],
        steps: inngest.StepMemos,
    ) -> None:
        """Note which function it is."""
        self.local_id = function.local_id

    def transform_output(self, result: inngest.TransformOutputResult) -> None:
        """Double what the function returned."""
        if result.step is None and isinstance(result.output, int):
            result.output *= 2


client = inngest.Inngest(
    app_id="shop",
    app_version="1",
    env=None,
    event_key="local",
    is_production=False,
    middleware=[],
    request_timeout=datetime.timedelta(seconds=5),
    serializer=inngest.PydanticSerializer(),
    signing_key=None,
)


async def report(ctx: inngest.Context) -> str:
    """Handle a failure."""
    error = typing.cast("dict[str, typing.Any]", ctx.event.data["error"])
    return await ctx.step.run("report", lambda: f"{ctx.event.name}: {error['message']}")


@client.create_function(
    batch_events=None,
    cancel=[inngest.Cancel(event="shop/closed", if_exp="async.data.shop == event.data.shop", timeout=3_600_000)],
    concurrency=[inngest.Concurrency(limit=2, key="event.data.shop", scope="fn")],
    debounce=None,
    fn_id="order",
    idempotency=None,
    middleware=[Doubling],
    name="An order",
    on_failure=report,
    priority=inngest.Priority(run="0"),
    rate_limit=inngest.RateLimit(limit=100, period=datetime.timedelta(hours=1), key="event.data.shop"),
    retries=2,
    throttle=inngest.Throttle(limit=10, period=60_000, burst=2),
    timeouts=inngest.Timeouts(start=datetime.timedelta(minutes=5), finish=datetime.timedelta(days=2)),
    singleton=inngest.Singleton(mode="skip", key="event.data.id"),
    trigger=[
        inngest.TriggerEvent(event="shop/order", expression="event.data.id > 0"),
        inngest.TriggerCron(cron="0 3 * * *"),
    ],
)
async def order(ctx: inngest.Context) -> int:
    """Every async tool."""

    async def price(item: str, count: int) -> int:
        return len(item) * count

    first = await ctx.step.run("price", price, "book", 2)
    await ctx.step.sleep("pause", datetime.timedelta(hours=2))
    await ctx.step.sleep_until("until", datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=3))
    paid: inngest.Event | None = await ctx.step.wait_for_event(
        "paid", event="shop/paid", if_exp="async.data.id == event.data.id", timeout=datetime.timedelta(days=1)
    )
    if paid is None:
        raise inngest.NonRetriableError("not paid")
    a, b = await ctx.group.parallel(
        (lambda: ctx.step.run("a", price, "a", 1), lambda: ctx.step.run("b", price, "b", 2)),
        parallel_mode=inngest.ParallelMode.RACE,
    )
    sent: list[str] = await ctx.step.send_event("send", [inngest.Event(name="shop/shipped"), inngest.Event(name="x/y")])
    total = await ctx.step.invoke("total", function=day_total, data={"amount": first}, timeout=60_000)
    return total.amount + a + b + len(sent)


@client.create_function(
    fn_id="day-total", output_type=Total, retries=0, trigger=inngest.TriggerEvent(event="shop/total")
)
def day_total(ctx: inngest.ContextSync) -> Total:
    """Every sync tool."""

    def look_up(amount: int) -> Total:
        return Total(day=datetime.date(2026, 1, 2), amount=amount)

    total = ctx.step.run("look-up", look_up, typing.cast("int", ctx.event.data["amount"]), output_type=Total)
    one, two = ctx.group.parallel((lambda: ctx.step.run("one", lambda: 1), lambda: ctx.step.run("one", lambda: 2)))
    ctx.step.sleep("nap", 1000)
    ctx.logger.info("total %s at attempt %s of run %s", total, ctx.attempt, ctx.run_id)
    return Total(day=total.day, amount=total.amount + one + two)
