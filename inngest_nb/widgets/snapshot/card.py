"""The parts that every card is made of: frame, header, banner and footer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from html import escape

from inngest_nb.widgets.snapshot import format as fmt

__all__ = ["COLORS", "MUTED", "Status", "body", "card", "footer", "header", "muted"]

#: Readable as graphics on white and on JupyterLab's dark background alike.
COLORS = {"run": "#2f7fd0", "ok": "#3f9a46", "ask": "#d97706", "bad": "#dc4a44", "idle": "#858585"}
MUTED = "opacity:0.72"
LINE = "rgba(128,128,128,0.35)"


@dataclasses.dataclass(frozen=True, slots=True)
class Status:
    """A state in a word, a sign and a role of colour."""

    value: str
    word: str
    glyph: str
    role: str

    @property
    def html(self) -> str:
        """The sign in its colour, then the word."""
        return f'<span style="color:{COLORS[self.role]};font-weight:bold">{self.glyph}</span>&nbsp;{escape(self.word)}'


def card(parts: Iterable[str]) -> str:
    """Return the root element, by whose class the live view hides it."""
    style = f"border:1px solid {LINE};border-radius:4px;font-size:13px;line-height:20px;max-width:1100px;margin:2px 0"
    return f'<div class="inb-snapshot" style="{style}">{"".join(parts)}</div>'


def header(status: Status, name: str, place: str, figures: Iterable[str], saved_at: float) -> str:
    """Return status, name, id, figures, and when it was saved."""
    left = f'{status.html}&nbsp;&nbsp; <b>{escape(name)}</b> <span style="font-family:monospace;font-size:12px;{MUTED}">{escape(place)}</span>'
    shown = [escape(figure) for figure in figures if figure]
    saved = f'<span title="{fmt.exact(saved_at)}" style="{MUTED}">Saved {fmt.hour_minute(saved_at)}</span>'
    right = " &nbsp; ".join([*shown, saved])
    style = f"display:flex;flex-wrap:wrap;justify-content:space-between;padding:8px 12px;border-bottom:1px solid {LINE}"
    return f'<div style="{style}"><div style="margin-right:16px">{left}</div><div>{right}</div></div>'


def banner() -> str:
    """Return the line that says that nothing here is live."""
    return (
        f'<div style="padding:4px 12px;font-size:12px;border-bottom:1px solid {LINE};background-color:rgba(128,128,128,0.1)">'
        "Last state saved with the notebook; run the cell for the live view.</div>"
    )


def body(html: str) -> str:
    """Return the main part of a card."""
    return f'<div style="padding:12px 16px 4px 16px;line-height:22px;overflow-wrap:break-word">{html}</div>'


def footer(figures: Iterable[str]) -> str:
    """Return the line of secondary figures; nothing without them."""
    shown = " &nbsp;&nbsp; ".join(escape(figure) for figure in figures)
    style = f"padding:6px 12px;font-size:12px;border-top:1px solid {LINE};{MUTED}"
    return f'<div style="{style}">{shown}</div>' if shown else ""


def muted(text: str) -> str:
    """Return secondary text."""
    return f'<span style="font-size:12px;{MUTED}">{escape(text)}</span>'
