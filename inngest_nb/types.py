"""Names that the official SDK exports for annotations and results."""

from __future__ import annotations

import enum
import logging
from collections.abc import Mapping, Sequence

import pydantic

#: What crosses a step, function or event boundary.
JSON = bool | int | float | str | Mapping[str, object] | Sequence[object] | None

Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]


class EmptySentinel:
    """Stands for "nothing was given", which None could not."""


class Streaming(enum.Enum):
    """Whether an HTTP adapter sends bytes while a call runs. Calls do not go over HTTP here, so it changes nothing."""

    DISABLE = "disable"
    FORCE = "force"


class Opcode(enum.Enum):
    """What a step is on the wire."""

    AI_GATEWAY = "AIGateway"
    INVOKE = "InvokeFunction"
    PLANNED = "StepPlanned"
    SLEEP = "Sleep"
    STEP_ERROR = "StepError"
    STEP_FAILED = "StepFailed"
    STEP_RUN = "StepRun"
    WAIT_FOR_EVENT = "WaitForEvent"


class SendEventsResult(pydantic.BaseModel):
    """How a send went: the ids of the accepted events, and why the rest was not."""

    model_config = pydantic.ConfigDict(strict=True)

    error: str | None = None
    ids: list[str] = pydantic.Field(default_factory=list)
