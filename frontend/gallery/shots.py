"""Takes pictures of every view in every state, and fails on what is inaccessible, too wide or broken.

``python shots.py OUTDIR [--only PREFIX] [--themes light dark hc] [--widths 0 400 1100]``; width 0 is as drawn.
``python shots.py OUTDIR --cards r-live=run-table m-live=message-feed --themes light dark`` takes single cards.
"""  # noqa: INP001 - a script beside the page that it opens, not a package

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page, sync_playwright

HERE = Path(__file__).resolve().parent
THEMES = ("light", "dark", "hc")
WIDTHS = (0, 400, 1100)
CHROMIUM_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
# The same run is drawn many times on this page, which no notebook does: names of landmarks repeat here only.
AXE = """async () => (await axe.run('figure > div', {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'],
  rules: {'landmark-unique': {enabled: false}},
})).violations.flatMap(rule => rule.nodes.map(node =>
  `${rule.impact} ${rule.id}: ${node.target.join(' ')}: ${node.any.concat(node.all).map(a => a.message).join('; ')}`))"""
TOO_WIDE = """() => [...document.querySelectorAll('figure')].filter(figure =>
  [...figure.querySelectorAll('.inb, .inb-head, .inb-note, .inb-foot, .inb-btns')]
    .some(part => part.scrollWidth > part.clientWidth + 1)).map(figure => `wider than its card: ${figure.id}`)"""


def shoot(page: Page, out: Path, only: str, theme: str, width: int) -> list[str]:
    """Draw the gallery in one theme and width; return what is wrong with it."""
    query = f"theme={theme}&only={only}" + (f"&width={width}" if width else "")
    page.goto(f"{(HERE / 'index.html').as_uri()}?{query}")
    page.wait_for_selector("html[data-ready]", state="attached")
    page.screenshot(path=out / f"{only or 'all-'}{theme}-{width or 'drawn'}.png", full_page=True)
    return [f"{theme} {width or 'drawn'}: {problem}" for check in (AXE, TOO_WIDE) for problem in page.evaluate(check)]


def cards(page: Page, out: Path, wanted: list[str], theme: str) -> None:
    """Pictures of single cards, for the documentation."""
    for scene, _, name in (each.partition("=") for each in wanted):
        page.goto(f"{(HERE / 'index.html').as_uri()}?theme={theme}&only={scene}")
        page.wait_for_selector("html[data-ready]", state="attached")
        page.locator(f"#{scene} .inb").first.screenshot(path=out / f"{name}-{theme}.png")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--themes", nargs="+", default=THEMES)
    parser.add_argument("--cards", nargs="+", default=[], metavar="SCENE=NAME")
    parser.add_argument("--widths", nargs="+", type=int, default=WIDTHS)
    return parser.parse_args()


def main() -> int:
    """Build the gallery, take the pictures, report problems; the exit status says whether there were any."""
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    subprocess.run([shutil.which("node") or "node", "build.mjs", "--gallery"], cwd=HERE.parent, check=True)  # noqa: S603 - our own build
    problems: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # axe asks for style sheets by script, which file: pages may not.
        if message.type == "error" and "gallery.css" not in message.text and "ERR_FAILED" not in message.text:
            problems.append(f"console: {message.text}")

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_ARGS)
        page = browser.new_page(viewport={"width": 1660, "height": 900})
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.on("console", heard)
        page.add_init_script(path=HERE.parent / "node_modules" / "axe-core" / "axe.min.js")
        for theme in args.themes:
            cards(page, args.out, args.cards, theme)
            for width in () if args.cards else args.widths:
                problems += shoot(page, args.out, args.only, theme, width)
        browser.close()
    sys.stdout.write("".join(f"{problem}\n" for problem in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
