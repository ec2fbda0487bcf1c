"""The Markdown pages of the project: their code blocks, headings and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^( *)(`{3,})(.*)$")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|\b(?:src|srcset|href)=\"([^\"]+)\"")
_CODE = re.compile(r"`[^`]*`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block: what stands behind the fence ("python run"), its text, and the line of its first line."""

    info: str
    text: str
    line: int


def pages() -> list[Path]:
    """Every page, the README first."""
    return [*sorted(ROOT.glob("*.md"), reverse=True), *sorted(ROOT.glob("docs/**/*.md"))]


def name_of(page: Path) -> str:
    """How a page is called in test reports."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    fence: tuple[str, str, int] | None = None
    lines: list[str] = []
    for number, line in enumerate(page.read_text().splitlines(), 1):
        match = _FENCE.match(line)
        if fence is None and match:
            fence, lines = (match[2], match[3].strip(), number + 1), []
        elif fence is not None and line.strip() == fence[0]:
            found.append(Block(info=fence[1], text="\n".join(lines) + "\n", line=fence[2]))
            fence = None
        elif fence is not None:
            lines.append(line)
    return found


def prose(page: Path) -> list[str]:
    """The lines of a page outside its fenced blocks."""
    kept: list[str] = []
    inside = ""
    for line in page.read_text().splitlines():
        match = _FENCE.match(line)
        if not inside and match:
            inside = match[2]
        elif inside and line.strip() == inside:
            inside = ""
        elif not inside:
            kept.append(line)
    return kept


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as Git hosts make them."""
    return {_slug(match[1]) for line in prose(page) if (match := _HEADING.match(line))}


def links(page: Path) -> list[str]:
    """The targets of all links and images."""
    text = _CODE.sub("", "\n".join(prose(page)))
    return [first or second for first, second in _LINK.findall(text)]


def _slug(heading: str) -> str:
    plain = re.sub(r"[^\w\- ]", "", heading.replace("`", "")).strip().lower()
    return plain.replace(" ", "-")
