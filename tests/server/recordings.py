"""Traffic recorded from Inngest's own server: what was asked, and whether our answer has the same form."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "data" / "wire"
ANY = "<any>"
_ULID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"
_KINDS = {
    "ulid": _ULID,
    "uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "ts": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
    "ms": r"\d{13}",
    "any": r"(?s:.*)",
}
_PLACE = re.compile(r"<(ulid|uuid|ts|ms|any)(#\d+)?>")
_MORE = re.compile(r"<\.\.\. (\d+) more \.\.\.>")


def cases(file: str) -> dict[str, dict[str, Any]]:
    """The cases of one file by id."""
    recorded = json.loads((FOLDER / file).read_text())["cases"]
    return {case["id"]: case for case in recorded}


def expanded(value: Any) -> Any:
    """A recorded request value with its long texts and lists as they were sent."""
    if isinstance(value, dict) and "$big" in value:
        return value["$big"]["head"][0] * value["$big"]["len"]
    if isinstance(value, dict):
        return {key: expanded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [expanded(item) for entry in value for item in _items(entry, value[0])]
    return value


def _items(entry: Any, like: Any) -> list[Any]:
    more = _MORE.fullmatch(entry) if isinstance(entry, str) else None
    return [like] * int(more[1]) if more else [entry]


class Comparison:
    """Compares what was recorded with what is; a numbered placeholder means the same value each time in one case."""

    def __init__(self) -> None:
        self.bound: dict[str, str] = {}

    def fill(self, text: str, unknown: str) -> str:
        """A recorded text with the values that were seen for its placeholders."""
        return _PLACE.sub(lambda match: self.bound.setdefault(match[0], unknown), text)

    def differences(self, recorded: Any, actual: Any, path: str = "$") -> list[str]:
        """What is not as it was recorded; the order of fields counts."""
        if isinstance(recorded, dict) and isinstance(actual, dict):
            if list(recorded) != list(actual):
                return [f"{path} has the fields {list(actual)}, recorded were {list(recorded)}"]
            pairs = [(recorded[key], actual[key], f"{path}.{key}") for key in recorded]
        elif isinstance(recorded, list) and isinstance(actual, list):
            if not any(isinstance(item, str) and _MORE.fullmatch(item) for item in recorded):
                pairs = [
                    (item, other, f"{path}[{i}]") for i, (item, other) in enumerate(zip(recorded, actual, strict=False))
                ]
                if len(recorded) != len(actual):
                    return [f"{path} has {len(actual)} items, recorded were {len(recorded)}"]
            else:
                length = sum(len(_items(item, None)) for item in recorded)
                return [] if len(actual) == length else [f"{path} has {len(actual)} items, recorded were {length}"]
        elif isinstance(recorded, str) and _PLACE.search(recorded):
            return self._text(recorded, actual, path)
        else:
            same = type(recorded) is type(actual) and recorded == actual
            return [] if same else [f"{path} is {actual!r}, recorded was {recorded!r}"]
        return [fault for pair in pairs for fault in self.differences(*pair)]

    def _text(self, recorded: str, actual: Any, path: str) -> list[str]:
        if actual == recorded:
            return []
        pattern = ""
        names: list[str] = []
        end = 0
        for match in _PLACE.finditer(recorded):
            known = self.bound.get(match[0]) if match[2] else None
            pattern += (
                re.escape(recorded[end : match.start()])
                + f"(?P<p{len(names)}>{re.escape(known) if known else _KINDS[match[1]]})"
            )
            names.append(match[0])
            end = match.end()
        found = re.fullmatch(
            pattern + re.escape(recorded[end:]), actual if isinstance(actual, str) else json.dumps(actual)
        )
        if found is None:
            return [f"{path} is {actual!r}, recorded was {recorded!r}"]
        for number, name in enumerate(names):
            if "#" in name:
                self.bound[name] = found[f"p{number}"]
        return []
