"""Random programs of steps: how they are made, how a body plays them, and what must come out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

from inngest_nb.errors import StepError
from inngest_nb.event import Event
from inngest_nb.jsontext import loads
from inngest_nb.protocol import FunctionConfig
from inngest_nb.realtime import channel
from inngest_nb.worker.barrier import Group
from inngest_nb.worker.context import current_step
from inngest_nb.worker.execution import Execution
from inngest_nb.worker.steps import Step
from tests.engine.peer import function

RETRIES = 3
DEPTH = 2
NEVER = 99  # more failures than there are attempts
talk = channel(name="talk", topics={"words": object})


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One thing that a program does. `n` is a count of failures, `seconds` how long it takes."""

    kind: str
    n: int = 0
    seconds: float = 0.0
    branches: tuple[tuple[Op, ...], ...] = ()


Program = tuple[Op, ...]


def make(rng: random.Random, depth: int = DEPTH) -> Program:
    """A program of one to five operations."""
    return tuple(_op(rng, depth) for _ in range(rng.randint(1, 5 if depth == DEPTH else 3)))


def _op(rng: random.Random, depth: int) -> Op:
    kinds = ["run"] * 5 + ["sleep", "answered", "answered", "timed out", "publish", "send", "invoke", "boom"]
    kind = rng.choice(kinds + ["parallel"] * 3 if depth else kinds)
    seconds = rng.choice((0.0, 0.0, 0.0004, 0.01, 2.0))
    if kind == "run":
        return Op(kind=kind, n=rng.choice((0, 0, 0, 1, 2, NEVER)), seconds=seconds)
    if kind == "parallel":
        branches = tuple(make(rng, depth - 1) for _ in range(rng.randint(2, 3)))
        return Op(kind=kind, n=rng.randrange(2), branches=branches)
    return Op(kind=kind, seconds=seconds, n=rng.choice((0, 0, NEVER)) if kind == "invoke" else 0)


def expected(program: Program, prefix: str = "") -> list[Any]:
    """What a run of the program returns, whatever happens to it."""
    return [_outcome(op, f"{prefix}{i}") for i, op in enumerate(program)]


def _outcome(op: Op, step: str) -> Any:
    if op.kind == "parallel":
        return [expected(branch, f"{step}.{i}.") for i, branch in enumerate(op.branches)]
    if op.kind in ("run", "invoke"):
        return f"failed {step}" if op.n == NEVER else [step]
    return {"sleep": None, "timed out": None, "boom": None, "answered": step, "publish": step, "send": 1}[op.kind]


def steps_of(program: Program, kind: str, prefix: str = "") -> list[str]:
    """Ids of all steps of a kind."""
    found: list[str] = []
    for i, op in enumerate(program):
        if op.kind == kind:
            found.append(f"{prefix}{i}")
        for j, branch in enumerate(op.branches):
            found += steps_of(branch, kind, f"{prefix}{i}.{j}.")
    return found


@dataclass(slots=True)
class Notes:
    """What happened outside the engine, in the order in which it happened; it outlives every process."""

    ran: dict[tuple[str, str], int] = field(default_factory=dict)
    saw: dict[tuple[str, str], Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    repeats: int = 0

    def running(self, run: str, step: str) -> None:
        """A step is executing."""
        if (run, step) in self.saw:
            self.wrong.append(f"step {step} was executed again after the code had seen its result")
        self.repeats += (run, step) in self.ran
        self.ran[run, step] = self.ran.get((run, step), 0) + 1

    def seen(self, run: str, step: str, value: Any) -> Any:
        """The body has got the value of a step."""
        known = self.saw.setdefault((run, step), value)
        if known != value:
            self.wrong.append(f"step {step} gave {value!r} after it had given {known!r}")
        return value


class Body:
    """The handler of a program, as a worker needs it."""

    is_handler_async = True

    def __init__(self, local_id: str, program: Program, notes: Notes, replay: str) -> None:
        self.local_id, self._program, self._notes, self.replay = local_id, program, notes, replay

    def config(self) -> FunctionConfig:
        """How it is registered."""
        return function(f"app-{self.local_id}", f"app/{self.local_id}", retries=RETRIES, backoff=0.001)

    def call(self, execution: Execution) -> Awaitable[Any]:
        """Enter it."""
        return self._play(self._program, "", execution)

    def serialize(self, value: object, typ: object) -> object:
        """No types are declared."""
        return value

    def deserialize(self, value: object, typ: object) -> object:
        """No types are declared."""
        return value

    async def _play(self, program: Program, prefix: str, execution: Execution) -> list[Any]:
        out: list[Any] = []
        for i, op in enumerate(program):
            step = f"{prefix}{i}"
            if op.kind == "parallel":
                out.append(await self._parallel(op, step, execution))
            elif op.kind == "boom":
                if execution.attempt == 0 and not execution.replaying:
                    raise RuntimeError("between the steps")
                out.append(None)
            else:
                value = await self._step(op, step, execution)
                out.append(self._notes.seen(execution.run_id, step, value))
        return out

    async def _parallel(self, op: Op, step: str, execution: Execution) -> list[Any]:
        branches = [self._play(branch, f"{step}.{i}.", execution) for i, branch in enumerate(op.branches)]
        if op.n:
            return list(await Group().parallel([lambda branch=branch: branch for branch in branches]))  # type: ignore[misc]
        return list(await asyncio.gather(*branches))

    async def _step(self, op: Op, step: str, execution: Execution) -> Any:
        tools, run = Step(execution), execution.run_id
        if op.kind == "run":
            try:
                return await tools.run(step, self._work, op, step, run)
            except StepError:
                return f"failed {step}"
        if op.kind == "sleep":
            return await tools.sleep(step, int(op.seconds * 1000))
        if op.kind in ("answered", "timed out"):
            timeout = 86_400_000 if op.kind == "answered" else int(op.seconds * 1000)
            condition = f"async.data.run == '{run}' && async.data.step == '{step}'"
            event = await tools.wait_for_event(step, event="app/answer", timeout=timeout, if_exp=condition)
            return event.data["step"] if event else None
        if op.kind == "publish":
            await tools.realtime.publish(step, talk.words, {"run": run, "step": step})
            return step
        if op.kind == "send":
            return len(await tools.send_event(step, Event(name="app/leaf", data={"run": run, "step": step})))
        return await self._invoke(tools, op, step)

    async def _invoke(self, tools: Step, op: Op, step: str) -> Any:
        try:
            data = {"step": step, "fails": op.n == NEVER}
            return await tools.invoke_by_id(step, function_id="leaf", app_id="app", data=data)
        except StepError as exc:
            return f"failed {exc.message}"

    async def _work(self, op: Op, step: str, run: str) -> list[str]:
        attempt = current_step.get()
        self._notes.running(run, step)
        if op.seconds:
            await asyncio.sleep(op.seconds)
        if attempt is not None and attempt.attempt < op.n:
            raise ValueError(f"attempt {attempt.attempt}")
        return [step]


class Leaf(Body):
    """What programs invoke, and what their events start."""

    async def _play(self, program: Program, prefix: str, execution: Execution) -> Any:
        data = loads(execution.start["event"])["data"]
        step = str(data["step"])
        if data.get("fails"):
            raise StepError(step, "LeafError")
        return [step]
