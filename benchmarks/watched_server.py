"""A Jupyter server that times the callbacks of its loop, and on SIGUSR2 writes what it found to the file in LOOP_REPORT."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

LONG_MS = 10.0
_run = asyncio.events.Handle._run
_times: list[float] = []  # milliseconds of the loop's thread, of callbacks above a tenth of one
_long: dict[str, list[float]] = {}


_collections: list[tuple[int, float]] = []  # of the collector's longer passes: over which generations, and milliseconds
_begun = [0.0]


def _collecting(phase: str, info: dict[str, int]) -> None:
    if info["generation"] > 0 and threading.current_thread() is threading.main_thread():
        took = (time.thread_time() - _begun[0]) * 1e3
        if phase == "start":
            _begun[0] = time.thread_time()
        elif took > 1.0:
            _collections.append((info["generation"], round(took, 1)))


def _timed(handle: asyncio.events.Handle) -> None:
    begun = time.thread_time()
    _run(handle)
    took = (time.thread_time() - begun) * 1e3
    if took > 0.1:
        _times.append(took)
    if took > LONG_MS:
        _long.setdefault(_name(handle._callback), []).append(round(took, 1))


def _name(callback: Any) -> str:
    task = getattr(callback, "__self__", None)
    return repr(task.get_coro() if isinstance(task, asyncio.Task) else callback)[:120]


def _tell(*_: object) -> None:
    """Write and begin anew; a name that ends in `.part` is not there yet for who waits."""
    ordered = sorted(_times)
    found: dict[str, Any] = {
        "callbacks_above_0.1_ms": len(ordered),
        "p99_ms": round(ordered[int(len(ordered) * 0.99)], 2) if ordered else 0.0,
        "max_ms": round(ordered[-1], 2) if ordered else 0.0,
        "above_10_ms": _long.copy(),
        "collections_ms": _collections.copy(),
        "objects": len(gc.get_objects()),
    }
    _times.clear()
    _long.clear()
    _collections.clear()
    target = Path(os.environ["LOOP_REPORT"])
    part = target.with_suffix(".part")
    part.write_text(json.dumps(found))
    part.rename(target)


if __name__ == "__main__":
    from jupyter_server.serverapp import main

    asyncio.events.Handle._run = _timed  # type: ignore[method-assign]
    gc.callbacks.append(_collecting)
    signal.signal(signal.SIGUSR2, _tell)
    main()
