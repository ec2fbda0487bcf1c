"""Every view in every state: readable in all themes and widths, where the system prescribes colours, and where nothing may move."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser]

FRONT_END = Path(__file__).parents[2] / "frontend"
AXE = FRONT_END / "node_modules" / "axe-core" / "axe.min.js"
# One run is drawn many times on this page, which no notebook does: names of landmarks repeat here only.
SERIOUS = """async () => (await axe.run('figure > div', {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'], rules: {'landmark-unique': {enabled: false}},
})).violations.filter(rule => ['serious', 'critical'].includes(rule.impact))
  .flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.target.join(' ')} ${node.any.concat(node.all).map(a => a.message).join('; ')}`))"""
TOO_WIDE = """() => [...document.querySelectorAll('figure')].flatMap(figure =>
  [...figure.querySelectorAll('.inb, .inb-head, .inb-note, .inb-foot, .inb-btns, .inb-filters, .inb-prose, .inb-send, .rail, main, aside')]
    .filter(part => part.scrollWidth > part.clientWidth + 1).map(part => `${figure.id}: ${part.className || part.tagName}`))"""
# How many different colours, grey levels left out, are in what is drawn of each kind.
COLOURS = """selectors => Object.fromEntries(selectors.map(selector => [selector, new Set([...document.querySelectorAll(selector)]
  .map(part => getComputedStyle(part).backgroundColor)).size]))"""
HUES = """() => {
  const canvas = [...document.querySelectorAll('.inb-canvas')].find(each => each.width > 300), found = new Set();
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < data.length; i += 4) {
    const [r, g, b, a] = data.slice(i, i + 4);
    if (a > 200 && Math.max(r, g, b) - Math.min(r, g, b) > 60) found.add(['r', 'g', 'b'][[r, g, b].indexOf(Math.max(r, g, b))]);
  }
  return [...found].sort();
}"""
MOVING = """() => document.getAnimations().filter(each => each.playState === 'running').map(each => each.effect?.target?.className?.baseVal ?? '')"""


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """The gallery of this checkout."""
    subprocess.run([shutil.which("node") or "node", "build.mjs", "--gallery"], cwd=FRONT_END, check=True)


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page with what the test wants of its browser."""
    context = browser.new_context(viewport={"width": 1700, "height": 1000}, **getattr(request, "param", {}))
    page = context.new_page()
    page.add_init_script(path=AXE)
    yield page
    context.close()


def show(page: Page, theme: str = "light", **query: object) -> None:
    """Draw the gallery."""
    asked = "&".join(f"{name}={value}" for name, value in {"theme": theme, **query}.items())
    page.goto(f"{(FRONT_END / 'gallery' / 'index.html').as_uri()}?{asked}")
    page.wait_for_selector("html[data-ready]", state="attached", timeout=60_000)


@pytest.mark.parametrize("theme", ["light", "dark", "hc"])
def test_no_state_of_a_view_is_inaccessible_or_too_wide(page: Page, theme: str) -> None:
    for width in (400, 1100):
        show(page, theme, width=width)
        assert page.locator("figure").count() > 85
        assert page.evaluate(TOO_WIDE) == []
        assert page.evaluate(SERIOUS) == []


@pytest.mark.parametrize(
    "page",
    [{"forced_colors": "active", "color_scheme": "light"}, {"forced_colors": "active", "color_scheme": "dark"}],
    indirect=True,
    ids=["light", "dark"],
)
def test_what_only_a_colour_tells_is_told_under_prescribed_colours(page: Page) -> None:
    show(page, only="t-parallel")
    assert page.evaluate(HUES) == ["b", "g", "r"]
    for scene, parts in {
        "r-live": [".inb-strip i"],
        "p-runs": [".inb-hour i"],
        "m-live": [".inb-chip .dot"],
        "s-": [".inb-conn i"],
    }.items():
        show(page, only=scene)
        assert all(count >= 2 for count in page.evaluate(COLOURS, parts).values()), scene
    for scene, chosen, others in (
        ("r-selected", ".trow.sel", ".trow:not(.sel)"),
        ("m-none", ".inb-chip.on", ".inb-chip:not(.on)"),
        ("p-runs", ".rail a.on", ".rail a:not(.on)"),
    ):
        show(page, only=scene)
        background = "part => getComputedStyle(part).backgroundColor"
        assert page.locator(chosen).first.evaluate(background) != page.locator(others).first.evaluate(background), scene


@pytest.mark.parametrize("page", [{"forced_colors": "active"}], indirect=True)
def test_every_state_is_accessible_under_prescribed_colours(page: Page) -> None:
    show(page)
    assert page.evaluate(SERIOUS) == []


def test_what_is_under_way_moves(page: Page) -> None:
    show(page, only="s-running")
    assert any("spin" in name for name in page.evaluate(MOVING))


@pytest.mark.parametrize("page", [{"reduced_motion": "reduce"}], indirect=True)
def test_nothing_moves_for_those_who_prefer_that(page: Page) -> None:
    show(page)
    assert page.locator(".inb-i.spin").count() > 10
    assert page.evaluate(MOVING) == []


def _number(words: str) -> float:
    found = re.match(r"([\d.,]+)\s*(k?)", words)
    return float(found[1].replace(",", "")) * (1000 if found[2] else 1) if found else 0


def test_a_reader_leaves_the_tail_of_a_fast_stream_and_comes_back(page: Page) -> None:
    page.goto(f"{(FRONT_END / 'gallery' / 'index.html').as_uri()}?bench=stream&count=200000&frame=40")
    box = page.locator(".inb-scroll.over")
    at = "box => box.scrollHeight - box.scrollTop - box.clientHeight"
    box.wait_for(timeout=60_000)
    page.wait_for_function("() => document.querySelector('.inb-scroll').scrollHeight > 3000")
    assert box.evaluate(at) < 40  # followed so far
    shown = "() => Number(document.querySelector('[data-inb-tokens]').dataset.inbTokens)"
    before = page.evaluate(shown)
    box.hover()
    page.mouse.wheel(0, -600)
    page.locator(".inb-jump").wait_for(timeout=10_000)
    below = page.locator(".inb-jump").inner_text()
    assert _number(below) <= page.evaluate(shown) - before, below  # only what came since
    place = box.evaluate("box => box.scrollTop")
    page.wait_for_function("at => document.querySelector('.inb-scroll').scrollHeight > at", arg=place + 3000)
    assert box.evaluate("box => box.scrollTop") == place  # nobody pulls the reader down
    page.locator(".inb-jump").click()
    page.wait_for_function("() => document.querySelector('.inb-jump') === null")
    page.wait_for_function(f"() => ({at})(document.querySelector('.inb-scroll')) < 40")
