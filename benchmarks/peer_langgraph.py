"""LangGraph, ten nodes with the SQLite checkpointer."""

from __future__ import annotations

import asyncio
import operator
import time
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph

from benchmarks.measure import ROUNDS, quantiles, report, typical


class State(TypedDict):
    """What the nodes append to."""

    x: Annotated[list[int], operator.add]


def _graph() -> Any:
    graph = StateGraph(State)
    for i in range(10):

        async def node(_: State, i: int = i) -> dict[str, list[int]]:
            return {"x": [i]}

        graph.add_node(f"n{i}", node)
    graph.add_edge(START, "n0")
    for i in range(9):
        graph.add_edge(f"n{i}", f"n{i + 1}")
    graph.add_edge("n9", END)
    return graph


async def main() -> dict[str, Any]:
    async with AsyncSqliteSaver.from_conn_string("langgraph.db") as saver:
        app = _graph().compile(checkpointer=saver)
        alone = []
        for k in range(30):
            begun = time.perf_counter()
            await app.ainvoke({"x": []}, {"configurable": {"thread_id": f"alone-{k}"}})
            alone.append(time.perf_counter() - begun)
        rates = []
        for turn in range(ROUNDS):
            begun = time.perf_counter()
            calls = (app.ainvoke({"x": []}, {"configurable": {"thread_id": f"many-{turn}-{k}"}}) for k in range(100))
            await asyncio.gather(*calls)
            rates.append(round(1000 / (time.perf_counter() - begun)))
    return {"ten_steps": quantiles(alone), "steps_per_s": {"100": typical(rates)}}


if __name__ == "__main__":
    report(asyncio.run(main()))
