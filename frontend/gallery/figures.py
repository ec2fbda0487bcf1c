"""Takes the pictures of every view in every state that the documentation shows, and writes the page that lists them.

``python frontend/gallery/figures.py`` writes ``docs/images/views/*.png`` and ``docs/reference/views.md``.
"""  # noqa: INP001 - a script beside the page that it opens, not a package

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs"
IMAGES = DOCS / "images" / "views"
PAGE = DOCS / "reference" / "views.md"
MOST_BYTES = 150_000
COLOURS = 128
CHROMIUM_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
VIEWPORT = {"width": 1660, "height": 1000}
VIEWS = {
    "s-": "TokenStream",
    "t-": "RunTimeline",
    "a-": "Approval",
    "r-": "RunTable",
    "m-": "MessageFeed",
    "p-": "The page of its own",
}
HEAD = """\
# The views in every state

What each view shows in each of its states. The pictures are drawn from recorded runs; `python frontend/gallery/figures.py` takes
them again. [The tour](../tour.md) tells what the views are for; [the API](api.md) has their arguments.
"""


def draw(page: Page, theme: str = "light", only: str = "") -> dict[str, str]:
    """Open the gallery, or one scene of it; the titles by id."""
    page.goto(f"{(HERE / 'index.html').as_uri()}?theme={theme}&only={only}")
    page.wait_for_selector("html[data-ready]", state="attached")
    found: dict[str, str] = page.evaluate(
        "() => Object.fromEntries([...document.querySelectorAll('figure')].map(f => [f.id, f.querySelector('figcaption').textContent]))"
    )
    return found


def take(page: Page, scene: str, file: Path) -> None:
    """One scene as a small picture: alone on its page, where no other one takes its focus."""
    draw(page, only=scene)
    taken = Image.open(io.BytesIO(page.locator(f"figure#{scene} > div").screenshot()))
    taken.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    if file.stat().st_size > MOST_BYTES:
        raise SystemExit(
            f"{file} has {file.stat().st_size:,} bytes; at most {MOST_BYTES:,} are wanted. Make the scene smaller."
        )


def listing(titles: dict[str, str]) -> str:
    """The page: a section for each view, a picture for each state."""
    parts = [HEAD]
    for prefix, view in VIEWS.items():
        scenes = [scene for scene in titles if scene.startswith(prefix)]
        if scenes:
            parts.append(f"## {view}\n")
        parts += [
            f"**{titles[scene]}**\n\n![{view}: {titles[scene]}](../images/views/{scene}.png)\n" for scene in scenes
        ]
    return "\n".join(parts)


def build() -> None:
    """Build the gallery."""
    subprocess.run([shutil.which("node") or "node", "build.mjs", "--gallery"], cwd=HERE.parent, check=True)  # noqa: S603 - our own build


def main() -> None:
    """Build the gallery, take the pictures, write the page."""
    build()
    IMAGES.mkdir(parents=True, exist_ok=True)
    for old in IMAGES.glob("*.png"):
        old.unlink()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_ARGS)
        page = browser.new_page(viewport=VIEWPORT)
        titles = draw(page)
        for scene in titles:
            take(page, scene, IMAGES / f"{scene}.png")
        browser.close()
    PAGE.write_text(listing(titles))


if __name__ == "__main__":
    main()
