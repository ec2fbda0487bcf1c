"""The pictures of the documentation: one for each state, of the views as they are, and the page that lists them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser]

SCRIPT = Path(__file__).parents[2] / "frontend" / "gallery" / "figures.py"
#: Fonts differ between machines; a view that has changed differs more.
TOLERANCE = 0.12


@pytest.fixture(scope="module")
def figures() -> ModuleType:
    """The script that takes them, with the gallery of this checkout."""
    spec = importlib.util.spec_from_file_location("figures", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.build()
    return module


@pytest.fixture
def page(browser: Browser, figures: ModuleType) -> Iterator[Page]:
    """A page as the script opens it."""
    page = browser.new_page(viewport=figures.VIEWPORT)
    yield page
    page.close()


def test_every_state_has_its_picture_and_its_place_in_the_documentation(figures: ModuleType, page: Page) -> None:
    titles = figures.draw(page)
    assert {scene[:2] for scene in titles} == set(figures.VIEWS)
    assert sorted(file.stem for file in figures.IMAGES.glob("*.png")) == sorted(titles)
    assert figures.PAGE.read_text() == figures.listing(titles)


@pytest.mark.parametrize("scene", ["s-running", "t-compare", "a-invalid", "r-menu", "m-live", "p-full"])
def test_a_picture_is_of_the_view_as_it_is(figures: ModuleType, page: Page, scene: str, tmp_path: Path) -> None:
    taken = tmp_path / "taken.png"
    figures.take(page, scene, taken)
    assert page.locator("figure").count() == 1
    with Image.open(taken) as now, Image.open(figures.IMAGES / f"{scene}.png") as kept:
        for ours, theirs in zip(now.size, kept.size, strict=True):
            assert ours == pytest.approx(theirs, rel=TOLERANCE)
        assert len(now.getcolors() or []) > 16


def test_a_picture_that_is_too_large_is_refused(
    figures: ModuleType, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "MOST_BYTES", 1000)
    with pytest.raises(SystemExit, match="bytes; at most 1,000 are wanted"):
        figures.take(page, "s-running", tmp_path / "large.png")


def test_what_has_the_focus_is_in_its_picture(figures: ModuleType, page: Page) -> None:
    figures.draw(page, only="r-menu")
    expect(page.get_by_role("menuitem", name="Copy run id")).to_be_visible()
