"""What a published body is as JSON text: parts of it are never parsed and written again."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from inngest_nb.errors import PayloadError

ADVICE = "Publish a reference, or several smaller messages"
_OUTSIDE_TEXTS = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\n\r]+')


def body_as_json(body: bytes) -> str:
    """The body if it is JSON, else a JSON text of it, as Inngest's server decides.

    Raises:
        PayloadError: it is JSON that this engine's readers could not read.
    """
    text = body.decode(errors="replace")
    try:
        return json_text(text)
    except ValueError:
        return orjson.dumps(text).decode()


def json_text(text: str) -> str:
    """JSON without the blanks between its parts; numbers and keys stay as they were written.

    Raises:
        ValueError: it is not JSON.
        PayloadError: it is, but it is nested too deep, holds a lone surrogate or a number beyond all bounds.
    """
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        if _is_json(text):
            raise PayloadError(f"this JSON cannot be kept: {exc.msg}. {ADVICE}") from None
        raise ValueError("not JSON") from None
    return _OUTSIDE_TEXTS.sub(lambda part: part[1] or "", text)


def _is_json(text: str) -> bool:
    try:
        _strictly.decode(text)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def _not_json(name: str) -> Any:
    raise ValueError(name)


_strictly = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_not_json)
