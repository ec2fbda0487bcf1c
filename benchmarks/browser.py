"""What a person sees, in a real JupyterLab with Chromium: from publish to the document, a burst, from a cell to a live view, from a click to the run that goes on."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks.measure import quantiles, report
from tests.browser.conftest import make_server
from tests.browser.notebook import Notebook, write_notebook
from tests.support import chromium
from tests.support.llm import ScriptedModel

RATES = (50, 500)
SECONDS = 4
BURST, BURST_RATE = 100_000, 10_000
VIEWS = 9
CLICKS = 12

DEFINITIONS = """
import asyncio, time, uuid
import inngest_nb as nb
from inngest_nb import realtime

class Lane(realtime.Channel, name="lane:{lane}"):
    lane: str
    tokens: realtime.Topic[dict]
    questions: realtime.Topic[dict]

client = nb.Inngest(app_id="bench", engine="server")

async def publish(lane, rate, count):
    ref, began = Lane(lane=lane).tokens, time.perf_counter()
    for i in range(count):
        await asyncio.sleep(max(0, began + i / rate - time.perf_counter()))
        await client.realtime.publish(ref, {"token": "token "})

async def burst(lane, rate, count):
    ref, began = Lane(lane=lane).tokens, time.perf_counter()
    for first in range(0, count, 100):
        await asyncio.sleep(max(0, began + first / rate - time.perf_counter()))
        await asyncio.gather(*(client.realtime.publish(ref, {"token": f"{n} " if n % 50 else f"{n}\\n\\n"}) for n in range(first, first + 100)))
    print(time.perf_counter() - began)

@client.create_function(fn_id="ask", trigger=nb.TriggerEvent(event="bench/ask"))
async def ask(ctx: nb.Context) -> None:
    key = await ctx.step.run("mint", lambda: str(uuid.uuid4()))
    await ctx.publish(Lane(lane="ask").questions, {"message": "Go on?", "id": key})
    await ctx.step.wait_for_event("wait", event="bench/answer", if_exp=f"async.data.id == '{key}'", timeout="5m")
    await ctx.step.run("after", lambda: None)
"""
# The page's clock that ticks evenly, set to the one that messages are stamped with when that shows a new millisecond.
CLOCK = """
const before = Date.now();
while (Date.now() === before);
const since = Date.now() - performance.now(), clock = () => performance.now() + since;
"""
PROBE = (
    f"() => {{ {CLOCK} window.__latencies = []; window.__inbProbe = m => window.__latencies.push(clock() - m.at); }}"
)
SHOWN = "[...document.querySelector('.inb-live.inb-stream .inb-text').children].map(p => p.textContent).join(' ')"
NOTE_CLICKS = f"""() => {{
  {CLOCK}
  if (!window.__clicks) document.addEventListener('click', () => window.__clicks.push(clock()), true);
  window.__clicks = [];
}}"""
TIME_TO_LIVE = """async channel => {
  const began = performance.now();
  void window.jupyterapp.commands.execute('notebook:run-cell');
  const limit = began + 20000;
  while (performance.now() < limit) {
    const cards = [...document.querySelectorAll('.inb-stream[data-inb-connection=live]')];
    if (cards.some(card => card.querySelector('.inb-copyid')?.getAttribute('aria-label') === `Copy ${channel}`)) return performance.now() - began;
    await new Promise(requestAnimationFrame);
  }
  throw new Error(`${channel} did not get live`);
}"""


@contextmanager
def notebook(source: str = DEFINITIONS, prepare: Callable[[Path], None] = lambda _: None) -> Iterator[Notebook]:
    """A notebook whose first cell has run, open in JupyterLab; `prepare` fills the engine's directory before."""
    if chromium.find() is None:
        raise SystemExit("no Chromium on this machine: install it, or name one in CHROMIUM")
    with (
        tempfile.TemporaryDirectory(prefix="bench-browser-") as scratch,
        ScriptedModel(Path(scratch) / "requests.jsonl") as model,
        sync_playwright() as playwright,
    ):
        server = make_server(Path(scratch) / "lab", model)
        prepare(server.data_dir)
        write_notebook(server.root, "bench.ipynb", (source,))
        with server:
            browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.ARGUMENTS))
            opened = Notebook(browser.new_page(viewport={"width": 1250, "height": 1400}), server, "bench.ipynb")
            opened.open()
            opened.run(0)
            yield opened
            browser.close()


def publish_to_document(book: Notebook, rate: int) -> dict[str, float]:
    """From the publish in the kernel to the text in the document."""
    lane, count = f"at-{rate}", rate * SECONDS
    book.run_source(1, f"display(nb.TokenStream(Lane(lane={lane!r}), topics=['tokens']))")
    book.wait_for_connection("stream", "live")
    book.page.evaluate(PROBE)
    finish = book.start(2, f"await publish({lane!r}, {rate}, {count})")
    _shown(book, count)
    finish()
    latencies: list[float] = book.page.evaluate("window.__latencies")
    return quantiles([latency / 1e3 for latency in latencies]) | {"messages": len(latencies)}


def _shown(book: Notebook, count: int) -> None:
    """Wait until so many messages are in the document, without asking the page in every frame as `until` does."""
    book.page.wait_for_function("count => window.__latencies.length >= count", arg=count, polling=100, timeout=120_000)


def burst(book: Notebook) -> dict[str, float]:
    """Numbers as fast as they go: the text that the view has in the end says which are missing and which came twice."""
    book.run_source(1, "display(nb.TokenStream(Lane(lane='burst'), topics=['tokens']))")
    book.wait_for_connection("stream", "live")
    book.page.evaluate(PROBE)
    began = time.perf_counter()
    finish = book.start(2, f"await burst('burst', {BURST_RATE}, {BURST})")
    _shown(book, BURST)
    shown_s = time.perf_counter() - began
    finish()
    numbers = [int(word) for word in book.page.evaluate(SHOWN).split()]
    return {
        "messages_per_s": round(BURST / float(book.printed(2))),
        "shown_s": round(shown_s, 2),
        "lost": BURST - len(set(numbers)),
        "twice": len(numbers) - len(set(numbers)),
        "in_order": numbers == sorted(numbers),
    }


def cell_to_live_view(book: Notebook) -> dict[str, float]:
    """From running a cell to its view saying that it is live, kernel and page warm."""
    found: list[float] = []
    for number in range(VIEWS):
        source = f"display(nb.TokenStream(Lane(lane='live-{number}')))"
        book.page.evaluate(
            "([source]) => { const notebook = window.jupyterapp.shell.currentWidget.content; notebook.activeCellIndex = 1;"
            " notebook.widgets[1].model.sharedModel.setSource(source); }",
            [source],
        )
        found.append(book.page.evaluate(TIME_TO_LIVE, f"lane:live-{number}"))
    return quantiles([time / 1e3 for time in found])


def click_to_next_step(book: Notebook, *, busy: bool) -> dict[str, float]:
    """From the click on Approve to the start of the step after the wait, in the kernel."""
    book.run_source(
        1,
        f"runs = [ask.start({{}}) for _ in range({CLICKS})]\n"
        "display(nb.Approval(Lane(lane='ask'), topic='questions'))\nprint([run.id for run in runs])",
    )
    ids: list[str] = json.loads(book.printed(1).strip().replace("'", '"'))
    if busy:
        slept = book.start(2, "time.sleep(60)")
        book.wait_for_kernel("busy")
    book.page.evaluate(NOTE_CLICKS)
    for _ in ids:
        book.button("Approve").click()
        book.view("approval").locator(".inb-b.primary[aria-disabled=true]").wait_for(state="detached")
    book.view("approval").locator(".inb-question").wait_for(state="detached")
    resumed = sorted(_resumed_at(book, run_id) for run_id in ids)
    if busy:
        book.command("notebook:interrupt-kernel")
        slept()
    clicks: list[float] = book.page.evaluate("window.__clicks")
    return quantiles([(at - click) / 1e3 for click, at in zip(clicks[: len(ids)], resumed, strict=True)])


def _resumed_at(book: Notebook, run_id: str) -> float:
    def after() -> Any:
        steps = book.server.request(f"inngest/api/runs/{run_id}")["steps"]
        return next((step for step in steps if step["step_id"] == "after"), None)

    return float(book.until_true(after)["started_at"])


def main() -> dict[str, Any]:
    """All figures, in milliseconds."""
    with notebook() as book:
        return {
            "publish_to_document": {f"{rate}/s": publish_to_document(book, rate) for rate in RATES},
            "burst": burst(book),
            "cell_to_live_view": cell_to_live_view(book),
            "click_to_next_step": {
                "kernel idle": click_to_next_step(book, busy=False),
                "kernel busy": click_to_next_step(book, busy=True),
            },
        }


if __name__ == "__main__":
    report(main())
