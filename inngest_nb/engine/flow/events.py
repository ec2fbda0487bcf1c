"""What an event must be to be accepted, and the form in which it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inngest_nb.errors import EventInvalidError
from inngest_nb.jsontext import dumps

MAX_EVENT_BYTES = 3 * 1024 * 1024
MAX_EVENTS = 5000
MAX_SESSIONS, MAX_SESSION_KEY_BYTES, MAX_SESSION_VALUE_BYTES = 5, 128, 1024
OLDEST_TS_MS, NEWEST_TS_MS = 315_532_800_000, 4_102_444_800_000  # 1980 and 2100
_ENDLESS = (float("inf"), float("-inf"))  # what Python reads of 1e999
_KNOWN_FIELDS = frozenset({"name", "data", "id", "ts", "user", "v", "meta"})


def validate_event(
    event: Mapping[str, Any], *, now_ms: int, position: int = 0, internal: bool = False
) -> dict[str, Any]:
    """The event with its defaults: name, data and ts always; id, user, v and meta where given.

    `internal` events may use the names that begin with inngest/ and the field data._inngest.

    Raises:
        EventInvalidError: the message names the event (by `position`), the field and what is wanted.
    """
    where = f"event {position}" if position else "the event"
    if not isinstance(event, Mapping):
        raise EventInvalidError(f"{where} must be an object with a name and data, not {_kind(event)}")
    name = _name(event.get("name"), where, internal=internal)
    where = f"{where} ({name[:80]!r})"
    data = _object(event.get("data"), f"data of {where}")
    checked: dict[str, Any] = {
        "name": name,
        "data": data if internal else {key: value for key, value in data.items() if key != "_inngest"},
        "ts": _timestamp(event.get("ts"), where) or now_ms,
    }
    texts = {field: _text(event.get(field), f"{field} of {where}") for field in ("id", "v")}
    checked |= {field: text for field, text in texts.items() if text}
    if user := _object(event.get("user"), f"user of {where}"):
        checked["user"] = user
    if sessions := _sessions(_object(event.get("meta"), f"meta of {where}"), where):
        checked["meta"] = {"sessions": sessions}
    check_size(event, where)
    return checked


def check_size(event: Mapping[str, Any], where: str) -> None:
    """Refuse what is not JSON or too large."""
    try:
        size = len(dumps({key: value for key, value in event.items() if key in _KNOWN_FIELDS}).encode())
    except TypeError as exc:
        raise EventInvalidError(f"{where} must be JSON: {exc}") from None
    if size > MAX_EVENT_BYTES:
        raise EventInvalidError(
            f"{where} has {size} bytes, at most {MAX_EVENT_BYTES} are possible; send a reference to the data instead"
        )


def _kind(value: object) -> str:
    return "null" if value is None else f"a {type(value).__name__}"


def _name(name: object, where: str, *, internal: bool) -> str:
    if name is None or name == "":
        raise EventInvalidError(f'{where} has no name; give it one such as "app/user.created"')
    if not isinstance(name, str):
        raise EventInvalidError(f"the name of {where} must be a text, not {_kind(name)}")
    if name.lower().startswith("inngest/") and not internal:
        raise EventInvalidError(
            f"the name of {where}, {name!r}, begins with inngest/, which is reserved; choose another prefix"
        )
    return name


def _object(value: object, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise EventInvalidError(f"the {what} must be an object, not {_kind(value)}")
    return dict(value)


def _text(value: object, what: str) -> str:
    if value is not None and not isinstance(value, str):
        raise EventInvalidError(f"the {what} must be a text, not {_kind(value)}")
    return value or ""


def _timestamp(ts: object, where: str) -> int:
    """Milliseconds since the epoch, 0 for now."""
    if ts is None:
        return 0
    if isinstance(ts, bool) or not isinstance(ts, int):
        raise EventInvalidError(f"the ts of {where} must be whole milliseconds since 1970, not {ts!r}")
    if ts and not OLDEST_TS_MS <= ts < NEWEST_TS_MS:
        hint = "; it looks like seconds, multiply by 1000" if 0 < ts < OLDEST_TS_MS else ""
        raise EventInvalidError(
            f"the ts of {where}, {ts}, is not between 1980 and 2100 in milliseconds since 1970{hint}"
        )
    return ts


def _sessions(meta: Mapping[str, Any], where: str) -> dict[str, str]:
    """Sessions of the event; what it inherited counts where it says nothing itself."""
    own = _object(meta.get("sessions"), f"meta.sessions of {where}")
    inherited = _object(meta.get("propagated_sessions"), f"meta.propagated_sessions of {where}")
    found = {key: _session(key, value, where) for key, value in {**inherited, **own}.items() if value is not None}
    if len(found) > MAX_SESSIONS:
        raise EventInvalidError(f"{where} has {len(found)} sessions, at most {MAX_SESSIONS} are possible")
    return found


def _session(key: str, value: object, where: str) -> str:
    if key == "":
        raise EventInvalidError(f"a session of {where} has an empty key")
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or value in _ENDLESS:
        raise EventInvalidError(f"session {key!r} of {where} must be a text or a number, not {_kind(value)}")
    text = value if isinstance(value, str) else dumps(value)
    if len(key.encode()) > MAX_SESSION_KEY_BYTES or len(text.encode()) > MAX_SESSION_VALUE_BYTES:
        raise EventInvalidError(
            f"session {key[:40]!r} of {where} is too long: {MAX_SESSION_KEY_BYTES} bytes for the key, {MAX_SESSION_VALUE_BYTES} for the value"
        )
    return text
