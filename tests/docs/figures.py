"""What the benchmarks have measured last, as a table of the documentation."""

from __future__ import annotations

import json
from typing import Any

from tests.docs.pages import ROOT

RESULTS = ROOT / "benchmarks" / "results"
#: What, its unit, and where it stands in the results.
PIXELS = [
    ("publish → document at 50 a second, p50", "ms", "browser", "publish_to_document", "50/s", "p50_ms"),
    ("publish → document at 500 a second, p50", "ms", "browser", "publish_to_document", "500/s", "p50_ms"),
    ("the same, p99", "ms", "browser", "publish_to_document", "500/s", "p99_ms"),
    ("100,000 messages from a kernel, each acknowledged", "a second", "browser", "burst", "messages_per_s"),
    ("from the first of them to the last in the document", "s", "browser", "burst", "shown_s"),
    ("of them lost", "", "browser", "burst", "lost"),
    ("of them twice", "", "browser", "burst", "twice"),
    ("from running a cell to a live view, p50", "ms", "browser", "cell_to_live_view", "p50_ms"),
    ("from a click to the next step, kernel busy, p50", "ms", "browser", "click_to_next_step", "kernel busy", "p50_ms"),
    ("publish → subscriber in one process, p50", "ms", "realtime", "in_process", "publish_to_subscriber", "p50_ms"),
    ("publish in a kernel → page's socket, p50", "ms", "realtime", "kernel_to_page", "p50_ms"),
    ("messages of one channel into its log", "a second", "realtime", "in_process", "one_channel_messages_per_s"),
    ("20 subscribers, a message in each frame", "x bare Tornado", "realtime", "ratios", "one_per_frame_deliveries_per_s"),
    ("20 subscribers in batches", "x bare Tornado", "realtime", "ratios", "batches_deliveries_per_s"),
    ("a late joiner reads 100,000 messages", "s", "realtime", "late_joiner", "s"),
    ("server's processor time for 1,000 messages, 500 a second", "ms", "realtime", "stream", "server_cpu_ms_per_1000"),
    ("the same in a burst", "ms", "realtime", "burst", "server_cpu_ms_per_1000"),
    ("first paint of 100,000 runs, on the page", "ms", "lists", "runs", "first_paint_ms"),
    ("first paint of 100,000 runs, in a notebook", "ms", "lists", "runs_in_lab", "first_paint_ms"),
    ("a frame while 20,000 spans are zoomed, p95", "ms", "views", "timeline", "zoom", "p95_ms"),
    ("a frame while 100,000 tokens arrive, p95", "ms", "views", "stream", "frames", "p95_ms"),
]  # fmt: skip


def pixels() -> str:
    """From publish to pixels."""
    lines = ["| what | measured | in `benchmarks/results` |", "|---|---|---|"]
    for what, unit, file, *path in PIXELS:
        found: Any = json.loads((RESULTS / f"{file}.json").read_text())
        for name in path:
            found = found[name]
        shown = f"{found:,.3g}" if isinstance(found, float) else f"{found:,}"
        lines.append(f"| {what} | {f'{shown} {unit}'.strip()} | `{file}.json` {', '.join(path)} |")
    return "\n".join(lines)
