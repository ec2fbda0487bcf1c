"""Long lists in a real page of a real server: the table of 100,000 runs, and the feed of a channel with 1,000,000 messages."""

from __future__ import annotations

import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from playwright.sync_api import BrowserContext, Page, sync_playwright

from benchmarks.browser import notebook
from benchmarks.measure import report
from inngest_nb.clock import encode_ulid
from inngest_nb.engine.journal.journal import add_event, add_run, add_step, end_run
from inngest_nb.engine.records import Run, StepRow, StoredEvent
from inngest_nb.stephash import step_hash
from inngest_nb.store import Write, open_database
from tests.support import chromium
from tests.support.jupyter import TOKEN, JupyterServer

RUNS, MESSAGES = 100_000, 1_000_000
CHANNEL = "chat:long"
OPENINGS, PLACES = 7, 20
STEPS = ("fetch-context", "generate", "check-policy", "send-result")
_HASHES = {step: step_hash(step, 0) for step in STEPS}
_ANSWER = orjson.dumps({"text": "Durable execution means that a program goes on where it stopped. " * 6}).decode()
_FAULT = orjson.dumps(
    {"code": "step_failed", "name": "APIStatusError", "message": "503", "stack": "at line 14\n" * 20}
).decode()
#: Milliseconds from the beginning of the navigation until a condition holds in a frame that is painted.
_PAINTED = """selector => new Promise((resolve, reject) => {
  const limit = setTimeout(() => reject(new Error(`no ${selector}`)), 30000);
  (function look() {
    if (!document.querySelector(selector)) return requestAnimationFrame(look);
    clearTimeout(limit);
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
  })();
})"""
#: How far frames are apart while the list is dragged to its places, and how long each takes until it has rows in sight.
_SCROLL = """async ([row, places]) => {
  const box = document.querySelector('main .body'), apart = [], took = [];
  const seen = () => {
    const edge = box.getBoundingClientRect();
    const at = document.elementFromPoint(edge.left + 200, edge.top + box.clientHeight / 2);
    return at?.closest(row) && !at.closest('.blank');
  };
  const frame = () => new Promise(requestAnimationFrame);
  let last = await frame();
  for (const place of places) {
    const began = performance.now();
    box.scrollTop = place * (box.scrollHeight - box.clientHeight);
    do {
      const now = await frame();
      apart.push(now - last);
      last = now;
    } while (!seen());
    took.push(performance.now() - began);
  }
  return {apart, took};
}"""


#: Milliseconds from running a cell of JupyterLab until a live view that was not there before has rows that are painted.
_ROWS_OF_CELL = """async () => {
  for (const card of document.querySelectorAll('.inb-live')) card.dataset.before = '';
  const began = performance.now(), row = '.inb-run-table:not([data-before]) [data-run]';
  void window.jupyterapp.commands.execute('notebook:run-cell');
  while (!document.querySelector(row)) {
    if (performance.now() > began + 30000) throw new Error('no rows');
    await new Promise(requestAnimationFrame);
  }
  return new Promise(resolve => requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began))));
}"""


def main() -> dict[str, Any]:
    """Both lists, each opened several times by a browser that has nothing in its cache the first time; then in a notebook."""
    with served() as (server, context):
        found = {
            "runs": {"count": RUNS, **table(server, context)},
            "messages": {"count": MESSAGES, **feed(server, context)},
        }
    return found | {"runs_in_lab": {"count": RUNS, **table_in_lab()}}


@contextmanager
def served() -> Iterator[tuple[JupyterServer, BrowserContext]]:
    """A server on filled stores, and a browser."""
    with tempfile.TemporaryDirectory(prefix="bench-lists-") as scratch, sync_playwright() as playwright:
        server = JupyterServer(
            Path(scratch) / "server",
            app="server",
            arguments=("--ServerApp.jpserver_extensions={'inngest_nb_server': True}",),
        )
        fill_runs(server.data_dir)
        fill_messages(server.data_dir)
        with server:
            browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.ARGUMENTS))
            context = browser.new_context(viewport={"width": 1400, "height": 1000})
            context.request.get(f"{server.url}inngest/api/status?token={TOKEN}")  # who is logged in has the cookie
            yield server, context
            browser.close()


def table(server: JupyterServer, context: BrowserContext) -> dict[str, Any]:
    """First paint of the table, and looking through it."""
    page = context.new_page()
    opened = [_opened(page, f"{server.url}inngest#/runs", "main [data-run]") for _ in range(OPENINGS)]
    page.goto(f"{server.url}inngest#/runs")
    page.evaluate(_PAINTED, "main [data-run]")
    found = {**_paints(opened), **scrolled(page, "[data-run]")}
    found["filter_failed_ms"] = _acted(
        page, lambda: page.locator(".inb-chip", has_text="Failed").click(), "main [data-status=failed]"
    )
    page.close()
    return found


def table_in_lab() -> dict[str, Any]:
    """From running the cell that displays the table in JupyterLab to its first rows."""
    source = "import inngest_nb as nb\nclient = nb.Inngest(app_id='bench', engine='server')\nclient.runs(limit=1)"
    with notebook(source, prepare=fill_runs) as book:
        book.start(1, "display(nb.RunTable(client))")()
        book.view("run-table").locator("[data-run]").first.wait_for()
        return _paints([book.page.evaluate(_ROWS_OF_CELL) for _ in range(OPENINGS)])


def feed(server: JupyterServer, context: BrowserContext) -> dict[str, Any]:
    """First paint of the feed, going to any place of it, and filters."""
    place = f"{server.url}inngest#/channels/{CHANNEL}"
    page = context.new_page()
    opened = [_opened(page, place, "main [data-offset]") for _ in range(OPENINGS)]
    page.goto(place)
    page.evaluate(_PAINTED, "main [data-offset]")
    found = {**_paints(opened), **scrolled(page, "[data-offset]")}
    search = page.locator("main [data-search]")
    found["filter_topic_ms"] = _acted(
        page,
        lambda: page.locator(".inb-chip", has_text="status").click(),
        "main .body [data-offset]:first-child [title=status]",
    )
    found["filter_rare_ms"] = _acted(page, lambda: search.fill("mark=needle"), "main [data-offset='700000']")
    page.close()
    return found


def scrolled(page: Page, row: str) -> dict[str, Any]:
    """Places all over the list, far apart."""
    rng = random.Random(1)
    found = page.evaluate(_SCROLL, [row, [rng.random() for _ in range(PLACES)]])
    apart = sorted(found["apart"])
    return {
        "place_p50_ms": round(statistics.median(found["took"])), "place_max_ms": round(max(found["took"])),
        "frame_p95_ms": round(apart[int(len(apart) * 0.95)], 1), "frame_max_ms": round(apart[-1], 1),
    }  # fmt: skip


def _opened(page: Page, url: str, row: str) -> float:
    page.goto("about:blank")  # in a tab that is there: with a new one a browser loads pages of its own
    page.goto(url, wait_until="commit")
    painted: float = page.evaluate(_PAINTED, row)
    return painted


def _paints(opened: list[float]) -> dict[str, float]:
    return {
        "first_time_ms": round(opened[0]),
        "first_paint_ms": round(statistics.median(opened[1:])),
        "worst_ms": round(max(opened[1:])),
    }


def _acted(page: Page, act: Callable[[], None], wanted: str) -> float:
    began = time.perf_counter()
    act()
    page.locator(wanted).first.wait_for(timeout=20_000)
    return round((time.perf_counter() - began) * 1e3)


# -- what is stored ------------------------------------------------------------------------------


def fill_runs(folder: Path, count: int = RUNS) -> None:
    """Runs of ten functions over a month, as an engine leaves them: one in fifty failed."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = open_database(folder / "journal.db", "inngest_nb.engine.journal", synchronous="OFF")
    now = time.time_ns() // 1000
    apart = 30 * 86_400_000_000 // count
    for first in range(0, count, 10_000):
        statements: dict[str, list[tuple[Any, ...]]] = {}
        for n in range(first, min(count, first + 10_000)):
            for statement, row in _run(n, now - (count - n) * apart):
                statements.setdefault(statement, []).append(row)
        _execute(connection, statements)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _run(n: int, at: int) -> Iterator[Write]:
    run_id, failed = encode_ulid(at // 1000, n), n % 53 == 7
    data = orjson.dumps({"prompt": f"Explain durable execution, case {n}.", "user": f"u{n % 977}"}).decode()
    event = StoredEvent(
        id=run_id, event_id=run_id, name=f"app/asked-{n % 10}", data=data, user=None, ts=at // 1000, received_at=at
    )
    run = Run(id=run_id, fn_id=f"app-answer-{n % 10}", status="failed" if failed else "completed", events=[event], queued_at=at,
              started_at=at + 900, ended_at=at + 9_000_000, output=None if failed else _ANSWER, error=_FAULT if failed else None)  # fmt: skip
    yield add_event(event, target=None, key=None)
    yield from add_run(run, "code")
    for i, step in enumerate(STEPS):
        begun = at + 1000 + i * 2_000_000
        status = "failed" if failed and i == len(STEPS) - 1 else "completed"
        yield add_step(
            run_id,
            StepRow(_HASHES[step], 0, step, i, "run", status, begun, begun + 1_900_000, None, _ANSWER, None, None),
            "code",
        )
    yield from end_run(run)[:1]


def fill_messages(folder: Path, count: int = MESSAGES) -> None:
    """One channel of many answers, with a status now and then, and one message that is looked for."""
    connection = open_database(folder / "messages.db", "inngest_nb.hub", synchronous="OFF")
    connection.execute("BEGIN")
    connection.execute(
        "INSERT INTO channels (id, name, epoch, first_offset, next_offset) VALUES (1, ?, 1, 0, ?)", (CHANNEL, count)
    )
    connection.executemany(
        'INSERT INTO messages (channel_id, "offset", topic, kind, data, run_id, fn_id, step_id, attempt, created_at) '
        "VALUES (1, ?, ?, 'data', ?, ?, 'app-answer-1', 'generate', 0, ?)",
        (_message(n, count) for n in range(count)),
    )
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _message(n: int, count: int) -> tuple[Any, ...]:
    at = time.time_ns() // 1000 - (count - n) * 20_000
    about = (encode_ulid(1_790_000_000_000 + n // 300, n // 300), at)
    if n == 700_000:
        return (n, "status", '{"mark":"needle"}', *about)
    return (
        (n, "status", f'{{"message":"step {n % 7}","progress":{n % 100}}}', *about)
        if n % 6 == 0
        else (n, "tokens", f'{{"token":"word{n % 997} "}}', *about)
    )


def _execute(connection: sqlite3.Connection, statements: dict[str, list[tuple[Any, ...]]]) -> None:
    connection.execute("BEGIN")
    for statement, rows in statements.items():
        connection.executemany(statement, rows)
    connection.execute("COMMIT")


if __name__ == "__main__":
    report(main())
