"""Takes pictures of every view in every state: ``python shots.py OUTDIR [--only PREFIX]``."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve().parent
THEMES = ("light", "dark", "hc")
WIDTHS = (None, 400, 1100)
CHROMIUM_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]


def shoot(page: Page, out: Path, only: str, theme: str, width: int | None) -> None:
    """Draw the gallery in one theme and width, and report what overflows its card."""
    query = f"theme={theme}&only={only}" + (f"&width={width}" if width else "")
    page.goto(f"{(HERE / 'index.html').as_uri()}?{query}")
    page.wait_for_function("document.querySelectorAll('figure .inb-live').length >= document.querySelectorAll('figure').length")
    page.wait_for_timeout(400)
    page.screenshot(path=out / f"{only or 'all'}{theme}-{width or 'drawn'}.png", full_page=True)
    wide = page.evaluate(
        "[...document.querySelectorAll('figure')].filter(f => [...f.querySelectorAll('.inb, .inb-head, .inb-note, .inb-foot, .inb-btns')]"
        ".some(e => e.scrollWidth > e.clientWidth + 1)).map(f => f.id)"
    )
    if wide:
        print(f"{theme} {width}: wider than their card: {wide}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--themes", nargs="+", default=THEMES)
    parser.add_argument("--widths", nargs="+", type=int, default=None)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    subprocess.run(["node", "build.mjs", "--gallery"], cwd=HERE.parent, check=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_ARGS)
        page = browser.new_page(viewport={"width": 1660, "height": 900})
        page.on("pageerror", lambda error: print("page error:", error))
        page.on("console", lambda message: message.type == "error" and print("console:", message.text))
        for theme in args.themes:
            for width in args.widths or WIDTHS:
                shoot(page, args.out, args.only, theme, width or None)
        browser.close()


if __name__ == "__main__":
    main()
