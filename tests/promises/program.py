"""The program that is killed: every kind of step, in functions whose every effect is noted outside of the product.

One life opens the engine on a directory, starts what has not been acknowledged yet, answers the questions that are asked,
and ends when all runs have ended. A later life goes on where an earlier one died.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sqlite3
import time
from pathlib import Path
from typing import Any

import inngest_nb as inngest
from inngest_nb import realtime
from inngest_nb.worker.context import current_step
from tests.support.crash import note, noted

RUNS_OF_EACH = 3
TOKENS = tuple(f"w{i} " for i in range(8))
TEXT = "".join(TOKENS)

talk = realtime.channel(name=lambda run_id: f"talk:{run_id}", topics={"tokens": str, "done": dict})
questions = realtime.channel(name="questions", topics={"asked": dict})


class Body:
    """The handlers; `effects` is the file in which they note what they do."""

    def __init__(self, effects: Path) -> None:
        self._effects = effects

    def _ran(self, run_id: str, step: str) -> str:
        """Within a step: note the execution; the value is new each time, so that a second execution shows."""
        note(self._effects, "ran", run_id, step)
        return secrets.token_hex(4)

    def _saw(self, run_id: str, step: str, value: Any) -> Any:
        note(self._effects, "saw", run_id, step, value)
        return value

    async def _step(self, ctx: inngest.Context, name: str, *, fails: int = 0) -> Any:
        async def work() -> dict[str, Any]:
            value = self._ran(ctx.run_id, name)
            step = current_step.get()
            if step is not None and step.attempt < fails:
                raise RuntimeError("as the program says")
            await asyncio.sleep(0.001)
            return {"value": value, "pair": (1, 2)}

        return self._saw(ctx.run_id, name, await ctx.step.run(name, work))

    async def chain(self, ctx: inngest.Context) -> Any:
        """Steps one after the other, one of which fails twice."""
        values = [await self._step(ctx, f"s{i}", fails=2 if i == 3 else 0) for i in range(6)]
        await ctx.step.sleep("nap", "20ms")
        return {"n": ctx.event.data["n"], "values": [value["value"] for value in values]}

    def sync(self, ctx: inngest.ContextSync) -> Any:
        """The same in a thread of its own."""
        values = []
        for i in range(4):
            value = ctx.step.run(f"s{i}", self._ran, ctx.run_id, f"s{i}")
            values.append(self._saw(ctx.run_id, f"s{i}", value))
        return {"n": ctx.event.data["n"], "values": values}

    async def speak(self, ctx: inngest.Context) -> Any:
        """A stream in a step, then a durable publish."""
        channel = talk(run_id=ctx.run_id)

        async def stream() -> str:
            self._ran(ctx.run_id, "stream")
            for token in TOKENS:
                await ctx.publish(channel.tokens, token)
                await asyncio.sleep(0.001)
            return TEXT

        text = self._saw(ctx.run_id, "stream", await ctx.step.run("stream", stream))
        await ctx.step.realtime.publish("done", channel.done, {"length": len(text)})
        await self._step(ctx, "after")
        return {"n": ctx.event.data["n"], "values": [text]}

    async def ask(self, ctx: inngest.Context) -> Any:
        """A question to a person, beside a chain of steps: the wait begins while nothing runs, and the steps go on."""

        async def steps() -> list[Any]:
            return [(await self._step(ctx, f"beside{i}"))["value"] for i in range(3)]

        async def question() -> Any:
            about = {"n": ctx.event.data["n"], "run_id": ctx.run_id}
            decision = await ctx.step.request_approval("ok", questions().asked, message=str(about), timeout="1h")
            assert decision is not None
            return self._saw(ctx.run_id, "ok", decision.data["word"])

        word, values = await asyncio.gather(question(), steps())
        last = await self._step(ctx, "last")
        return {"n": ctx.event.data["n"], "values": [word, *values, last["value"]]}


def define(client: inngest.Inngest, body: Body) -> dict[str, inngest.Function[Any]]:
    """Register the functions, as the cells of a notebook do."""
    functions = {}
    for name in ("chain", "sync", "speak", "ask"):
        trigger = inngest.TriggerEvent(event=f"promise/{name}")
        functions[name] = client.create_function(fn_id=name, trigger=trigger, backoff=0.005)(getattr(body, name))
    return functions


def start_missing(functions: dict[str, inngest.Function[Any]], acks: Path) -> None:
    """Start what was not acknowledged; the line is written when `start` has returned."""
    started = {(name, n) for kind, name, n, *_ in noted(acks) if kind == "started"}
    for n in range(RUNS_OF_EACH):
        for name, function in functions.items():
            if (name, n) not in started:
                note(acks, "started", name, n, function.start({"n": n}).id)


def answer_questions(client: inngest.Inngest, acks: Path) -> inngest.realtime.Subscription:
    """Answer every question once; the line is written when the answer was acknowledged."""
    answered = {question for kind, question, *_ in noted(acks) if kind == "answered"}

    def arrived(message: Any) -> None:
        if message.topic != "asked" or (question := message.data["question_id"]) in answered:
            return
        answered.add(question)
        data = {"question_id": question, "approved": True, "word": f"yes to {question}"}
        sent = client._link().request("send", {"events": [{"name": "approval/decided", "data": data}], "key": question})
        sent.add_done_callback(lambda done: note(acks, "answered", question, done.result()[0]))

    return client.realtime.subscribe(channel=questions(), since="start", on_message=arrived)


def _until_told(journal: Path) -> None:
    """Wait until the message log has all that the journal owes it."""
    with contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as reader:
        while reader.execute("SELECT 1 FROM outbox").fetchone():
            time.sleep(0.001)


def live(folder: str) -> None:
    """One life, to its end."""
    root = Path(folder)
    client = inngest.Inngest(app_id="promise", engine="embedded", data_dir=root / "data")
    functions = define(client, Body(root / "effects"))
    start_missing(functions, root / "acks")
    answer_questions(client, root / "acks")
    # Also runs whose start was not acknowledged are in the journal, or are not: all that are there must end.
    for run in client.runs(limit=1000):
        run.result(timeout=40)
    _until_told(root / "data" / "journal.db")
    os._exit(0)  # whoever is killed has no time to tidy up; the last life shows that nobody needs it
