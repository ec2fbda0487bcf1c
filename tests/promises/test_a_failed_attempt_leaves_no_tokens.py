"""Promise 7: a retried step attempt does not leave its tokens in the transcript; views learn of it by a rollback."""

from __future__ import annotations

from typing import Any

import pytest

import inngest_nb as inngest
from inngest_nb import RunFailed, realtime
from inngest_nb.realtime.messages import Message, fold_rollbacks

chat = realtime.channel(name="chat", topics={"tokens": str})
TRIGGER = inngest.TriggerEvent(event="promise/go")


def messages(client: inngest.Inngest) -> list[Message]:
    """The channel up to the end of the run."""
    found = []
    for message in client.realtime.subscribe(channel=chat(), since="start"):
        found.append(message)
        if message.kind == "run":
            break
    return found


@pytest.mark.parametrize("failures", [1, 3])
def test_only_the_attempt_that_succeeded_stands(client: inngest.Inngest, failures: int) -> None:
    attempts: list[int] = []

    @client.create_function(fn_id="speak", trigger=TRIGGER, backoff=0.01)
    async def speak(ctx: inngest.Context) -> Any:
        async def tokens() -> None:
            attempts.append(1)
            for n in range(4):
                await ctx.publish(chat().tokens, f"{len(attempts)}.{n} ")
            if len(attempts) <= failures:
                raise RuntimeError("the model hung up")

        await ctx.publish(chat().tokens, "before ")
        await ctx.step.run("tokens", tokens)
        await ctx.publish(chat().tokens, "after")

    speak.start({}).result(timeout=20)
    log = messages(client)
    text = "".join(m.data for m in fold_rollbacks(log) if m.topic == "tokens")
    last = failures + 1
    assert text == "before " + "".join(f"{last}.{n} " for n in range(4)) + "after"
    kinds = [m.kind for m in log if m.kind != "data"]
    assert kinds == ["rollback"] * failures + ["commit", "run"]
    assert {m.data["reason"] for m in log if m.kind == "rollback"} == {"RuntimeError"}


def test_a_step_that_fails_for_good_leaves_nothing(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="fail", trigger=TRIGGER, retries=1, backoff=0.01)
    async def fail(ctx: inngest.Context) -> Any:
        async def tokens() -> None:
            await ctx.publish(chat().tokens, "void ")
            raise RuntimeError("always")

        await ctx.step.run("tokens", tokens)

    with pytest.raises(RunFailed):
        fail.start({}).result(timeout=20)
    log = messages(client)
    assert [m.kind for m in log] == ["data", "rollback", "data", "rollback", "run"]
    assert not [m for m in fold_rollbacks(log) if m.topic == "tokens"]


def test_branches_are_rolled_back_each_for_itself(client: inngest.Inngest) -> None:
    failed: list[int] = []

    @client.create_function(fn_id="branches", trigger=TRIGGER, backoff=0.01)
    async def branches(ctx: inngest.Context) -> Any:
        def speaker(name: str, fails: bool) -> Any:
            async def tokens() -> None:
                for n in range(3):
                    await ctx.publish(chat().tokens, f"{name}{n} ")
                if fails and not failed:
                    failed.append(1)
                    raise RuntimeError("once")

            return lambda: ctx.step.run(name, tokens)

        await ctx.group.parallel((speaker("a", False), speaker("b", True), speaker("c", False)))

    branches.start({}).result(timeout=20)
    stands = [m.data.strip() for m in fold_rollbacks(messages(client)) if m.topic == "tokens"]
    assert sorted(stands) == [f"{name}{n}" for name in "abc" for n in range(3)]
