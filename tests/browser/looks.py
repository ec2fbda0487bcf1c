"""What pictures and checks of the views share: themes, widths, and cutting out the cards."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.notebook import PANEL, START, Notebook

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark", "contrast": "JupyterLab Dark High Contrast"}
MARGIN = 5

# The windowed notebook draws a cell again when it is scrolled to; two frames later everything stands.
_SETTLED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
_ALONE = f"""() => {{
  window.jupyterapp.shell.collapseLeft();
  window.jupyterapp.shell.collapseRight();
  const notebook = {PANEL}.content;
  notebook.activeCellIndex = {START + 1};
}}"""
_OUTPUTS = f".jp-Notebook .jp-Cell >> nth={START} >> .jp-Cell-outputArea"


def set_theme(notebook: Notebook, theme: str) -> None:
    """Change JupyterLab's theme and wait until it is there."""
    name = THEMES[theme]
    notebook.command("apputils:change-theme", theme=name)
    notebook.until("name => document.body.dataset.jpThemeName === name", name)
    settle(notebook.page)


def set_width(notebook: Notebook, width: int) -> None:
    """Make the cards this wide, through the window; twice, as JupyterLab lays out narrow notebooks differently."""
    page = notebook.page
    for _ in range(2):
        window = page.viewport_size or {"width": 1250, "height": 1400}
        card = page.locator(".inb-live").first.evaluate("card => card.offsetWidth")
        page.set_viewport_size({"width": window["width"] + width - int(card), "height": window["height"]})
        settle(page)


def show_only_the_notebook(notebook: Notebook) -> None:
    """Fold the side bars away, select another cell, and scroll to the views."""
    notebook.page.evaluate(_ALONE)
    notebook.page.mouse.move(0, 0)
    notebook.page.locator(_OUTPUTS).evaluate("outputs => outputs.scrollIntoView({block: 'start'})")
    settle(notebook.page)


def settle(page: Page) -> None:
    """Wait until what was changed is drawn."""
    page.evaluate(_SETTLED)


def picture(notebook: Notebook) -> bytes:
    """The cards, with a little space around them."""
    boxes = [box for card in notebook.page.locator(".inb-live").all() if (box := card.bounding_box())]
    left, top = min(box["x"] for box in boxes), min(box["y"] for box in boxes)
    right = max(box["x"] + box["width"] for box in boxes)
    bottom = max(box["y"] + box["height"] for box in boxes)
    clip = {
        "x": left - MARGIN,
        "y": top - MARGIN,
        "width": right - left + 2 * MARGIN,
        "height": bottom - top + 2 * MARGIN,
    }
    return notebook.page.screenshot(clip=clip)  # type: ignore[arg-type]
