"""Answers to questions: one that does not fit the form its question was asked with is refused, whoever sends it.

The form is the JSON Schema that the wait was registered with, so that no kernel is needed to say what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from inngest_nb.approvals import answer_data
from inngest_nb.engine.core import Core
from inngest_nb.engine.records import StoredEvent
from inngest_nb.errors import AnswerInvalidError
from inngest_nb.jsontext import loads

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError


def check_answer(core: Core, event: StoredEvent) -> None:
    """Raise unless the event fits the form of every question that it answers.

    Raises:
        AnswerInvalidError: it does not; its `errors` say where.
    """
    answer = event.as_object()["data"]
    if answer.get("approved") is not True:
        return
    for run_id, step_hash in core.waits.matching(event):
        schema = _form(core, run_id, step_hash)
        errors = [] if schema is None else problems(schema, answer_data(answer, schema))
        if errors:
            words = "; ".join(f"{'.'.join(map(str, error['path'])) or 'it'}: {error['message']}" for error in errors)
            raise AnswerInvalidError(f"the answer does not fit the form of its question: {words}", errors)


def _form(core: Core, run_id: str, step_hash: str) -> dict[str, Any] | None:
    rows = core.journal.steps(run_id, step_hash)
    opts = loads(rows[-1].opts) if rows and rows[-1].opts else None
    schema = opts.get("schema") if isinstance(opts, dict) else None
    return schema if isinstance(schema, dict) else None


def problems(schema: dict[str, Any], value: Any) -> list[dict[str, Any]]:
    """Where a value does not fit a JSON Schema: [{"path", "message"}], each place once."""
    from jsonschema import Draft202012Validator, FormatChecker
    from jsonschema.exceptions import best_match

    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    found: dict[tuple[Any, ...], str] = {}
    for error in validator.iter_errors(value):
        nearest = best_match([error]) or error  # of alternatives, the one that was meant
        for path, message in _places(nearest):
            found.setdefault(path, message)
    return [{"path": list(path), "message": message} for path, message in found.items()]


def _places(error: ValidationError) -> Iterator[tuple[tuple[Any, ...], str]]:
    path = tuple(error.absolute_path)
    if error.validator == "required" and isinstance(error.instance, dict):
        wanted: Any = error.validator_value
        missing = (name for name in wanted if name not in error.instance)
        yield from (((*path, name), "Field required") for name in missing)
    else:
        yield path, str(error.message)
