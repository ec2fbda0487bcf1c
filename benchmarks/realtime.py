"""Realtime: latency, one channel's throughput, fan-out beside bare tornado, late joiners, and what the server's processor pays."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from benchmarks.measure import quantiles, report
from benchmarks.server import _TOKEN, jupyter_server
from benchmarks.sockets import Subscribers

SUBSCRIBERS, MESSAGES = 20, 4_000
LOG = 100_000
DATA = json.dumps({"token": "hello", "n": 12345})


async def in_process() -> dict[str, Any]:
    """The hub alone: from publish to the subscriber, and 100,000 messages of one channel until they are on disk."""
    from inngest_nb.clock import Clock
    from inngest_nb.hub import Hub, Publish

    with tempfile.TemporaryDirectory() as folder:
        hub = Hub(Path(folder) / "messages.db", clock=Clock(), loop=asyncio.get_running_loop())
        live, taken = hub.subscribe("feed", since="now"), []
        for _ in range(500):
            begun = time.perf_counter()
            hub.publish(Publish("feed", "n", DATA))
            await live.next_batch()
            taken.append(time.perf_counter() - begun)
        live.close()
        begun = time.perf_counter()
        for n in range(LOG):
            hub.publish(Publish("one", "n", DATA))
            if n % 1000 == 0:
                await asyncio.sleep(0)
        await hub.written()
        stored = time.perf_counter() - begun
        late, read, begun = hub.subscribe("one", since="start"), 0, time.perf_counter()
        while read < LOG:
            read += len((await late.next_batch()).messages)
        replayed = time.perf_counter() - begun
        await hub.close()
    return {
        "publish_to_subscriber": quantiles(taken),
        "one_channel_messages_per_s": round(LOG / stored),
        "replay_of_100000_s": round(replayed, 2),
    }


def bare(rounds: int) -> dict[str, Any]:
    """Deliveries per second and processor time of bare tornado, one message per frame."""
    command = [sys.executable, "-m", "benchmarks.limit_sockets"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        page = Subscribers(port, "/ws", SUBSCRIBERS)
        found = _fan_out(page, psutil.Process(server.pid), lambda: page.say(page.sockets[0], b"%d" % MESSAGES), rounds)
        page.close()
        assert server.stdin is not None
        server.stdin.close()
        server.wait(10)
    return found


def _fan_out(
    page: Subscribers, server: psutil.Process, publish: Callable[[], Any], rounds: int, messages: int = MESSAGES
) -> dict[str, Any]:
    rates, costs = [], []
    for _ in range(rounds):
        cpu, begun = _cpu(server), time.perf_counter()
        publish()
        rates.append(messages * SUBSCRIBERS / (page.wait(messages) - begun))
        costs.append((_cpu(server) - cpu) / (messages * SUBSCRIBERS))
    return {"deliveries_per_s": round(statistics.median(rates)), "server_us": round(statistics.median(costs) * 1e6, 1)}


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


class Ours:
    """A Jupyter server, and this process as its kernel."""

    def __init__(self, url: str) -> None:
        os.environ |= {"INNGEST_NB_URL": url, "INNGEST_NB_TOKEN": _TOKEN, "INNGEST_NB_ENGINE": "server"}
        import inngest_nb as nb

        self.nb, self.port = nb, int(urlsplit(url).port or 0)
        self.client = nb.Inngest(app_id="bench", engine="server")
        self.link = self.client._link()
        self.server = next(child for child in psutil.Process().children() if "jupyter_server" in child.cmdline())
        self.auth = [f"Authorization: token {_TOKEN}"]

    def publish(self, channel: str, count: int) -> None:
        """As fast as the link takes it; the last one is acknowledged."""
        for _ in range(count):
            self.link.post({"op": "publish", "channel": channel, "topic": "n", "data": DATA})

    def page(self, channel: str, since: str, count: int = 1) -> Subscribers:
        """Pages' sockets that follow a channel, and are known to."""
        ask = {"op": "subscribe", "id": "s", "channel": channel, "topics": None, "since": since}
        page = Subscribers(self.port, "/inngest/api/realtime", count, headers=self.auth, say=json.dumps(ask).encode())
        if since == "now":
            self._settle(page, channel)
        return page

    def tokens(self, channel: str, count: int) -> Subscribers:
        """Subscribers in Inngest's own way: a token, one message per frame."""
        declared = self.nb.realtime.channel(channel, topics={"n": dict})
        token = asyncio.run(self.client.realtime.token(channel=declared, topics=["n"]))
        key = token["key"] if isinstance(token, dict) else getattr(token, "key", token)
        page = Subscribers(self.port, f"/v1/realtime/connect?token={key}", count)
        self._settle(page, channel)
        return page

    def _settle(self, page: Subscribers, channel: str) -> None:
        time.sleep(0.3)  # the subscriptions have no acknowledgement in Inngest's protocol
        self.publish(channel, 1)
        page.wait(1)

    def to_page(self, count: int = 400) -> dict[str, float]:
        """From the publish in the kernel to the page's socket, one at a time."""
        page, taken = self.page("lone", "now"), []
        for _ in range(count):
            time.sleep(0.01)  # apart: what is measured is one message, not a stream
            begun = time.perf_counter()
            self.publish("lone", 1)
            taken.append(page.wait(1) - begun)
        page.close()
        return quantiles(taken)

    def replay(self) -> dict[str, float]:
        """A late joiner, from its subscribe to the last of 100,000 messages."""
        self.publish("long", LOG)
        self.client.realtime.publish_sync(self.nb.realtime.channel("long", topics={"n": int}).n, 1)
        found = []
        for _ in range(3):
            cpu, begun = _cpu(self.server), time.perf_counter()
            page = self.page("long", "start")
            found.append((page.wait(LOG + 1) - begun, _cpu(self.server) - cpu))
            page.close()
        wall, cost = sorted(found)[1]
        return {"s": round(wall, 2), "server_cpu_s": round(cost, 2)}

    def stream(self, rate: int = 500, seconds: int = 6) -> dict[str, float]:
        """Processor time of the server for 1,000 messages of a stream that one page follows."""
        page, count = self.page("stream", "now"), rate * seconds
        cpu, begun = _cpu(self.server), time.perf_counter()
        for n in range(count):
            time.sleep(max(0.0, begun + n / rate - time.perf_counter()))
            self.publish("stream", 1)
        page.wait(count)
        page.close()
        return {"rate": rate, "server_cpu_ms_per_1000": round((_cpu(self.server) - cpu) / count * 1e6, 1)}

    def burst(self) -> dict[str, Any]:
        """100,000 messages from a kernel to one page, as fast as they go."""
        page = self.page("burst", "now")
        cpu, begun = _cpu(self.server), time.perf_counter()
        self.publish("burst", LOG)
        took = page.wait(LOG) - begun
        page.close()
        return {
            "messages_per_s": round(LOG / took),
            "server_cpu_ms_per_1000": round((_cpu(self.server) - cpu) / LOG * 1e6, 1),
        }


def main() -> dict[str, Any]:
    """All figures; those of bare tornado in between, at the same load of the machine."""
    found: dict[str, Any] = {"in_process": asyncio.run(in_process())}
    limits = [bare(2)]
    with jupyter_server() as url:
        ours = Ours(url)
        found["kernel_to_page"] = ours.to_page()
        found["stream"] = ours.stream()
        found["burst"] = ours.burst()
        found["late_joiner"] = ours.replay()
        page = ours.tokens("feed", SUBSCRIBERS)
        found["one_per_frame"] = _fan_out(page, ours.server, lambda: ours.publish("feed", MESSAGES), 3)
        page.close()
        limits.append(bare(2))
        page = ours.page("feed", "now", SUBSCRIBERS)
        found["batches"] = _fan_out(page, ours.server, lambda: ours.publish("feed", MESSAGES * 5), 3, MESSAGES * 5)
        page.close()
        limits.append(bare(2))
        ours.nb.links.close_links()
    found["bare_tornado"] = {key: round(statistics.median(one[key] for one in limits), 1) for key in limits[0]}
    return found | {"ratios": _ratios(found)}


def _ratios(found: dict[str, Any]) -> dict[str, float]:
    limit = found["bare_tornado"]
    return {
        f"{name}_{key}": round(found[name][key] / limit[key], 2)
        for name in ("one_per_frame", "batches")
        for key in ("deliveries_per_s", "server_us")
    }


if __name__ == "__main__":
    report(main())
