"""A finished run as a pytest case: what its steps returned becomes stubs, what it returned becomes the assertion."""

from __future__ import annotations

import pprint
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inngest_nb.errors import InngestError
from inngest_nb.event import Event
from inngest_nb.jsontext import loads
from inngest_nb.testing.sources import definition

if TYPE_CHECKING:
    from inngest_nb.function import Function
    from inngest_nb.links import Link
    from inngest_nb.run import Run

_WIDTH = 100
_NOT_STUBBED = frozenset({"sleep", "realtime.publish"})  # they pass at once, into an engine in memory

_CASE = '''"""What {fn_id} did with {event} in run {run_id}."""

from __future__ import annotations

import inngest_nb
from inngest_nb import testing
{definition}


def test_{name}_{status}() -> None:
    result = testing.trigger(
        {name},
        {events},
        step_stubs={stubs},
    ).result()
    assert result.status == "{status}"
    {assertion}
    assert [step.id for step in result.steps] == {steps}
'''


def case_of(run: Run, function: Function[Any], steps: list[dict[str, Any]], import_from: str | None) -> str:
    """The source of the case. `steps` are the last attempts, in order, with their outputs.

    Raises:
        InngestError: the run has not ended, or the function cannot be written down.
    """
    status = run.status
    if status not in ("completed", "failed"):
        raise InngestError(f"run {run.id} is {status}; a test can be written of one that has completed or failed")
    source, name = definition(function, import_from)
    events = [_event(event) for event in run.events]
    return _CASE.format(
        fn_id=function.id,
        event=run.event.name,
        run_id=run.id,
        definition=source,
        name=name,
        status=status,
        events=events[0] if len(events) == 1 else f"[{', '.join(events)}]",
        stubs=_dict(_stubs(steps), indent=8),
        assertion=_assertion(run),
        steps=_shown([step["step_id"] for step in steps], indent=4),
    )


def save(text: str, path: str | Path, function: Function[Any]) -> None:
    """Write the case to a file, or to one named after the function in a directory."""
    target = Path(path)
    if target.is_dir():
        target = target / f"test_{re.sub(r'[^0-9a-zA-Z]+', '_', function.local_id)}.py"
    target.write_text(text)


def _assertion(run: Run) -> str:
    if run.status == "completed":
        return f"assert result.output == {_shown(run.output, indent=4)}"
    error = run.error or {}
    return f'assert (result.error["name"], result.error["message"]) == ({error["name"]!r}, {error["message"]!r})'


def _stubs(steps: list[dict[str, Any]]) -> dict[str, str]:
    """By id; an id that came up more than once gets what it returned each time, in turn."""
    found: dict[str, list[str]] = {}
    for step in steps:
        if step["op"] not in _NOT_STUBBED and step["status"] in ("completed", "timed_out", "failed"):
            found.setdefault(step["step_id"], []).append(_stub(step))
    return {step_id: stubs[0] if len(stubs) == 1 else _in_turn(stubs) for step_id, stubs in found.items()}


def _in_turn(stubs: list[str]) -> str:
    return f"iter([{', '.join(stubs)}]).__next__"


def _stub(step: dict[str, Any]) -> str:
    if step["status"] == "failed":
        error = step["error"]
        return f"inngest_nb.StepError({error['message']!r}, {error['name']!r}, None)"
    if step["op"] != "wait_for_event":
        return _shown(step.get("output"), indent=12)
    answer = step.get("output")
    return "testing.Timeout" if answer is None else _event(Event(**answer))


def _event(event: Event) -> str:
    parts = [
        f"name={event.name!r}",
        f"data={_shown(dict(event.data), indent=12)}",
        f"id={event.id!r}",
        f"ts={event.ts}",
    ]
    return f"inngest_nb.Event({', '.join(parts)})"


def _dict(items: dict[str, str], *, indent: int) -> str:
    pad = " " * indent
    return (
        "{"
        + "".join(f"\n{pad}    {key!r}: {value}," for key, value in items.items())
        + (f"\n{pad}}}" if items else "}")
    )


def _shown(value: Any, *, indent: int) -> str:
    text = pprint.pformat(value, width=_WIDTH - indent, sort_dicts=False)
    return text.replace("\n", "\n" + " " * indent)


def steps_of(link: Link, run_id: str) -> list[dict[str, Any]]:
    """The last attempt of every step of a run with its output, in the order in which it met them."""
    view = loads(link.call("view", {"run_id": run_id}))
    last = {step["hash"]: step for step in view["steps"]}
    return [_with_output(link, step) for step in sorted(last.values(), key=lambda step: step["index"])]


def _with_output(link: Link, step: dict[str, Any]) -> dict[str, Any]:
    attempts = loads(link.call("attempts", {"run_id": step["run_id"], "hash": step["hash"]}))
    return {**step, "output": attempts[-1].get("output"), "error": attempts[-1].get("error")}
