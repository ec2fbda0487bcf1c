"""The CEL dialect of Inngest: parse, check, evaluate, bind waits to their trigger event, and index them."""

from __future__ import annotations

from inngest_nb.expressions.binding import Bound, bind
from inngest_nb.expressions.checks import check
from inngest_nb.expressions.expression import Expression, compiled, key, key_or_off, matches
from inngest_nb.expressions.wait_index import WaitIndex

__all__ = ["Bound", "Expression", "WaitIndex", "bind", "check", "compile", "key", "key_or_off", "matches"]

compile = compiled  # noqa: A001  # the word for it; always called as expressions.compile
