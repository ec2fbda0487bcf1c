"""How the views look in a real notebook: themes, widths, space, contrast, and what assistive technology gets."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import HALF
from tests.browser.looks import picture, set_theme, set_width, show_only_the_notebook
from tests.browser.notebook import Notebook
from tests.support.llm import ScriptedModel

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
SPACE = 8
WIDE, NARROW = 1000, 400

# JupyterLab lays out the document around the cards: its landmarks and headings are not ours.
_VIOLATIONS = """async () => (await axe.run('.inb-live', {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'],
})).violations.flatMap(rule => rule.nodes.map(node => `${rule.impact} ${rule.id}: ${node.target.join(' ')}`))"""
_OVERFLOWING = """() => [...document.querySelectorAll('.inb-live')].flatMap(card =>
  [card, ...card.querySelectorAll('.inb-head, .inb-note, .inb-foot, .inb-btns, .inb-prose, .inb-tl')])
  .filter(part => part.scrollWidth > part.clientWidth + 1).map(part => part.className)"""
_COUNT_DRAWINGS = """() => {
  const clear = CanvasRenderingContext2D.prototype.clearRect;
  window.inbDrawings = 0;
  CanvasRenderingContext2D.prototype.clearRect = function (...rectangle) {
    window.inbDrawings += this.canvas.classList.contains('inb-canvas') ? 1 : 0;
    return clear.apply(this, rectangle);
  };
}"""
_MOVING = """() => document.getAnimations().filter(each => each.playState === 'running' && each.effect?.target?.closest('.inb-live'))
  .map(each => each.effect.target.className?.baseVal ?? each.effect.target.className)"""
_HUES = """() => {
  const canvas = [...document.querySelectorAll('.inb-timeline .inb-canvas')].at(-1), found = new Set();
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < data.length; i += 4) {
    const [r, g, b, a] = data.slice(i, i + 4);
    if (a > 200 && Math.max(r, g, b) - Math.min(r, g, b) > 60) found.add(['r', 'g', 'b'][[r, g, b].indexOf(Math.max(r, g, b))]);
  }
  return [...found].sort();
}"""
_AMBER = """() => {
  const canvas = [...document.querySelectorAll('.inb-timeline .inb-canvas')].at(-1);
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) count += data[i] > 180 && data[i + 1] > 80 && data[i + 1] < 160 && data[i + 2] < 60;
  return count;
}"""


def problems(notebook: Notebook, *, width: int) -> list[str]:
    """What is wrong with the cards at this width, in the theme of the moment."""
    set_width(notebook, width)
    show_only_the_notebook(notebook)
    found: list[str] = notebook.page.evaluate(_VIOLATIONS)
    overflowing: list[str] = notebook.page.evaluate(_OVERFLOWING)
    boxes: list[Any] = [card.bounding_box() for card in notebook.page.locator(".inb-live").all()]
    gaps = [after["y"] - before["y"] - before["height"] for before, after in itertools.pairwise(boxes)]
    assert len(gaps) == 2
    return [
        *(violation for violation in found if violation.startswith(("serious", "critical"))),
        *(f"wider than its card: {name}" for name in overflowing),
        *(f"only {gap} px between two cards" for gap in gaps if gap < SPACE),
    ]


def test_the_views_are_readable_in_every_theme_and_width(quickstart: Notebook) -> None:
    quickstart.page.evaluate(f"{AXE.read_text()}; undefined")
    quickstart.ask()
    quickstart.button("Approve").wait_for()
    pictures = set()
    for theme in ("light", "dark", "contrast"):
        set_theme(quickstart, theme)
        assert problems(quickstart, width=WIDE) == []
        pictures.add(picture(quickstart))
        assert problems(quickstart, width=NARROW) == []
    assert len(pictures) == 3
    assert quickstart.page.evaluate(_AMBER) > 100
    quickstart.button("Approve").click()
    quickstart.wait_for_status("timeline", "completed")
    for theme in ("light", "dark"):
        set_theme(quickstart, theme)
        assert problems(quickstart, width=NARROW) == []
        assert problems(quickstart, width=WIDE) == []
    # The time in which a person was waited for keeps its colour when it is over.
    assert quickstart.page.evaluate(_AMBER) > 100


def test_prescribed_colours_and_no_motion_in_a_notebook(half_an_answer: ScriptedModel, quickstart: Notebook) -> None:
    page = quickstart.page
    page.evaluate(f"{AXE.read_text()}; undefined")
    page.evaluate(_COUNT_DRAWINGS)
    page.emulate_media(forced_colors="active", reduced_motion="reduce")
    quickstart.ask()
    page.locator(f".inb-stream[data-inb-tokens='{HALF}']").wait_for()
    quickstart.wait_for_status("timeline", "running")
    assert page.locator(".inb-live .inb-i.spin").count() > 0
    assert page.evaluate(_MOVING) == []
    page.evaluate("window.inbDrawings = 0")
    page.wait_for_function("window.inbDrawings >= 2")
    since, drawings = page.evaluate("[performance.now(), window.inbDrawings]")
    page.wait_for_function("since => performance.now() - since > 2000", arg=since)
    assert page.evaluate("window.inbDrawings") - drawings <= 6  # the live edge and the figures: once a second each
    assert page.evaluate(_HUES) == ["b"]  # what runs
    half_an_answer.release()
    quickstart.button("Approve").wait_for()
    quickstart.until_true(lambda: {"g", "r"} <= set(page.evaluate(_HUES)))  # what has run, and what waits for a person
    assert quickstart.button("Approve").evaluate("button => getComputedStyle(button).borderWidth") == "2px"
    found: list[str] = page.evaluate(_VIOLATIONS)
    assert [violation for violation in found if violation.startswith(("serious", "critical"))] == []


def test_what_is_under_way_moves_in_a_notebook(half_an_answer: ScriptedModel, quickstart: Notebook) -> None:
    quickstart.page.evaluate(_COUNT_DRAWINGS)
    quickstart.ask()
    quickstart.page.locator(f".inb-stream[data-inb-tokens='{HALF}']").wait_for()
    quickstart.wait_for_status("timeline", "running")
    assert any("spin" in name for name in quickstart.page.evaluate(_MOVING))
    quickstart.page.evaluate("window.inbDrawings = 0")
    quickstart.page.wait_for_function("window.inbDrawings > 20", timeout=4000)


def test_the_keyboard_alone_answers(quickstart: Notebook) -> None:
    quickstart.ask()
    quickstart.button("Reject").wait_for()
    quickstart.view("stream").get_by_role("button", name="Go to approval").focus()
    quickstart.page.keyboard.press("Enter")
    approve = quickstart.button("Approve")
    quickstart.until_true(lambda: approve.evaluate("button => button === document.activeElement"))
    quickstart.page.keyboard.press("Tab")
    quickstart.page.keyboard.press("Enter")
    quickstart.view("approval").locator(".inb-answer[data-phase=rejected]").wait_for()
