"""Errors for people: what they say and the user's frames, without those of this package."""

from __future__ import annotations

import traceback
from pathlib import Path

from inngest_nb.protocol import ErrorInfo

_OWN = str(Path(__file__).resolve().parents[1]) + "/"
_POOL = str(Path("concurrent", "futures", "thread.py"))
_MAX_STACK = 16_000
_MAX_MESSAGE = 64_000


def describe(exc: BaseException) -> ErrorInfo:
    """The error as it is kept: name, message and trimmed stack, whatever the exception is made of."""
    stack = "".join(_trimmed(traceback.TracebackException.from_exception(exc)).format())
    return {"name": _text(type(exc).__name__), "message": _text(_message(exc)), "stack": _text(stack)[-_MAX_STACK:]}


def _message(exc: BaseException) -> str:
    try:
        message = str(exc)
    except Exception:  # noqa: BLE001  # it is an outcome all the same
        return f"<{type(exc).__name__} cannot be shown: its str() failed>"
    if len(message) > _MAX_MESSAGE:
        return f"{message[:_MAX_MESSAGE]}… ({len(message) - _MAX_MESSAGE:,} characters more)"
    return message


def _text(value: str) -> str:
    """Text that JSON and databases hold: names of files may have lone surrogates in them."""
    return value.encode(errors="backslashreplace").decode()


def _trimmed(told: traceback.TracebackException) -> traceback.TracebackException:
    """Without our frames, also in what it came from."""
    told.stack[:] = [frame for frame in told.stack if not _is_machinery(frame.filename)]
    for other in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if other is not None:
            _trimmed(other)
    return told


def _is_machinery(filename: str) -> bool:
    """Ours, or the thread pool's that a sync step ran in."""
    return filename.startswith(_OWN) or filename.endswith(_POOL)
