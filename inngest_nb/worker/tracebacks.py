"""Tracebacks for people: the user's frames, without those of this package."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType

from inngest_nb.protocol import ErrorInfo

_OWN = str(Path(__file__).resolve().parents[1]) + "/"
_POOL = str(Path("concurrent", "futures", "thread.py"))
_MAX_STACK = 16_000


def trim(tb: TracebackType | None) -> TracebackType | None:
    """The same traceback without our frames; unchanged if there would be nothing left."""
    kept = [(frame, line) for frame, line in traceback.walk_tb(tb) if not _is_machinery(frame.f_code.co_filename)]
    result: TracebackType | None = None
    for frame, line in reversed(kept):
        result = TracebackType(result, frame, frame.f_lasti, line)
    return result or tb


def _is_machinery(filename: str) -> bool:
    """Ours, or the thread pool's that a sync step ran in."""
    return filename.startswith(_OWN) or filename.endswith(_POOL)


def describe(exc: BaseException) -> ErrorInfo:
    """The error as it is kept: name, message and trimmed stack."""
    stack = "".join(traceback.format_exception(type(exc), exc, trim(exc.__traceback__)))
    return {"name": type(exc).__name__, "message": str(exc), "stack": stack[-_MAX_STACK:]}
