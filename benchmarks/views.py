"""Whether the views keep up: frames while a timeline of 20,000 spans is zoomed, panned and scrolled, and while 100,000 tokens arrive.

Measured in Chromium. A frame is late if it comes more than two frames of a 60 Hz screen after the one before.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks.measure import report
from tests.support import chromium

FRONT_END = Path(__file__).parents[1] / "frontend"
SPANS, TOKENS, PER_FRAME = 20_000, 100_000, 40
FRAMES = 150
#: Does one thing in every frame, and notes how far the frames are apart.
_FRAMES = """async ([count, kind]) => {
  const card = document.querySelector('.inb-tl'), list = document.querySelector('.inb-tl .rows');
  const edge = card.getBoundingClientRect();
  const wheel = more => card.dispatchEvent(new WheelEvent('wheel', {bubbles: true, cancelable: true, clientX: edge.left + 600, clientY: edge.top + 200, ...more}));
  const acts = {
    zoom: i => wheel({ctrlKey: true, deltaY: i % 100 < 50 ? -40 : 40}),
    pan: i => wheel({deltaX: i % 100 < 50 ? 60 : -60}),
    scroll: i => { list.scrollTop += i % 100 < 90 ? 240 : -4000; },
  };
  const apart = [];
  let last = await new Promise(requestAnimationFrame);
  for (let i = 0; i < count; i++) {
    acts[kind](i);
    const now = await new Promise(requestAnimationFrame);
    apart.push(now - last);
    last = now;
  }
  return apart;
}"""
_WHILE_STREAMING = """async () => {
  const apart = [];
  let last = performance.now();
  while (!('done' in document.documentElement.dataset)) {
    const now = await new Promise(requestAnimationFrame);
    apart.push(now - last);
    last = now;
  }
  return apart;
}"""


def frames(apart_ms: list[float]) -> dict[str, float]:
    """How far frames are apart: p50, p95, and how many took longer than two frames of a 60 Hz screen."""
    ordered = sorted(apart_ms)
    late = sum(apart > 34 for apart in ordered)
    return {
        "p50_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[int(len(ordered) * 0.95)], 1),
        "late_share": round(late / len(ordered), 3),
    }


def open_bench(page: Page, what: str, count: int) -> float:
    """Draw the view; milliseconds until something is seen."""
    page.goto(f"{(FRONT_END / 'gallery' / 'index.html').as_uri()}?bench={what}&count={count}&frame={PER_FRAME}")
    page.wait_for_selector("html[data-first-paint]", state="attached", timeout=60_000)
    return float(page.locator("html").get_attribute("data-first-paint") or 0)


def timeline(page: Page) -> dict[str, Any]:
    """Frames while the timeline is looked at."""
    figures: dict[str, Any] = {"spans": SPANS, "first_paint_ms": open_bench(page, "timeline", SPANS)}
    for kind in ("zoom", "pan", "scroll"):
        figures[kind] = frames(page.evaluate(_FRAMES, [FRAMES, kind]))
    return figures


def stream(page: Page) -> dict[str, Any]:
    """Frames while the tokens arrive."""
    first = open_bench(page, "stream", TOKENS)
    apart = page.evaluate(_WHILE_STREAMING)
    tenth = max(1, len(apart) // 10)
    return {
        "tokens": TOKENS,
        "tokens_per_frame": PER_FRAME,
        "first_paint_ms": first,
        "frames": frames(apart),
        "last_tenth": frames(apart[-tenth:]),
    }


def main() -> dict[str, Any]:
    """Both, in a page of their own."""
    build = [shutil.which("node") or "node", "build.mjs", "--gallery"]
    subprocess.run(build, cwd=FRONT_END, check=True, stdout=subprocess.DEVNULL)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.ARGUMENTS))
        page = browser.new_page(viewport={"width": 1250, "height": 1000})
        figures = {"timeline": timeline(page), "stream": stream(page)}
        browser.close()
    return figures


if __name__ == "__main__":
    report(main())
