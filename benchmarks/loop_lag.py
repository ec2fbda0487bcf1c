"""How long callbacks hold the Jupyter server's loop: processor time of its thread for each, idle and with runs and messages at full load."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.measure import quantiles, report
from benchmarks.server import _TOKEN, server_process

LOAD_S = 10.0


def main() -> dict[str, Any]:
    """Callbacks and latency of a plain request, without and with load."""
    with tempfile.TemporaryDirectory() as folder:
        found_at = Path(folder, "loop.json")
        os.environ["LOOP_REPORT"] = str(found_at)
        with server_process("benchmarks.watched_server") as (url, pid):
            os.environ |= {"INNGEST_NB_URL": url, "INNGEST_NB_TOKEN": _TOKEN, "INNGEST_NB_ENGINE": "server"}
            _told(pid, found_at)  # what starting took does not count
            idle = {"request": _requests(url, 3.0), **_told(pid, found_at)}
            loaded = {"request": _under_load(url), **_told(pid, found_at)}
    return {"idle": idle, "loaded": loaded}


def _under_load(url: str) -> dict[str, float]:
    import inngest_nb as nb
    from benchmarks import cases

    client = nb.Inngest(app_id="bench", engine="server")
    ten = client.create_function(fn_id="ten", trigger=nb.TriggerEvent(event="bench/ten"))(cases.ten)
    channel = nb.realtime.channel("lag", topics={"n": int})
    cases.alone(ten, 5)
    over = threading.Event()

    def runs() -> None:
        while not over.is_set():
            cases.many(client, 1000)

    def messages() -> None:
        while not over.is_set():
            for n in range(1000):
                client.realtime.publish_sync(channel.n, n)

    threads = [threading.Thread(target=load) for load in (runs, messages)]
    for thread in threads:
        thread.start()
    try:
        return _requests(url, LOAD_S)
    finally:
        over.set()
        for thread in threads:
            thread.join()
        nb.links.close_links()


def _requests(url: str, seconds: float) -> dict[str, float]:
    """A request that has nothing to do with the extension, fifty times a second."""
    taken, end = [], time.perf_counter() + seconds
    request = urllib.request.Request(f"{url}api", headers={"Authorization": f"token {_TOKEN}"})
    while (begun := time.perf_counter()) < end:
        urllib.request.urlopen(request, timeout=10).read()
        taken.append(time.perf_counter() - begun)
        time.sleep(0.02)
    return quantiles(taken)


def _told(pid: int, found_at: Path) -> dict[str, Any]:
    os.kill(pid, signal.SIGUSR2)
    end = time.monotonic() + 10
    while not found_at.exists():
        if time.monotonic() > end:
            raise TimeoutError("the server did not say what it found")
        time.sleep(0.01)
    found: dict[str, Any] = json.loads(found_at.read_text())
    found_at.unlink()
    return found


if __name__ == "__main__":
    report(main())
