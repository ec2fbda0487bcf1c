"""Durable steps: the bare limit, ours embedded and through a kernel's socket, and the peers, one after the other."""

from __future__ import annotations

import os
import sys
from typing import Any

from benchmarks.measure import LONG, in_child

_PEERS = {"DBOS, SQLite": "benchmarks.peer_dbos", "LangGraph, SQLite saver": "benchmarks.peer_langgraph"}


def main() -> dict[str, Any]:
    """Measure, print the table, return the figures."""
    limit = in_child("benchmarks.limit")
    ours = {
        "ours, embedded": in_child("benchmarks.embedded"),
        "ours, through a kernel's socket": in_child("benchmarks.server"),
    }
    peer_python = os.environ.get("BENCH_PEERS_PYTHON", sys.executable)
    peers = {name: in_child(module, python=peer_python) for name, module in _PEERS.items()}
    contenders = {"bare group-commit loop (the limit)": limit, **ours, **peers}
    print(_table(contenders))
    print(_ratios(limit, ours["ours, embedded"], peers))
    return contenders


def _table(contenders: dict[str, dict[str, Any]]) -> str:
    lines = [
        f"{'':38} {'ten steps, p50':>16} {'steps/s, 100':>14} {'steps/s, 1000':>14} {'100 x 100':>14} {'event to body':>14}"
    ]
    for name, found in contenders.items():
        if "error" in found:
            lines.append(f"{name:38} not measured: {found['error'][:70]}")
            continue
        rates, body = found["steps_per_s"], found.get("event_to_body", {}).get("p50_ms")
        cells = "".join(f" {_rate(rates.get(label)):>14}" for label in ("100", "1000", LONG))
        alone = f"{found['ten_steps']['p50_ms']:.2f} ms"
        lines.append(f"{name:38} {alone:>16}{cells} {f'{body:.2f} ms' if body else '':>14}")
    return "\n".join(lines)


def _rate(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _ratios(limit: dict[str, Any], ours: dict[str, Any], peers: dict[str, dict[str, Any]]) -> str:
    if "error" in ours or "error" in limit:
        return "no ratios: something was not measured"
    alone = ours["ten_steps"]["p50_ms"] / limit["ten_steps"]["p50_ms"]
    against = "".join(
        f"; {ours['steps_per_s'][label] / best:.0f}x the best peer's steps/s ({label})"
        for label in ("100", LONG)
        if (best := max((peer["steps_per_s"][label] for peer in peers.values() if "error" not in peer), default=0))
    )
    return f"ours, embedded: ten steps alone take {alone:.2f}x the bare loop{against}"
