"""LangGraph, one node as often as there are steps, with the SQLite checkpointer: a chain of as many nodes is slower there."""

from __future__ import annotations

import asyncio
import time
from typing import Any, TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph

from benchmarks.measure import LONG, ROUNDS, quantiles, report, typical


class State(TypedDict):
    """How many steps are done."""

    i: int


def _graph(steps: int) -> Any:
    async def node(state: State) -> State:
        return {"i": state["i"] + 1}

    graph = StateGraph(State)
    graph.add_node("step", node)
    graph.add_edge(START, "step")
    graph.add_conditional_edges("step", lambda state: "step" if state["i"] < steps else END, ["step", END])
    return graph


async def _run(app: Any, name: str) -> None:
    await app.ainvoke({"i": 0}, {"configurable": {"thread_id": name}, "recursion_limit": 200})


async def _rate(app: Any, steps: int, name: str) -> int:
    begun = time.perf_counter()
    await asyncio.gather(*(_run(app, f"{name}-{k}") for k in range(100)))
    return round(100 * steps / (time.perf_counter() - begun))


async def main() -> dict[str, Any]:
    async with AsyncSqliteSaver.from_conn_string("langgraph.db") as saver:
        ten, hundred = _graph(10).compile(checkpointer=saver), _graph(100).compile(checkpointer=saver)
        alone = []
        for k in range(30):
            begun = time.perf_counter()
            await _run(ten, f"alone-{k}")
            alone.append(time.perf_counter() - begun)
        rates = [await _rate(ten, 10, f"many-{turn}") for turn in range(ROUNDS)]
        long = await _rate(hundred, 100, "long")  # one round: it takes as long as all others together
    return {"ten_steps": quantiles(alone), "steps_per_s": {"100": typical(rates), LONG: long}}


if __name__ == "__main__":
    report(asyncio.run(main()))
