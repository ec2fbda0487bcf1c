"""The quickstart as a newcomer sees it: Run All, watch, click, read what happened."""

from __future__ import annotations

import itertools

import pytest

from tests.browser.conftest import RATE, STREAM
from tests.browser.notebook import Notebook

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

RUNS, STEPS, MESSAGES, PLOT = 11, 12, 13, 15

# Notes every state of the text that a frame was drawn with.
WATCH_TEXT = """() => {
  window.__texts = [];
  const look = () => {
    const text = document.querySelector('.inb-stream .inb-text')?.textContent ?? '';
    if (text !== (window.__texts.at(-1) ?? '')) window.__texts.push(text);
    requestAnimationFrame(look);
  };
  look();
}"""
# Notes every status that a row of the timeline, by its name, was drawn with.
WATCH_ROWS = """() => {
  window.__rows = {};
  const look = () => {
    for (const row of document.querySelectorAll('.inb-timeline .row')) {
      const name = row.querySelector('.t')?.firstChild?.textContent;
      const word = row.querySelector('[role=gridcell]')?.textContent.split(',')[0];
      const words = (window.__rows[name] ??= []);
      if (words.at(-1) !== word) words.push(word);
    }
    requestAnimationFrame(look);
  };
  look();
}"""


def test_run_all_streams_asks_and_ends_in_tables_and_a_plot(quickstart: Notebook) -> None:
    page = quickstart.page
    page.evaluate(WATCH_TEXT)
    page.evaluate(WATCH_ROWS)
    quickstart.run_all()

    quickstart.wait_for_status("stream", "running")
    quickstart.button("Approve").wait_for()

    # Token by token: a frame may show a few at once, but never much of the text.
    texts: list[str] = page.evaluate("window.__texts")
    assert len(texts) > len(STREAM.tokens) / 8
    lengths = [len(text) for text in texts]
    assert max(after - before for before, after in itertools.pairwise(lengths)) < lengths[-1] / 3
    stream = quickstart.view("stream")
    assert stream.locator(".inb-text ol > li").count() == 3
    assert "journal.flush()" in stream.locator(".inb-text pre code").inner_text()
    assert stream.get_attribute("data-inb-tokens") == str(len(STREAM.tokens))
    speed = float(stream.locator(".inb-figures div", has_text="tok/s").locator("dd").inner_text())
    assert RATE / 2 < speed < RATE * 1.5

    timeline = quickstart.view("timeline")
    assert timeline.locator('.row[aria-level="2"] .t').all_inner_texts() == [
        f"ask-model{len(STREAM.tokens)} tokens", "mint-confirmation", "wait-for-confirmation",
    ]  # fmt: skip
    assert timeline.get_attribute("data-inb-status") == "waiting"
    assert "Publish this answer?" in timeline.locator(".inb-note").inner_text()

    quickstart.button("Approve").click()
    quickstart.wait_for_status("timeline", "completed")
    quickstart.wait_for_status("stream", "completed")
    answered = quickstart.view("approval").locator(".inb-answer")
    answered.wait_for()
    assert answered.get_attribute("data-phase") == "approved"
    rows: dict[str, list[str]] = page.evaluate("window.__rows")
    assert rows["ask-model"] == ["Running", "Completed"]
    assert rows["wait-for-confirmation"] == ["Waiting for you", "Completed"]
    assert rows["publish-result"][-1] == "Completed"

    # The cell that waited goes on, and the history is there.
    quickstart.wait_for_cell(PLOT)
    html = {i: "".join(quickstart.outputs(i)[0]["data"]["text/html"]) for i in (RUNS, STEPS, MESSAGES)}
    assert "completed" in html[RUNS]
    assert all(step in html[STEPS] for step in ("ask-model", "mint-confirmation", "wait-for-confirmation"))
    assert str(len(STREAM.tokens)) in html[MESSAGES]
    assert [output["data"].keys() >= {"image/png"} for output in quickstart.outputs(PLOT)] == [True]
    assert not [text for text in quickstart.console if "inngest" in text.lower()]
