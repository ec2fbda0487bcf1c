"""Markdown that a model wrote, as HTML that can do nothing: no raw HTML, no images, no links but to the web."""

from __future__ import annotations

import functools
from html import escape
from typing import Any
from urllib.parse import urlsplit

import mistune

from inngest_nb.widgets.snapshot.card import COLORS

__all__ = ["markdown_html"]

_SCHEMES = ("http", "https", "mailto")
_CODE = "font-family:monospace;font-size:12px;background-color:rgba(128,128,128,0.14);border-radius:3px"


class _Renderer(mistune.HTMLRenderer):
    """HTML with inline styles; everything that is not Markdown is escaped by the base class."""

    def __init__(self) -> None:
        super().__init__(escape=True)

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        size = {1: 17, 2: 16}.get(level, 15)
        return f'<p style="font-weight:bold;font-size:{size}px;margin:0 0 8px 0">{text}</p>\n'

    def paragraph(self, text: str) -> str:
        return f'<p style="margin:0 0 8px 0">{text}</p>\n'

    def codespan(self, text: str) -> str:
        return f'<code style="{_CODE};padding:1px 4px">{escape(text)}</code>'

    def block_code(self, code: str, info: str | None = None) -> str:
        return (
            f'<pre style="{_CODE};padding:8px 12px;margin:0 0 8px 0;line-height:18px;white-space:pre-wrap">'
            f"{escape(code)}</pre>\n"
        )

    def link(self, text: str, url: str, title: str | None = None) -> str:
        if urlsplit(url.strip()).scheme.lower() not in _SCHEMES:
            return text
        return f'<a href="{escape(url)}" style="color:{COLORS["run"]}" rel="noopener noreferrer" target="_blank">{text}</a>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return f"[{text or 'image'}]"  # loading it would tell its server that this notebook was opened


@functools.cache
def _markdown() -> mistune.Markdown:
    return mistune.create_markdown(renderer=_Renderer(), plugins=["strikethrough", "table"])


def markdown_html(text: str) -> str:
    """Return the HTML of Markdown text."""
    return str(_markdown()(text))
